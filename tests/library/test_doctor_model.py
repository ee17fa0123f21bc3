"""What the doctor says of the model's folder: each thing it may find has been put there."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import pytest
from pandas.api.types import is_numeric_dtype
from pydantic import BaseModel, ConfigDict, Field
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder

from model import behaviour, estimator, features, metrics
from slipway import project, rules
from slipway.bundle import serveable
from slipway.cli import ROOT
from slipway.doctor import model, quick
from slipway.doctor.datasets import import_file
from slipway.doctor.draft import draft_columns
from slipway.doctor.finding import GOOD, MEND, NOTE, Finding
from slipway.doctor.source import draft_suite
from slipway.gate import dataset, expectations
from slipway.gate.losses import balanced_log_loss, brier, log_loss
from slipway.gate.scoring import compute_metrics
from slipway.project import Project
from slipway.serving.declared import FEATURES
from slipway.serving.manifest import Compiled

COLUMNS = dataset.list_inputs()


@pytest.fixture
def own(tmp_path: Path) -> Project:
    """This project with data and rules that may be changed."""
    for folder in ("data", "validation", "requirements"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return replace(project.load(ROOT), root=tmp_path)


def change(path: Path, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change a dataset."""
    edit(dataset.read(path)).to_csv(path, index=False)


def to_mend(findings: list[Finding]) -> Finding:
    """Return the one thing to mend."""
    [found] = [each for each in findings if each.state == MEND]
    assert found.why
    assert found.fix
    return found


def test_a_model_that_is_ready_is_said_to_be(own: Project) -> None:
    found = [each for each in model.check_model(own) if each.state != NOTE]
    assert {each.what: each.state for each in found} == dict.fromkeys(
        (
            "model/",
            "model/features.py",
            "expectations",
            "reference dataset",
            "model/estimator.py",
            "model/behaviour.py",
            "validation/thresholds.toml",
            "image",
        ),
        GOOD,
    )


def test_a_model_that_cannot_be_imported_is_all_there_is_to_say(own: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "model.estimator", None)
    monkeypatch.delattr("model.estimator")
    found = model.check_model(own)
    assert len(found) == 1
    assert "ModuleNotFoundError: import of model.estimator halted" in to_mend(found).found


def test_a_dataset_that_is_not_there(own: Project) -> None:
    own.train_data.unlink()
    assert "train.csv cannot be loaded" in to_mend(model.check_model(own)).found


def test_reference_rows_that_were_learnt_from(own: Project) -> None:
    rows = dataset.read(own.root / "validation" / "reference.csv")
    change(own.train_data, lambda all_rows: pd.concat([all_rows, rows], ignore_index=True))
    found = to_mend([each for each in model.check_model(own) if each.what == "reference dataset"])
    assert f"{len(rows)} of its rows are also in data/train.csv, such as 0, 1, 2" in found.found


def test_expectations_of_another_model_and_the_draft_that_would_do(own: Project) -> None:
    suite = own.root / "validation" / "expectations.json"
    suite.write_text('{"name": "rows", "expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "other"}}]}')
    found = to_mend(model.check_model(own))
    assert (
        "they name other, which are not columns; 1 do not hold for data/train.csv, such as expect_column_to_exist of other" in found.found
    )
    draft = own.root / "build" / "expectations.json"
    checked = expectations.check(dataset.read(own.train_data), draft)
    assert (checked.expectations > len(COLUMNS), checked.findings) == (True, [])


# --- the estimator, of a project whose data stays as it is


