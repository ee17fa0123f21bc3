"""The model's folder keeps its own word: declaration, data, estimator and metrics agree."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from model import estimator, features
from pipeline import dataset, skops_file, train
from service.answers import answer
from service.frames import records
from service.manifest import sha256
from service.rows import ROWS
from validation import leak, thresholds
from validation.scoring import compute_losses, compute_metrics

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = leak.inputs()
SOME = 400

each_dataset = pytest.mark.parametrize("name", ["data/train.csv", "validation/reference.csv"])


def rows(name: str) -> pd.DataFrame:
    """Load a dataset of the project."""
    return dataset.read(ROOT / name)


def fitted() -> Any:
    """Fit on some of the training data; on one thread, since on a busy machine several wait for each other."""
    some = rows("data/train.csv").sample(frac=1, random_state=0).head(SOME)
    with threadpool_limits(limits=1):
        return train.learn(some, ROOT / "data" / "train.csv")


def save(path: Path) -> None:
    """Fit and write the model's file; the other process calls it too."""
    skops_file.save(fitted(), path)


def classes() -> list[Any] | None:
    """Return the classes of a classification."""
    return dataset.read_classes(rows("data/train.csv"), ROOT / "data" / "train.csv")


def read_truth(reference: pd.DataFrame) -> Any:
    """Return what was true, as `loss` and `metrics` get it."""
    return dataset.read_truth(reference, classes(), ROOT / "validation" / "reference.csv")


def perfect(truth: Any) -> Any:
    """Return the answers of a model that is always right and sure."""
    return np.eye(len(classes() or []))[truth] if features.TASK == "multiclass" else np.asarray(truth, dtype=np.float64)


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
    frame = rows(name)
    assert [column for column in (*leak.declared(), *features.SLICES) if column not in frame.columns] == []
    assert not frame[[features.TARGET, *([features.GROUP] if features.GROUP else [])]].isna().to_numpy().any()


@each_dataset
def test_every_row_may_be_asked(name: str) -> None:
    asked = json.dumps(records(rows(name)[COLUMNS]))
    assert len(ROWS.validate_json(asked)) > 0


def test_the_target_is_no_feature() -> None:
    assert features.TARGET not in COLUMNS


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


def test_loss_is_one_number_a_row_and_lower_when_right(reference: pd.DataFrame) -> None:
    truth = np.sort(read_truth(reference))
    right, wrong = compute_losses(truth, perfect(truth)), compute_losses(truth, perfect(truth)[::-1])
    assert right.shape == wrong.shape == (len(truth),)
    assert np.isfinite([right, wrong]).all()
    assert right.mean() < wrong.mean()


def test_metrics_are_finite_numbers_and_those_that_have_floors(model: Any, reference: pd.DataFrame) -> None:
    found = compute_metrics(read_truth(reference), answer(model, reference[COLUMNS], features.TASK))
    assert set(found) >= set(thresholds.load(ROOT / "validation" / "thresholds.toml").floors)
    assert all(isinstance(value, float) and np.isfinite(value) for value in found.values())


def test_training_again_in_another_process_gives_the_same_file(tmp_path: Path) -> None:
    save(tmp_path / "here")
    code = "import sys, pathlib; from tests.test_model import save; save(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "there")], cwd=ROOT, check=True)
    assert sha256((tmp_path / "there").read_bytes()) == sha256((tmp_path / "here").read_bytes())
