"""The truth has one form, whatever the target's column holds; and the losses that come by name are those of scikit-learn."""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, mean_absolute_error, mean_pinball_loss, mean_poisson_deviance, mean_squared_error
from sklearn.metrics import log_loss as log_loss_of_sklearn
from sklearn.utils.class_weight import compute_sample_weight

from slipway.gate import losses
from slipway.gate.scoring import TargetError, encode, order_classes, propose_positive

RANDOM = np.random.default_rng(0)


def column(*values: Any, dtype: Any = None) -> "pd.Series[Any]":
    """Return a target's column."""
    found: pd.Series[Any] = pd.Series(values, name="churn", dtype=dtype)
    return found


@pytest.mark.parametrize(
    ("values", "positive", "classes", "numbers"),
    [
        ((0, 1, 1), None, [0, 1], [0, 1, 1]),
        ((0.0, 1.0, 1.0), None, [0, 1], [0, 1, 1]),
        ((False, True, True), None, [False, True], [0, 1, 1]),
        ((0, 1, 1), 0, [1, 0], [1, 0, 0]),
        ((1, 2, 2), 2, [1, 2], [0, 1, 1]),
        ((1, 2, 2), 1, [2, 1], [1, 0, 0]),
        ((1.0, 2.0, 2.0), "1", [2, 1], [1, 0, 0]),
        (("Yes", "No", "No"), "Yes", ["No", "Yes"], [1, 0, 0]),
        (("Yes", "No", "No"), "No", ["Yes", "No"], [0, 1, 1]),
        ((-1, 1, 1), 1, [-1, 1], [0, 1, 1]),
        ((True, False, False), False, [True, False], [0, 1, 1]),
        ((np.int64(5), np.int64(7), np.int64(7)), 7, [5, 7], [0, 1, 1]),
    ],
)
def test_the_positive_class_is_1_whatever_the_labels_are(values: Any, positive: Any, classes: list[Any], numbers: list[int]) -> None:
    assert order_classes(column(*values), "binary", positive) == classes
    assert encode(column(*values), classes).tolist() == numbers


def test_several_classes_are_numbered_in_their_order() -> None:
    classes = order_classes(column("b", "a", "c", "a"), "multiclass", None)
    assert classes == ["a", "b", "c"]
    assert encode(column("c", "a"), classes).tolist() == [2, 0]


def test_a_regression_has_numbers() -> None:
    assert order_classes(column(1, 2.5), "regression", None) is None
    assert encode(column(1, 2.5), None).tolist() == [1.0, 2.5]


@pytest.mark.parametrize(
    ("values", "task", "positive", "said"),
    [
        (("Yes", "No", "No"), "binary", None, "does not say whose probability to answer. Next: POSITIVE = 'Yes'"),
        ((1, 2, 1), "binary", None, "Next: POSITIVE = 1 in"),
        (("Yes", "No"), "binary", "yes!", "POSITIVE is 'yes!', and churn holds 'No', 'Yes'"),
        (("a", "b", "c"), "binary", None, "has 3 values: 'a', 'b', 'c'. Expected: two. Next: TASK = \"multiclass\""),
        ((1, 1, 1), "binary", None, "has 1 values: 1. Expected: two. Next: another TARGET"),
        (("a", "a"), "multiclass", None, "has 1 values in 2 rows"),
        (tuple(RANDOM.normal(size=30)), "multiclass", None, 'TASK = "regression" where these are amounts'),
        (("a", "b"), "regression", None, "has 2 values that are no numbers: 'a', 'b'"),
        ((True, False), "regression", None, "no numbers: True, False"),
        ((1.0, np.inf), "regression", None, "no numbers: inf"),
        ((1.0, None), "regression", None, "1 of 2 rows have no churn"),
        (("a", None, "b"), "binary", "a", "1 of 3 rows have no churn"),
    ],
)
def test_a_target_that_does_not_fit_the_task_is_a_sentence(values: Any, task: str, positive: Any, said: str) -> None:
    with pytest.raises(TargetError) as refused:
        order_classes(column(*values), task, positive)
    assert said in str(refused.value)
    assert "Next: " in str(refused.value)


def test_a_label_that_training_never_saw_is_named() -> None:
    with pytest.raises(TargetError, match="holds 'maybe', which training never saw: it had 'No', 'Yes'"):
        encode(column("Yes", "maybe"), ["No", "Yes"])


@pytest.mark.parametrize(
    ("counts", "positive"),
    [({"No": 70, "YES": 30}, "YES"), ({"good": 70, "bad": 30}, "bad"), ({0: 1, 1: 99}, 1), ({"f": 3, "t": 9}, "t")],
)
def test_the_positive_class_that_is_proposed_says_yes_or_is_rarer(counts: Any, positive: Any) -> None:
    assert propose_positive(Counter(counts)) == positive


COUNTS, RATES = RANDOM.poisson(3, 200).astype(float), RANDOM.gamma(3, 1, 200)
FLAGS, CHANCES = RANDOM.integers(0, 2, 200), RANDOM.uniform(size=200)
LABELS, SHARES = RANDOM.integers(0, 3, 200), RANDOM.dirichlet([1, 1, 1], size=200)


@pytest.mark.parametrize(
    ("loss", "right", "answers", "expected"),
    [
        (losses.absolute, COUNTS, RATES, mean_absolute_error(COUNTS, RATES)),
        (losses.squared, COUNTS, RATES, mean_squared_error(COUNTS, RATES)),
        (losses.poisson_deviance, COUNTS, RATES, mean_poisson_deviance(COUNTS, RATES)),
        (losses.pinball(0.9), COUNTS, RATES, mean_pinball_loss(COUNTS, RATES, alpha=0.9)),
        (losses.pinball(0.5), COUNTS, RATES, mean_absolute_error(COUNTS, RATES) / 2),
        (losses.log_loss, FLAGS, CHANCES, log_loss_of_sklearn(FLAGS, CHANCES)),
        (losses.log_loss, LABELS, SHARES, log_loss_of_sklearn(LABELS, SHARES)),
        (losses.log_loss, FLAGS, 1.0 - FLAGS, log_loss_of_sklearn(FLAGS, 1.0 - FLAGS)),
        (
            losses.balanced_log_loss,
            FLAGS,
            CHANCES,
            log_loss_of_sklearn(FLAGS, CHANCES, sample_weight=compute_sample_weight("balanced", FLAGS)),
        ),
        (
            losses.balanced_log_loss,
            LABELS,
            SHARES,
            log_loss_of_sklearn(LABELS, SHARES, sample_weight=compute_sample_weight("balanced", LABELS)),
        ),
        (losses.brier, FLAGS, CHANCES, brier_score_loss(FLAGS, CHANCES)),
        (losses.brier, LABELS, SHARES, brier_score_loss(LABELS, SHARES, scale_by_half=False)),
    ],
)
def test_a_loss_that_comes_by_name_is_that_of_scikit_learn(loss: Any, right: Any, answers: Any, expected: float) -> None:
    found = loss(right, answers)
    assert found.shape == (200,)
    assert found.mean() == pytest.approx(expected, rel=1e-9)


def test_a_loss_that_cannot_be_meant_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"pinball\(90\) has no meaning"):
        losses.pinball(90)
    with pytest.raises(ValueError, match="some true values are below 0"):
        losses.poisson_deviance(np.array([-1.0]), np.array([1.0]))