@contextmanager
def built(pipeline: Any) -> Iterator[None]:
    """Have the owner build another pipeline."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimator, "build", lambda: deepcopy(pipeline))
        yield


def fits(own: Project) -> Finding:
    """Return what is found of the estimator."""
    return quick.check_fit(own, dataset.read(own.train_data))[0]


def last() -> Any:
    """Return an estimator for the task, which takes numbers only."""
    return LinearRegression() if features.TASK == "regression" else LogisticRegression()


def numbers(function: Any) -> Any:
    """Return a pipeline that does something with one column of a row, that of the most values, each as a number."""
    rows = dataset.read(ROOT / "data" / "train.csv")
    name = max(COLUMNS, key=lambda name: rows[name].nunique())
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    return make_pipeline(make_column_transformer((make_pipeline(encode, function), [name])), last())


def of_the_batch(values: Any) -> Any:
    """Return how far each value is from the mean of the batch."""
    return np.asarray(values) - np.asarray(values).mean()


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        (SimpleNamespace(), "returns a SimpleNamespace, which has no fit"),
        (numbers(FunctionTransformer(lambda values: values)), "<lambda>"),
        (numbers(FunctionTransformer(of_the_batch)), "tests.library.test_doctor_model.of_the_batch"),
    ],
    ids=["no estimator", "lambda", "not in model"],
)
def test_an_estimator_that_cannot_be_fitted_or_stored(own: Project, pipeline: Any, said: str) -> None:
    with built(pipeline):
        assert said in to_mend([fits(own)]).found


def test_an_estimator_that_answers_a_row_alone_otherwise(own: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slipway.serving.trusted.FUNCTIONS", ("tests.library.test_doctor_model.of_the_batch",))
    with built(numbers(FunctionTransformer(of_the_batch))):
        assert "answers a row alone up to" in to_mend([fits(own)]).found


def test_an_estimator_that_cannot_answer_what_may_be_asked(own: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = [replace(each, open=True, declared=int) if each.name == "season" else each for each in FEATURES]
    monkeypatch.setattr(serveable, "FEATURES", declared)
    with built(make_pipeline(make_column_transformer((OneHotEncoder(), ["season"])), Ridge())):
        found = to_mend([fits(own)])
    assert found.found.startswith("By model/features.py season may be a category that training never saw, and the model cannot answer 5 ")
    assert found.fix == f"{serveable.ENCODE} (docs/your-model.md)"


def test_an_estimator_that_draws_at_random_without_a_seed(own: Project) -> None:
    rows = make_column_transformer(("passthrough", [name for name in COLUMNS if is_numeric_dtype(dataset.read(own.train_data)[name])]))
    with built(make_pipeline(rows, BaggingRegressor(n_estimators=3))):
        found = to_mend([fits(own)])
    assert "a second fit on the same rows answers up to" in found.found
    assert "random_state" in found.fix


def test_metrics_that_give_one_loss_for_all_rows(own: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "loss", lambda *_: np.array(1.0))
    assert "loss in model/metrics.py returns shape () for 200 rows" in to_mend([fits(own)]).found


# --- columns


class Row(BaseModel):
    """A declaration."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    size: Annotated[float, Field(ge=0, le=1)] | None
    town: Literal["a", "b"]


FRAME = pd.DataFrame({"size": [0.5, np.nan], "town": ["a", "b"]})


