"""What the doctor says of the model's folder: each thing it may find has been put there."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel, ConfigDict, Field
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

from model import estimator, features, metrics
from pipeline import dataset, project
from pipeline.__main__ import ROOT
from pipeline.doctor import columns, model
from pipeline.doctor.finding import GOOD, MEND, Finding
from pipeline.project import Project
from service.declared import read
from validation import expectations, leak

COLUMNS = leak.inputs()


@pytest.fixture
def own(tmp_path: Path) -> Project:
    """This project with data and rules that may be changed."""
    for folder in ("data", "validation"):
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
    assert {each.what: each.state for each in model.findings(own)} == dict.fromkeys(
        ("model/", "model/features.py", "expectations", "reference dataset", "model/estimator.py"), GOOD
    )


def test_a_model_that_cannot_be_imported_is_all_there_is_to_say(own: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "model.estimator", None)
    monkeypatch.delattr("model.estimator")
    found = model.findings(own)
    assert len(found) == 1
    assert "cannot be imported: ModuleNotFoundError: import of model.estimator halted" in to_mend(found).found


def test_a_dataset_that_is_not_there(own: Project) -> None:
    own.train_data.unlink()
    assert "train.csv cannot be loaded" in to_mend(model.findings(own)).found


def test_reference_rows_that_were_learnt_from(own: Project) -> None:
    rows = dataset.read(own.root / "validation" / "reference.csv").head(3)
    change(own.train_data, lambda all_rows: pd.concat([all_rows, rows], ignore_index=True))
    found = to_mend([each for each in model.findings(own) if each.what == "reference dataset"])
    assert "3 of its rows are in data/train.csv too, such as 0, 1, 2 (from 0)" in found.found


def test_expectations_of_another_model_and_the_draft_that_would_do(own: Project) -> None:
    suite = own.root / "validation" / "expectations.json"
    suite.write_text('{"name": "rows", "expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "other"}}]}')
    found = to_mend(model.findings(own))
    assert "1 do not hold, such as expect_column_to_exist of other" in found.found
    draft = own.root / "build" / "expectations.json"
    checked = expectations.check(dataset.read(own.train_data), draft)
    assert (checked.expectations > len(COLUMNS), checked.findings) == (True, [])


# --- the estimator, of a project whose data stays as it is


@contextmanager
def built(pipeline: Any) -> Iterator[None]:
    """Have the owner build another pipeline."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimator, "build", lambda: pipeline)
        yield


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
        (numbers(FunctionTransformer(of_the_batch)), "tests.test_doctor_model.of_the_batch"),
    ],
    ids=["no estimator", "lambda", "not in model"],
)
def test_an_estimator_that_cannot_be_fitted_or_stored(own: Project, pipeline: Any, said: str) -> None:
    with built(pipeline):
        assert said in to_mend([model.fits(own)]).found


def test_an_estimator_that_answers_a_row_alone_otherwise(own: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.trusted.FUNCTIONS", ("tests.test_doctor_model.of_the_batch",))
    with built(numbers(FunctionTransformer(of_the_batch))):
        assert "answers a row alone up to" in to_mend([model.fits(own)]).found


def test_metrics_that_give_one_loss_for_all_rows(own: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "loss", lambda *_: np.array(1.0))
    assert "loss in model/metrics.py returns shape () for 20 rows" in to_mend([model.fits(own)]).found


# --- columns


class Row(BaseModel):
    """A declaration."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    size: Annotated[float, Field(ge=0, le=1)] | None
    town: Literal["a", "b"]


FRAME = pd.DataFrame({"size": [0.5, np.nan], "town": ["a", "b"], features.TARGET: [1, 0], "more": [1, 2]})


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have another declaration."""
    monkeypatch.setattr(features, "Row", Row)
    monkeypatch.setattr(features, "GROUP", None)
    monkeypatch.setattr(columns, "FEATURES", read(Row))


@pytest.mark.usefixtures("declared")
@pytest.mark.parametrize(
    ("frame", "what", "found", "fix"),
    [
        (FRAME.drop(columns="town"), "feature town", "no such column; not declared are", "correct the name"),
        (FRAME.drop(columns=features.TARGET), "target", f"no column {features.TARGET}", "correct TARGET"),
        (FRAME.assign(size=[0.5, 2]), "feature size", "row 1: Input should be less", "size: Annotated[float, Field(ge=0.5, le=2.0)]"),
        (FRAME.assign(town=pd.Series(["a", None])), "feature town", "row 1: Input should be", 'town: Literal["a"] | str | None'),
        (FRAME.assign(town=["a", "c"]), "feature town", "row 1: Input should be 'a' or 'b'", 'town: Literal["a", "c"] | str'),
    ],
    ids=["no column", "no target", "range", "missing", "category"],
)
def test_a_column_that_is_not_as_declared_and_the_line_that_would_declare_it(frame: pd.DataFrame, what: str, found: str, fix: str) -> None:
    said = to_mend(list(columns.findings(frame, "data/train.csv")))
    assert said.what == what
    assert found in said.found
    assert fix in said.fix


@pytest.mark.usefixtures("declared")
def test_a_draft_of_expectations_says_what_is_declared() -> None:
    said = json.loads(columns.suite())["expectations"]
    assert {"type": "expect_column_values_to_be_between", "kwargs": {"column": "size", "min_value": 0, "max_value": 1}} in said
    assert {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "town", "value_set": ["a", "b"]}} in said
    there = {
        each["kwargs"]["column"]: each["kwargs"].get("mostly", 1) for each in said if each["type"] == "expect_column_values_to_not_be_null"
    }
    assert there == {"size": 0.5, "town": 1, features.TARGET: 1}


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([True, False], "bool"),
        ([1, 2, 2], "Literal[1, 2]"),
        (range(100), "Annotated[int, Field(ge=0, le=99)]"),
        ([0.5, 1.5, None], "Annotated[float, Field(ge=0.5, le=1.5)] | None"),
        (["2026-01-31"] * 2, "date"),
        (["2026-01-31 05:00", "2026-01-31 06:00"], "datetime"),
        (["a word", "another"], 'Literal["a word", "another"] | str'),
        (["a sentence that goes on for a while", "x"], "Annotated[str, Field(max_length=70)]"),
    ],
)
def test_how_a_column_would_be_declared(values: Any, line: str) -> None:
    assert columns.declaration(pd.Series(list(values))) == line
