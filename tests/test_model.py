"""Your model: the data is as declared, the pipeline fits and answers, loss and metrics measure it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from model import features
from slipway import rules
from slipway.bundle import training as train
from slipway.gate import dataset
from slipway.gate.scoring import compute_losses, compute_metrics
from slipway.serving.frames import records
from slipway.serving.parity import TOLERANCE, distance
from slipway.serving.rows import ROWS

ROOT = Path(__file__).resolve().parents[1]
TRAIN, REFERENCE = ROOT / "data" / "train.csv", ROOT / "validation" / "reference.csv"
CLASSES = dataset.read_classes(dataset.read(TRAIN), TRAIN)

each_dataset = pytest.mark.parametrize("path", [TRAIN, REFERENCE], ids=["train", "reference"])


def fit() -> Any:
    """Fit on the training data, on one thread as `./run train` does."""
    with threadpool_limits(limits=1):
        return train.learn(dataset.read(TRAIN), TRAIN)


@pytest.fixture(scope="module")
def reference() -> pd.DataFrame:
    """The reference dataset."""
    return dataset.read(REFERENCE)


@pytest.fixture(scope="module")
def truth(reference: pd.DataFrame) -> Any:
    """What was true in the reference dataset, as `loss` and `metrics` get it."""
    return dataset.read_truth(reference, CLASSES, REFERENCE)


@pytest.fixture(scope="module")
def answers(reference: pd.DataFrame) -> Any:
    """The answers of a fitted pipeline to the reference dataset."""
    return train.predict(fit(), reference, CLASSES, "the reference dataset")


@each_dataset
def test_each_row_has_a_target_and_its_slices(path: Path) -> None:
    rows = dataset.read(path)
    assert set(features.SLICES) <= set(rows)
    assert not rows[[features.TARGET, *([features.GROUP] if features.GROUP else [])]].isna().to_numpy().any()


@each_dataset
def test_each_row_can_be_sent_to_the_service(path: Path) -> None:
    rows = dataset.read(path)
    assert len(ROWS.validate_json(json.dumps(records(rows[dataset.list_inputs()])))) == len(rows)


def test_the_fitted_pipeline_answers_each_row_with_finite_numbers(answers: Any, reference: pd.DataFrame) -> None:
    assert len(answers) == len(reference)
    assert np.isfinite(answers).all()


def test_a_second_fit_gives_the_same_answers(answers: Any, reference: pd.DataFrame) -> None:
    assert distance(train.predict(fit(), reference, CLASSES, "the reference dataset"), answers) <= TOLERANCE


def test_right_answers_have_a_lower_loss_than_wrong_ones(truth: Any) -> None:
    ordered = np.sort(truth)
    right = np.eye(len(CLASSES or ()))[ordered] if features.TASK == "multiclass" else np.asarray(ordered, dtype=np.float64)
    assert compute_losses(ordered, right).mean() < compute_losses(ordered, right[::-1]).mean()


def test_each_floor_has_a_metric(answers: Any, truth: Any) -> None:
    measured = compute_metrics(truth, answers)
    assert set(rules.load_thresholds(ROOT / "validation" / "thresholds.toml").floors) <= set(measured)
    assert all(np.isfinite(list(measured.values())))
