"""Usual losses by name, for `model/metrics.py`: `from slipway.gate.losses import absolute as loss`.

Each takes the truth and the answers and returns the loss of each row, shape (n,); lower is better. The truth is numbers of a regression, 0
and 1 of a binary task, 0 to k-1 of several classes. The answers are numbers; the probability of 1; the probability of each class, (n, k).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

Values = NDArray[np.float64]
# Probabilities are held this far from 0 and 1, so that one sure mistake does not outweigh all else.
CLOSEST = float(np.finfo(np.float64).eps)


def absolute(truth: Values, answers: Values) -> Values:
    """Return |y - a|, in the target's unit; the best constant is the median. Source: Gneiting, JASA 106 (2011), table 1."""
    return np.abs(truth - answers)


def squared(truth: Values, answers: Values) -> Values:
    """Return (y - a)^2, in the target's unit squared; the best constant is the mean. Source: Gneiting, JASA 106 (2011), table 1."""
    return np.square(truth - answers)


def poisson_deviance(truth: Values, answers: Values) -> Values:
    """Return 2 (y log(y / a) - y + a), for counts and rates.

    Source: McCullagh and Nelder, Generalized Linear Models (1989), section 2.3. Raises ValueError for a truth below 0; an answer of 0 or
    less counts as a tiny one.
    """
    if np.min(truth, initial=0) < 0:
        raise ValueError("poisson_deviance needs counts, but some true values are below 0. Next: squared or absolute in model/metrics.py.")
    expected = np.maximum(answers, CLOSEST)
    return np.asarray(2 * (xlogy(truth, truth / expected) - truth + expected))


def pinball(quantile: float) -> Callable[[Values, Values], Values]:
    """Return the loss of forecasts of a quantile, a number between 0 and 1.

    In model/metrics.py: `loss = pinball(0.9)`. A row's loss is q (y - a) where the truth is above the answer, else (1 - q) (a - y).
    Source: Koenker and Bassett, "Regression Quantiles", Econometrica 46 (1978). Raises ValueError for another quantile.
    """
    if not 0 < quantile < 1:
        raise ValueError(f"pinball({quantile}) has no meaning. Expected: a quantile between 0 and 1, such as pinball(0.9).")

    def loss(truth: Values, answers: Values) -> Values:
        """Return the pinball loss of each row."""
        return np.maximum(quantile * (truth - answers), (quantile - 1) * (truth - answers))

    return loss


def log_loss(truth: Values, answers: Values) -> Values:
    """Return -log of the probability that was given to what was true. Source: Good, "Rational Decisions", JRSS B 14 (1952)."""
    return np.asarray(-np.log(np.clip(take_true_class(truth, answers), CLOSEST, 1 - CLOSEST)))


def balanced_log_loss(truth: Values, answers: Values) -> Values:
    """Return the log loss in which each class weighs the same in the mean, however rare: for an estimator with `class_weight="balanced"`.

    A row's weight is n / (k n_c), with the rows that are judged together. Source: King and Zeng, "Logistic Regression in Rare Events Data",
    Political Analysis 9 (2001), in the form of scikit-learn's compute_class_weight.
    """
    _, numbers, counts = np.unique(truth, return_inverse=True, return_counts=True)
    return np.asarray(log_loss(truth, answers) * (len(truth) / (len(counts) * counts))[numbers])


def brier(truth: Values, answers: Values) -> Values:
    """Return the squared error of a probability; of several classes the sum of that over all of them.

    Source: Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78 (1950), whose sum over two
    classes is twice the value for a binary task here.
    """
    if answers.ndim == 1:
        return np.square(answers - truth)
    return np.asarray(np.square(answers - np.eye(answers.shape[1])[truth.astype(int)]).sum(axis=1))


def take_true_class(truth: Values, answers: Values) -> Any:
    """Return the probability that each row's own class was given, shape (n,)."""
    if answers.ndim == 1:
        return np.where(truth == 1, answers, 1 - answers)
    return np.take_along_axis(answers, truth.astype(int)[:, None], axis=1)[:, 0]
