"""The model's folder keeps its own word: declaration, data, estimator and metrics agree."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from model import estimator, features, metrics
from pipeline import dataset, skops_file
from service.answers import answer
from service.frames import records
from service.manifest import sha256
from validation import thresholds
from validation.statistics import Values

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = list(features.Row.model_fields)
SOME = 400

each_dataset = pytest.mark.parametrize("name", ["data/train.csv", "validation/reference.csv"])


def rows(name: str) -> pd.DataFrame:
    """Load a dataset of the project."""
    return dataset.read(ROOT / name)


def fitted() -> Any:
    """Fit on some of the training data; on one thread, since on a busy machine several wait for each other."""
    some = rows("data/train.csv").sample(frac=1, random_state=0).head(SOME)
    with threadpool_limits(limits=1):
        return estimator.build().fit(some[COLUMNS], some[features.TARGET])


def save(path: Path) -> None:
    """Fit and write the model's file; the other process calls it too."""
    skops_file.save(fitted(), path)


def perfect(truth: "pd.Series[Any]", classes: Any) -> Values:
    """Return the answers of a model that is always right and sure."""
    if features.TASK == "regression":
        return np.asarray(truth, dtype=np.float64)
    sure = np.equal.outer(np.asarray(truth), np.asarray(classes)).astype(np.float64)
    return np.asarray(sure[:, 1] if features.TASK == "binary" else sure)


@pytest.fixture(scope="module")
def reference() -> pd.DataFrame:
    """What is judged on."""
    return rows("validation/reference.csv")


@pytest.fixture(scope="module")
def model() -> Any:
    """A fitted pipeline."""
    return fitted()


@each_dataset
def test_the_data_has_what_is_declared(name: str) -> None:
    declared = [*COLUMNS, features.TARGET, *features.SLICES, *([features.GROUP] if features.GROUP else [])]
    frame = rows(name)
    assert [column for column in declared if column not in frame.columns] == []
    assert not frame[declared[len(COLUMNS) :]].isna().to_numpy().any()


@each_dataset
def test_every_row_may_be_asked(name: str) -> None:
    asked = json.dumps(records(rows(name)[COLUMNS]))
    assert TypeAdapter(list[features.Row]).validate_json(asked)


def test_neither_target_nor_group_is_a_feature() -> None:
    assert not {features.TARGET, features.GROUP} & set(COLUMNS)


def test_a_row_is_strict() -> None:
    strict = {"extra": "forbid", "strict": True, "allow_inf_nan": False}
    assert {name: features.Row.model_config.get(name) for name in strict} == strict


def test_task_and_contract_are_ones_that_the_rest_understands() -> None:
    assert features.TASK in ("regression", "binary", "multiclass")
    assert features.CONTRACT_VERSION >= 1


def test_build_returns_a_new_unfitted_pipeline() -> None:
    built = estimator.build()
    assert built is not estimator.build()
    with pytest.raises(NotFittedError):
        check_is_fitted(built)


def test_a_fitted_pipeline_answers_each_row_with_finite_numbers(model: Any, reference: pd.DataFrame) -> None:
    answers = answer(model, reference[COLUMNS], features.TASK)
    assert len(answers) == len(reference)
    assert np.isfinite(answers).all()


def test_loss_is_one_number_a_row_and_zero_only_when_right(model: Any, reference: pd.DataFrame) -> None:
    truth, classes = reference[features.TARGET], getattr(model, "classes_", None)
    right = metrics.loss(truth.to_numpy(), perfect(truth, classes))
    wrong = metrics.loss(truth.to_numpy(), perfect(truth, classes)[::-1])
    assert right.shape == wrong.shape == (len(truth),)
    assert right == pytest.approx(0, abs=1e-6)
    assert wrong.min() >= 0
    assert wrong.mean() > 0


def test_metrics_are_finite_numbers_and_those_that_have_floors(model: Any, reference: pd.DataFrame) -> None:
    found = metrics.metrics(reference[features.TARGET].to_numpy(), answer(model, reference[COLUMNS], features.TASK))
    assert set(found) >= set(thresholds.load(ROOT / "validation" / "thresholds.toml").floors)
    assert all(isinstance(value, float) and np.isfinite(value) for value in found.values())


def test_training_again_in_another_process_gives_the_same_file(tmp_path: Path) -> None:
    save(tmp_path / "here")
    code = "import sys, pathlib; from tests.test_model import save; save(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "there")], cwd=ROOT, check=True)
    assert sha256((tmp_path / "there").read_bytes()) == sha256((tmp_path / "here").read_bytes())
