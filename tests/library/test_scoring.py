"""A loss is held to what it has to return, labels of any kind lead to the same verdict, and rows that are alike by chance are no leak."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model import features, metrics
from slipway.errors import PipelineError
from slipway.gate import dataset, losses
from slipway.gate.comparison import Sides, compare
from slipway.gate.judge import align_classes
from slipway.gate.scoring import choose_trivial, compute_losses, compute_metrics, repeat_constant
from slipway.report import Outcome
from slipway.rules import Slices, Thresholds

RANDOM = np.random.default_rng(0)
ROWS = 2000
RULES = Thresholds(
    margin_fraction=0.05, confidence=0.95, resamples=200, leak=0.98, slices=Slices(min_rows=50, min_groups=2), floors={}, freshness=None
)


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the project one of another task."""

    def change(name: str, loss: Any) -> None:
        constants: dict[str, Any] = {"TASK": name, "TARGET": "truth", "GROUP": None, "SLICES": {}, "TARGET_RANGE": None}
        for constant, value in constants.items():
            monkeypatch.setattr(features, constant, value)
        monkeypatch.setattr(metrics, "loss", loss)
        monkeypatch.setattr(metrics, "metrics", lambda *_: {})

    return change


@pytest.mark.parametrize("classes", [[0, 1], [1, 2], ["No", "Yes"], ["Yes", "No"], [False, True], [2, 1], [-1, 1]], ids=str)
@pytest.mark.parametrize(("inverted", "outcome"), [(False, Outcome.PASS), (True, Outcome.FAIL)], ids=["right", "inverted"])
def test_an_inverted_model_fails_and_a_right_one_passes_whatever_the_labels_are(
    task: Callable[..., None], classes: list[Any], inverted: bool, outcome: Outcome
) -> None:
    task("binary", losses.log_loss)
    numbers = RANDOM.integers(0, 2, ROWS)
    right = np.where(numbers == 1, 0.8, 0.2) + RANDOM.uniform(-0.1, 0.1, ROWS)
    reference = pd.DataFrame({"truth": [classes[number] for number in numbers]})
    sides = Sides(reference, 1 - right if inverted else right, None, np.full(ROWS, numbers.mean()), classes)
    assert compare(sides, RULES, [], seed=0, gap=0.0).verdict.outcome is outcome


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (lambda truth, answers: np.abs(truth - answers).mean(), r"returns shape \(\) for 3 rows"),
        (lambda truth, answers: np.abs(truth - answers)[:2], r"returns shape \(2,\) for 3 rows"),
        (lambda truth, _: np.where(truth > 1, np.nan, 0.0), r"is nan for 2 of 3 rows, such as row 1: truth 2.0, answer 0.0"),
        (lambda truth, _: np.full(len(truth), np.inf), r"is inf for 3 of 3 rows"),
    ],
)
def test_a_loss_that_is_not_a_finite_number_a_row_is_a_sentence(task: Callable[..., None], loss: Any, said: str) -> None:
    task("regression", loss)
    with pytest.raises(ValueError, match=f"{said}.*Expected: "):
        compute_losses(np.array([1.0, 2.0, 3.0]), np.zeros(3))


@pytest.mark.parametrize(("found", "said"), [(0.5, "returns 0.5"), ({"r2": "high"}, "returns"), ({"auc": np.nan}, "gives nan as auc")])
def test_metrics_that_are_no_finite_numbers_by_name_are_a_sentence(monkeypatch: pytest.MonkeyPatch, found: Any, said: str) -> None:
    monkeypatch.setattr(metrics, "metrics", lambda *_: found)
    with pytest.raises(ValueError, match=f"{said}.*Expected: "):
        compute_metrics(np.zeros(3), np.zeros(3))


def test_a_trivial_model_answers_what_the_loss_likes_best(task: Callable[..., None]) -> None:
    amounts = RANDOM.gamma(1, 10, ROWS)
    task("regression", losses.squared)
    assert choose_trivial(amounts, None) == [amounts.mean()]
    task("regression", losses.pinball(0.9))
    assert choose_trivial(amounts, None) == pytest.approx([np.quantile(amounts, 0.9)])
    rare = (np.arange(ROWS) < ROWS // 50).astype(int)
    task("binary", losses.log_loss)
    assert choose_trivial(rare, ["No", "Yes"]) == [0.98, 0.02]
    task("binary", losses.balanced_log_loss)
    assert choose_trivial(rare, ["No", "Yes"]) == [0.5, 0.5]
    task("multiclass", losses.log_loss)
    shares = choose_trivial(np.array([0, 0, 1, 2]), ["a", "b", "c"])
    assert shares == [0.5, 0.25, 0.25]
    assert repeat_constant(shares, 2).tolist() == [shares, shares]


@pytest.mark.parametrize(
    ("answers", "theirs", "ours", "aligned"),
    [
        ([0.2, 0.9], ["No", "Yes"], ["No", "Yes"], [0.2, 0.9]),
        ([0.2, 0.9], ["No", "Yes"], ["Yes", "No"], [0.8, 0.1]),
        ([0.2, 0.9], [0, 1], ["0", "1"], [0.2, 0.9]),
        ([[0.1, 0.2, 0.7]], ["a", "b", "c"], ["c", "a", "b"], [[0.7, 0.1, 0.2]]),
        ([3.0], None, None, [3.0]),
    ],
)
def test_another_release_s_answers_are_put_in_the_order_of_the_classes(answers: Any, theirs: Any, ours: Any, aligned: Any) -> None:
    assert align_classes(np.array(answers), theirs, ours) == pytest.approx(np.array(aligned))


def test_a_release_of_other_classes_cannot_be_compared() -> None:
    with pytest.raises(PipelineError, match=r"Next: raise CONTRACT_VERSION .* --champion none"):
        align_classes(np.zeros(2), ["a", "b"], ["a", "c"])


def alike(values: int, rows: int) -> pd.DataFrame:
    """Return rows of a feature with so many values."""
    return pd.DataFrame({"x": RANDOM.integers(0, values, rows), "truth": 1.0})


def test_rows_that_are_alike_by_chance_are_no_leak_and_copied_ones_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "list_columns", lambda: ["x", "truth"])
    rows, reference = alike(20_000, 5000), alike(20_000, 1000)
    by_chance = len(dataset.find_overlap(rows, reference))
    assert 150 < by_chance < 300
    assert not dataset.exceeds_chance(rows, by_chance, len(reference))
    copied = pd.concat([rows, reference.head(200)], ignore_index=True)
    assert dataset.exceeds_chance(copied, len(dataset.find_overlap(copied, reference)), len(reference))
    apart = pd.DataFrame({"x": np.arange(5000), "truth": 1.0})
    assert dataset.exceeds_chance(apart, 1, 1000)
    assert not dataset.exceeds_chance(apart, 0, 1000)