def test_a_draft_of_expectations_says_what_is_declared() -> None:
    declared = ModuleType("declared")
    vars(declared).update(Row=Row, TARGET="truth", GROUP=None, TARGET_RANGE=None, TASK="binary")
    said = json.loads(draft_suite([FRAME], declared))["expectations"]
    assert {"type": "expect_column_values_to_be_between", "kwargs": {"column": "size", "min_value": 0, "max_value": 1}} in said
    assert {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "town", "value_set": ["a", "b"]}} in said
    there = {
        each["kwargs"]["column"]: each["kwargs"].get("mostly", 1) for each in said if each["type"] == "expect_column_values_to_not_be_null"
    }
    assert there == {"size": 0.45, "town": 1, "truth": 1}


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([True, False], "bool"),
        (["True", "", "false"], "bool | None"),
        ([1, 2, 2], "Annotated[int, Field(ge=0, le=3)]"),
        ([0, 1] * 5, "Annotated[int, Field(ge=0, le=1)]"),
        (["1", "", " ", "36.0"], "Annotated[int, Field(ge=0, le=80)] | None"),
        (range(100), "Annotated[int, Field(ge=0, le=200)]"),
        ([*range(1, 13)] * 3, "Annotated[int, Field(ge=1, le=12)]"),
        ([*range(24)] * 3, "Annotated[int, Field(ge=0, le=23)]"),
        ([0.5, 1.5, None], "Annotated[float, Field(ge=0, le=3)] | None"),
        ([0.01, 0.5, 0.99], "Annotated[float, Field(ge=0, le=1)]"),
        ([-0.31, 0.2], "Annotated[float, Field(ge=-0.9, le=0.8)]"),
        (["2026-01-31"] * 2, "date"),
        (["2026-01-31 05:00", "2026-01-31 06:00"], "datetime"),
        (["2026-W05", "2026-W06"] * 9, 'Literal["2026-W05", "2026-W06"] | str'),
        (["2026-01-02T10:00:00Z", "2026-01-03T10:00:00Z"], "Annotated[str, Field(max_length=40)]"),
        (["01067", "1E5", "80331"], "Annotated[str, Field(max_length=20)]"),
        (["a word", "another"] * 4, 'Literal["a word", "another"] | str'),
        (["NA", "DE", ""] * 9, 'Literal["DE", "NA"] | str | None'),
        (["a sentence that goes on for a while", "x"], "Annotated[str, Field(max_length=70)]"),
    ],
)
def test_how_a_column_would_be_declared(values: Any, line: str) -> None:
    [drafted] = draft_columns([pd.DataFrame({"column": list(values)})], ["column"])
    assert drafted.declared == line


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("size", "size: Annotated[int, Field(ge=0, le=1)]"),
        ("1st Flr SF", 'first_flr_sf: Annotated[int, Field(ge=0, le=1, alias="1st Flr SF")]'),
        ("copy", 'copy_: Annotated[int, Field(ge=0, le=1, alias="copy")]'),
        ("class", 'class_: Annotated[int, Field(ge=0, le=1, alias="class")]'),
        ("model_year", 'the_model_year: Annotated[int, Field(ge=0, le=1, alias="model_year")]'),
        ("_x", 'x: Annotated[int, Field(ge=0, le=1, alias="_x")]'),
        ("%", 'column: Annotated[int, Field(ge=0, le=1, alias="%")]'),
        ('"Spend"', 'spend: Annotated[int, Field(ge=0, le=1, alias="\\"Spend\\"")]'),
    ],
)
def test_a_column_whose_name_python_cannot_take_has_an_alias(name: str, line: str) -> None:
    [drafted] = draft_columns([pd.DataFrame({name: [0, 1]})], [name])
    assert drafted.format() == line


def test_a_column_that_tells_nothing_is_left_out() -> None:
    frame = pd.DataFrame({"id": range(30), "code": [f"A-{row}" for row in range(10, 40)], "same": ["x"] * 30, "none": [None] * 30})
    assert [each.left_out for each in draft_columns([frame], frame.columns.tolist())] == [
        "left out, it is different in each row",
        "left out, it is different in each row",
        "left out, it is 'x' in all rows",
        "left out, no row has a value",
    ]


def test_two_columns_of_one_name_have_attributes_of_their_own() -> None:
    frame = pd.DataFrame({"a b": [0.5, 1.5], "a-b": [0.5, 1.5], "a_b": [0.5, 1.5]})
    assert [each.attribute for each in draft_columns([frame], frame.columns.tolist())] == ["a_b_2", "a_b_3", "a_b"]


# --- what judges the model


@pytest.fixture
def fitted(own: Project) -> quick.Fit:
    """A quick fit, of this project's model."""
    _, found = quick.check_fit(own, dataset.read(own.train_data))
    assert found
    return found


