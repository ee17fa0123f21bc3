"""What the service has to know of a fitted model is found when it is trained."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from model import features
from slipway.bundle import serveable
from slipway.cli import ROOT
from slipway.errors import ModelRefused
from slipway.serving import frames
from slipway.serving.declared import Feature

ROWS = pd.DataFrame({"town": ["a", "b", "a", "b"] * 10, "size": np.arange(40.0)})
SIZE = Feature("size", float, (), False, False)
OPEN, FREE = Feature("town", str, ("a", "b"), True, False), Feature("town", str, (), False, False)
CLOSED = Feature("town", str, ("a", "b"), False, False)


@pytest.fixture(params=[OPEN, FREE, CLOSED], ids=["open", "free", "closed"])
def town(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Feature:
    """A feature with words, as it may be declared."""
    for module in (serveable, frames):
        monkeypatch.setattr(module, "FEATURES", [request.param, SIZE])
    monkeypatch.setattr(features, "TASK", "regression")
    found: Feature = request.param
    return found


def fitted(encoder: Any) -> Any:
    """Return a pipeline with an encoder of words."""
    encode = make_column_transformer((encoder, ["town"]), remainder="passthrough")
    return make_pipeline(encode, Ridge()).fit(ROWS, ROWS["size"] * 2)


def test_a_model_that_cannot_answer_a_new_word_is_refused_where_a_request_may_have_one(town: Feature) -> None:
    strict = fitted(OneHotEncoder(handle_unknown="error", sparse_output=False))
    if town is CLOSED:
        serveable.refuse_unanswered(strict, ROWS)
        return
    may_be, edit = (serveable.CATEGORY, serveable.ENCODE) if town is OPEN else (serveable.TEXT, serveable.PARSE)
    found = (
        rf"town may be {may_be}, and the model cannot answer 'a word that nobody uses' \(ValueError: Found unknown.*Next: {re.escape(edit)}"
    )
    with pytest.raises(ModelRefused, match=found):
        serveable.refuse_unanswered(strict, ROWS)


@pytest.mark.parametrize(
    "encoder",
    [OneHotEncoder(handle_unknown="ignore", sparse_output=False), OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)],
    ids=["one-hot", "ordinal"],
)
@pytest.mark.usefixtures("town")
def test_a_model_that_can_is_not(encoder: Any) -> None:
    serveable.refuse_unanswered(fitted(encoder), ROWS)


def answered(model: Any) -> Any:
    """Return a model's own answers."""
    return np.asarray(model.predict(ROWS))


@pytest.mark.usefixtures("town")
def test_the_compiled_model_is_held_against_the_whole_reference_dataset() -> None:
    model = fitted(OneHotEncoder(handle_unknown="ignore", sparse_output=False))
    found, _ = serveable.compile_model(model, ROWS, answered(model))
    assert found.reason is None
    assert found.difference is not None
    assert found.difference <= 1e-9


@pytest.mark.usefixtures("town")
def test_one_row_off_is_enough_to_let_the_pipeline_answer() -> None:
    model = fitted(OneHotEncoder(handle_unknown="ignore", sparse_output=False))
    answers = answered(model)
    answers[-1] *= 1 + 1e-6
    found, _ = serveable.compile_model(model, ROWS, answers)
    assert found.reason is not None
    assert found.reason.startswith("compiled, it answers 1e-06 off")


class Own(Ridge):  # type: ignore[misc]
    """An estimator of somebody's own."""

    def predict(self, rows: Any) -> Any:
        """Answer something."""
        if not hasattr(rows, "columns"):
            raise TypeError("a DataFrame is needed")
        return np.zeros(len(rows))


@pytest.mark.usefixtures("town")
def test_why_a_model_is_not_compiled_is_said() -> None:
    model = Own().fit(ROWS[["size"]], ROWS["size"])
    found, _ = serveable.compile_model(model, ROWS, answered(model))
    assert found.difference is None
    assert found.reason


