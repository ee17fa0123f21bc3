"""The owner's loss and metrics, held to what they have to return, and the best answer of a model that looks at nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from model import features, metrics
from slipway.gate.statistics import Values

PERCENTILES = np.linspace(0, 1, 101)


def compute_losses(truth: Values, answers: Values) -> Values:
    """Return the loss of each row, shape (n,). Raises ValueError when `model/metrics.py` returns anything else."""
    found = np.asarray(metrics.loss(truth, answers), dtype=np.float64)
    if found.shape != (len(truth),):
        raise ValueError(
            f"loss in model/metrics.py returns shape {found.shape} for {len(truth)} rows. Expected: one number a row, ({len(truth)},); "
            "the gate takes the mean itself."
        )
    if len(wrong := np.flatnonzero(~np.isfinite(found))):
        row = int(wrong[0])
        raise ValueError(
            f"loss in model/metrics.py is {found[row]} for {len(wrong)} of {len(truth)} rows, such as row {row}: truth {truth[row]}, "
            f"answer {answers[row]}. Expected: finite numbers; clip probabilities away from 0 and 1, or take one of slipway/gate/losses.py."
        )
    return found


def compute_metrics(truth: Values, answers: Values) -> dict[str, float]:
    """Return the figures for people, by name. Raises ValueError when `model/metrics.py` returns anything else."""
    found: Any = metrics.metrics(truth, answers)
    if not isinstance(found, dict) or not all(isinstance(each, int | float | np.number) for each in found.values()):
        raise ValueError(f"metrics in model/metrics.py returns {found!r:.200}. Expected: numbers by name, such as {{'r2': 0.8}}.")
    if wrong := [name for name, value in found.items() if not np.isfinite(value)]:
        raise ValueError(f"metrics in model/metrics.py gives {found[wrong[0]]} as {wrong[0]}. Expected: finite numbers; leave it out.")
    return {str(name): float(value) for name, value in found.items()}


def choose_trivial(truth: Values, classes: Sequence[Any] | None) -> list[float]:
    """Return the constant answer with the least loss: the mean or a percentile; of a classification each class' share, or equal shares.

    A loss that weighs classes or quantiles has another best constant than the mean, and a model has to be better than that.
    """
    if classes is None:
        constants = [[float(each)] for each in (truth.mean(), *np.quantile(truth, PERCENTILES))]
    else:
        shares = np.bincount(truth.astype(int), minlength=len(classes)) / len(truth)
        constants = [shares.tolist(), [1 / len(classes)] * len(classes)]
    return min(constants, key=lambda each: float(compute_losses(truth, repeat_constant(each, len(truth))).mean()))


def repeat_constant(constant: Sequence[float], rows: int) -> Values:
    """Return what a model answers that looks at no feature, shape (n,) or (n, classes)."""
    if features.TASK == "multiclass":
        return np.tile(np.asarray(constant), (rows, 1))
    return np.full(rows, constant[-1])
