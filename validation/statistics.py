"""How sure a mean is, when rows of one group are correlated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean over rows, and bounds that each hold with the asked confidence."""

    mean: float
    low: float
    high: float
    rows: int
    groups: int


def interval(values: Values, groups: ArrayLike | None, confidence: float, resamples: int, seed: int) -> Interval:
    """Return the mean of per-row values, shape (n,), with its bootstrap interval.

    Percentile bootstrap that resamples whole groups (rows where `groups` is None); the mean of a resample is the ratio of its sum to
    its row count. Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13; Field and Welsh,
    "Bootstrapping clustered data", JRSS B 69 (2007).
    """
    labels = np.arange(len(values)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    sums, counts = np.bincount(labels, weights=values), np.bincount(labels)
    draws = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=resamples)
    means = (draws @ sums) / (draws @ counts)
    low, high = np.quantile(means, [1 - confidence, confidence])
    return Interval(float(values.mean()), float(low), float(high), len(values), len(sums))


def groups_to_decide(harm: Interval, margin: float) -> int | None:
    """Return about how many groups would settle whether a harm is inside the margin, None when no number would.

    An interval's half-width shrinks with the square root of the number of groups, so n' = n * (half-width / distance)**2.
    """
    if harm.mean < margin:
        width, distance = harm.high - harm.mean, margin - harm.mean
    else:
        width, distance = harm.mean - harm.low, harm.mean
    if not distance > 0:  # also where it is not a number
        return None
    return max(harm.groups + 1, round(harm.groups * (width / distance) ** 2))
