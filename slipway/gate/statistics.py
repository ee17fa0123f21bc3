"""How sure a mean is, when rows of one group are correlated."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr

Values = NDArray[np.float64]
# More groups than this are put together at random into so many, which keeps their spread and bounds the memory.
MOST_GROUPS = 2000


@dataclass(frozen=True)
class Interval:
    """A mean over rows, and bounds that each hold with the asked confidence; `p` is how likely it would be so high were it not above 0."""

    mean: float
    low: float
    high: float
    p: float
    rows: int
    groups: int

    def shifted(self, by: float) -> "Interval":
        """Return it moved by a constant; its `p` is then not known."""
        return Interval(self.mean + by, self.low + by, self.high + by, float("nan"), self.rows, self.groups)


def interval(values: Values, groups: ArrayLike | None, confidence: float, resamples: int, seed: int) -> Interval:
    """Return the mean of per-row values, shape (n,), with its bootstrap interval and one-sided p-value.

    Percentile bootstrap that resamples whole groups (rows where `groups` is None); the mean of a resample is the ratio of its sum to
    its row count. Sources: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13; Field and Welsh,
    "Bootstrapping clustered data", JRSS B 69 (2007); for more than MOST_GROUPS groups the random group method, Wolter, Introduction to
    Variance Estimation (2007), chapter 2. The p-value sets the mean over the bootstrap's standard error against Student's t with one
    degree of freedom less than there are groups: Cameron, Gelbach and Miller, "Bootstrap-based improvements for inference with
    clustered errors" (2008), section III.
    """
    random = np.random.default_rng(seed)
    labels = np.arange(len(values)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    count = int(labels.max()) + 1
    if count > MOST_GROUPS:
        labels = random.permutation(count)[labels] % MOST_GROUPS
    sums, sizes = np.bincount(labels, weights=values), np.bincount(labels)
    draws = random.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=resamples)
    means = (draws @ sums) / (draws @ sizes)
    low, high = np.quantile(means, [1 - confidence, confidence])
    mean = float(values.mean())
    return Interval(mean, float(low), float(high), tail(mean, float(means.std(ddof=1)), len(sums) - 1), len(values), count)


def tail(mean: float, error: float, freedom: int) -> float:
    """Return the one-sided p-value of a mean with a standard error."""
    if not error > 0 or freedom < 1:
        return 0.0 if error == 0 and freedom >= 1 and mean > 0 else 1.0
    return float(stdtr(freedom, -mean / error))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for how many are looked at.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


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