@pytest.mark.parametrize(("feature", "unseen"), [(Feature("x", int, (1, 5), True, False), 6), (OPEN, "a word that nobody uses")])
def test_an_unseen_value_is_none_of_the_categories(feature: Feature, unseen: Any) -> None:
    assert serveable.make_unseen(feature) == unseen


@pytest.mark.parametrize(
    "answers", [np.arange(40.0), np.column_stack([np.linspace(0, 1, 40), np.linspace(1, 0, 40)])], ids=["one", "classes"]
)
@pytest.mark.usefixtures("town")
def test_shares_are_of_all_rows(answers: Any) -> None:
    found = serveable.make_bins(ROWS, answers)
    shares: Sequence[Sequence[float]] = [found.predictions.shares, *(each.shares for each in found.features.values())]
    assert [sum(each) for each in shares] == pytest.approx([1.0] * 3)


# --- golden rows


def short(number: int) -> dict[str, Any]:
    """Return a small row."""
    return {"size": number, "text": "x"}


def long(number: int, size: int = 1000) -> dict[str, Any]:
    """Return a row with much text, which takes six times as much in some JSON."""
    return {"size": number, "text": "ü" * size}


def fits(rows: Sequence[Any], chosen: Sequence[int], max_rows: int, max_bytes: int) -> bool:
    """Tell whether the chosen rows fit one request."""
    return 0 < len(chosen) <= max_rows and len(json.dumps([rows[each] for each in chosen])) <= max_bytes


@pytest.mark.parametrize("number", [1, 3, 20, 21, 2168])
def test_golden_rows_are_spread_over_all(number: int) -> None:
    rows = [short(each) for each in range(number)]
    expected = np.unique(np.linspace(0, number - 1, 20).astype(int)).tolist()
    assert serveable.choose_golden_rows(rows, 1000, 2_000_000) == expected


@pytest.mark.parametrize("max_rows", [1, 2, 19, 20, 1000])
@pytest.mark.parametrize("max_bytes", [60, 500, 6100, 6200, 13_000, 2_000_000])
def test_golden_rows_fit_one_request(max_rows: int, max_bytes: int) -> None:
    rows = [long(each) if each % 3 else short(each) for each in range(100)]
    chosen = serveable.choose_golden_rows(rows, max_rows, max_bytes)
    assert fits(rows, chosen, max_rows, max_bytes)
    assert len(set(chosen)) == len(chosen)
    assert sorted(chosen) == chosen


def test_as_many_golden_rows_as_fit_are_taken() -> None:
    rows = [long(each) for each in range(100)]
    size = len(json.dumps(rows[10:17]))
    assert len(serveable.choose_golden_rows(rows, 1000, size)) == 7
    assert len(serveable.choose_golden_rows(rows, 1000, size - 10)) == 6


def test_golden_rows_fit_a_command_line_whatever_a_request_may_have() -> None:
    rows = [long(each, 50_000) for each in range(30)]
    chosen = serveable.choose_golden_rows(rows, 1000, 100_000_000)
    assert fits(rows, chosen, 1000, serveable.PROOF_BYTES)


def test_where_no_row_fits_the_setting_is_named() -> None:
    with pytest.raises(ModelRefused, match=r"6\d\d\d bytes or more as JSON, and a request may have 3000 .*raise max_body_bytes"):
        serveable.choose_golden_rows([long(each) for each in range(10)], 1000, 3000)


def test_a_serving_config_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text((ROOT / "service" / "config.toml").read_text(encoding="utf-8"), encoding="utf-8")
    assert serveable.read_config(path).max_rows >= 1
    path.write_text("max_rows = 0\n", encoding="utf-8")
    with pytest.raises(
        ModelRefused,
        match=r"config\.toml cannot be read: max_rows: Input should be .*; and 2 more\. .*Next: correct it, then \./run train\.",
    ):
        serveable.read_config(path)