def test_a_case_of_behaviour_that_does_not_fit_and_a_draft_that_does(own: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = dataset.read(own.train_data)
    (own.root / "build").mkdir()
    case = {"name": "known", "kind": "minimum", "rows": [{"else": 1}], "at_least": 0}
    monkeypatch.setattr(behaviour, "CASES", [case])
    found = to_mend([quick.check_behaviour(None, rows, own.root / "build")])
    assert "the cases do not fit class Row: " in found.found
    assert "read build/behaviour.py" in found.fix
    drafted = import_file(own.root / "build" / "behaviour.py")
    monkeypatch.setattr(behaviour, "CASES", [{**case, "rows": [drafted.TYPICAL]}])
    assert quick.check_behaviour(None, rows, own.root / "build").state == GOOD


@pytest.mark.parametrize(
    ("reason", "lacking", "state", "said"),
    [
        (None, None, GOOD, "no more than requirements/compiled.txt, for the compiled model"),
        ("Own has no form", None, GOOD, "all of requirements/serve.txt, for the pipeline: Own has no form"),
        (
            None,
            "service/app.py needs pandas",
            NOTE,
            "all of requirements/serve.txt, though the model can be compiled: service/app.py needs",
        ),
    ],
)
def test_which_image_and_why_is_said(
    own: Project, monkeypatch: pytest.MonkeyPatch, reason: str | None, lacking: str | None, state: str, said: str
) -> None:
    graph = None if reason else b"a graph"
    monkeypatch.setattr(serveable, "compile_model", lambda *_: (Compiled(difference=None, reason=reason), graph))
    monkeypatch.setattr(quick, "list_modules", lambda _: ["model.steps"])
    monkeypatch.setattr(quick, "find_lacking", lambda _, modules: lacking if modules == ["model.steps"] else "no modules")
    found = quick.check_image(own, quick.Fit(None, FRAME, None, np.zeros(20), np.zeros(20)))
    assert (found.what, found.state) == ("image", state)
    assert found.found.startswith(said)
    assert ("requirements/compiled.in" in found.fix) is (lacking is not None)


def test_a_floor_of_a_metric_that_there_is_not(own: Project, fitted: quick.Fit) -> None:
    path = own.root / "validation" / "thresholds.toml"
    path.write_text(path.read_text(encoding="utf-8") + "[floors.else]\nmin = 0.5\n", encoding="utf-8")
    found = to_mend([quick.check_floors(fitted, rules.load_rules(own))])
    assert (
        f"floors.else name no metric; model/metrics.py returns {next(iter(compute_metrics(fitted.truth, fitted.answers)))}" in found.found
    )


def test_a_floor_that_is_missed_by_far_is_to_be_known(own: Project, fitted: quick.Fit) -> None:
    name, value = next(iter(compute_metrics(fitted.truth, fitted.answers).items()))
    path = own.root / "validation" / "thresholds.toml"
    text = path.read_text(encoding="utf-8").partition("[floors.")[0]
    path.write_text(f"{text}[slices]\nmin_rows = 2\nmin_groups = 2\n[floors.{name}]\nmin = {3 * abs(value) + 1}\n", encoding="utf-8")
    found = quick.check_floors(fitted, rules.load_rules(own))
    assert (found.state, name in found.found) == (NOTE, True)


@pytest.mark.parametrize(
    ("loss", "states"), [(log_loss, [MEND]), (brier, [MEND]), (balanced_log_loss, [])], ids=["log loss", "Brier", "balanced"]
)
def test_weights_that_the_loss_does_not_have(monkeypatch: pytest.MonkeyPatch, loss: Any, states: list[str]) -> None:
    monkeypatch.setattr(features, "TASK", "binary")
    monkeypatch.setattr(metrics, "loss", loss)
    truth = np.array([0.0] * 18 + [1.0] * 2)
    found = quick.Fit(None, FRAME, [0, 1], truth, np.full(20, 0.5))
    with built(make_pipeline(LogisticRegression(class_weight="balanced"))):
        said = list(quick.check_weights(found))
    assert [each.state for each in said] == states
    assert all("logisticregression__class_weight='balanced'" in each.found and "balanced_log_loss" in each.fix for each in said)
    sure = quick.Fit(None, FRAME, [0, 1], truth, np.abs(truth - 0.01))
    with built(make_pipeline(LogisticRegression(class_weight="balanced"))):
        assert [each.state for each in quick.check_weights(sure)] == [NOTE] * len(states)
    with built(make_pipeline(LogisticRegression())):
        assert list(quick.check_weights(found)) == []
