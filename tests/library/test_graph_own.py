"""A function in `model/` that takes what comes in is called before the graph, without pandas; one that wants a DataFrame is said."""

import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from slipway.adopt.baseline import format_steps
from slipway.bundle.graph import NotCompiled, compile_pipeline, list_modules
from slipway.serving.derived import Derived, build_deriver
from slipway.serving.graph import LoadedGraph

ROWS = pd.DataFrame(
    {
        "at": pd.Series(["2026-01-31T15:00:00", "2025-12-01", None, "no time"] * 10, dtype="str"),
        "seen": pd.Series(["2026-07-04T00:30:00", None] * 20, dtype="str"),
        "note": pd.Series(["a good one", None, "bad", "good and bad"] * 10, dtype="str"),
        "size": np.arange(40.0),
        "price": np.arange(40.0) % 7 + 1,
    }
)
TARGET = ROWS["size"] + 3 * (ROWS["note"] == "bad")
OTHERS = """

def share(rows):
    return np.column_stack([rows["size"] / rows["price"], rows["size"] > 5])


def wants_a_frame(rows):
    return rows.assign(twice=rows["size"] * 2)[["twice"]]


def counts_rows(rows):
    return np.full((len(rows), 1), len(rows))
"""


@pytest.fixture(autouse=True)
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`model/steps.py`, as adopt drafts it, with more functions."""
    module = types.ModuleType("model.steps")
    exec(format_steps("split_times") + format_steps("fill_text").partition("from typing import Any")[2] + OTHERS, module.__dict__)  # noqa: S102
    monkeypatch.setitem(sys.modules, "model.steps", module)
    return module


def columns(rows: pd.DataFrame) -> dict[str, Any]:
    """Rows as a compiled model takes them."""
    return {name: rows[name].astype(object).where(rows[name].notna(), None).to_numpy() for name in map(str, rows)}


def compiled(pipeline: Any) -> bytes:
    """The graph of a pipeline."""
    return compile_pipeline(pipeline.fit(ROWS, TARGET), [*ROWS], "regression", columns(ROWS.head(2)))


def own(name: str, steps: Any) -> FunctionTransformer:
    """A transformer by a function of `model/steps.py`."""
    return FunctionTransformer(getattr(steps, name))


def hold(pipeline: Any, content: bytes) -> None:
    """Hold a graph against its pipeline: all rows, one, and none of them missing or known."""
    answer = LoadedGraph(content, "regression").answer
    for rows in (ROWS, ROWS.tail(1), ROWS.iloc[[2]], ROWS.head(3).assign(note="unheard of", at="2024-02-29T23:59:59")):
        np.testing.assert_allclose(answer(columns(rows)), pipeline.predict(rows), rtol=0, atol=1e-9)


Make = Callable[[Any], Any]
PIPELINES: dict[str, Make] = {
    "times for trees": lambda steps: make_pipeline(
        ColumnTransformer([("times", own("split_times", steps), ["at", "seen"])], remainder="drop"),
        HistGradientBoostingRegressor(max_iter=5),
    ),
    "times for a line": lambda steps: make_pipeline(
        ColumnTransformer(
            [
                ("times", make_pipeline(own("split_times", steps), SimpleImputer(), StandardScaler()), ["at"]),
                ("hours", make_pipeline(own("split_times", steps), OneHotEncoder(handle_unknown="ignore")), ["seen"]),
                ("size", "passthrough", ["size"]),
            ]
        ),
        Ridge(),
    ),
    "texts": lambda steps: make_pipeline(
        ColumnTransformer([("text of note", make_pipeline(own("fill_text", steps), TfidfVectorizer()), "note")]), Ridge()
    ),
    "numbers": lambda steps: make_pipeline(ColumnTransformer([("share", own("share", steps), ["size", "price"])]), Ridge()),
    "first of all": lambda steps: make_pipeline(own("share", steps), StandardScaler(), Ridge()),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_a_function_of_model_is_called_before_the_graph(name: str, steps: Any) -> None:
    pipeline = PIPELINES[name](steps)
    content = compiled(pipeline)
    assert list_modules(content) == ["model.steps"]
    hold(pipeline, content)


def test_a_graph_without_one_names_no_module() -> None:
    assert list_modules(compiled(make_pipeline(ColumnTransformer([("size", "passthrough", ["size"])]), Ridge()))) == []


def test_a_function_that_wants_a_data_frame_is_said(steps: Any) -> None:
    pipeline = make_pipeline(ColumnTransformer([("twice", own("wants_a_frame", steps), ["size"])]), Ridge())
    with pytest.raises(NotCompiled, match=r"^columntransformer\.twice: model\.steps\.wants_a_frame takes no plain arrays \(Attr"):
        compiled(pipeline)


def test_a_function_of_what_another_step_made_is_said(steps: Any) -> None:
    pipeline = make_pipeline(
        ColumnTransformer([("scale", StandardScaler(), ["size", "price"])], verbose_feature_names_out=False).set_output(transform="pandas"),
        own("share", steps),
        Ridge(),
    )
    with pytest.raises(NotCompiled, match=r"^functiontransformer applies model\.steps\.share to what another step has made\.$"):
        compiled(pipeline)


def test_a_function_that_counts_rows_otherwise_answers_otherwise(steps: Any) -> None:
    """Of a dict it counts the columns: nothing here refuses that, and the comparison with the pipeline does."""
    pipeline = make_pipeline(ColumnTransformer([("rows", own("counts_rows", steps), ["size"]), ("size", "passthrough", ["size"])]), Ridge())
    with pytest.raises((NotCompiled, ValueError, KeyError, IndexError, AssertionError)):
        hold(pipeline, compiled(pipeline))


def test_a_graph_calls_nothing_outside_of_model() -> None:
    with pytest.raises(ValueError, match=r"^os\.system does not stand in model/\.$"):
        build_deriver(Derived("os.system", ("note",), True, "x"))
