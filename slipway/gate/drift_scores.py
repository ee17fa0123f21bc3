"""How far what is asked now is from what was learnt from, and from where on that is more than chance.

infra/watch/rules/drift.yml is the same in PromQL; a test holds the one against the other.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Shares = NDArray[np.float64]
# A bin that is empty on one side counts as if it had this share: the logarithm of nothing is infinite.
EMPTY = 1e-4
# Less than this is no drift, however sure it is: 0.1 standard deviations of a normal feature are 0.01, 0.3 are 0.09.
FLOOR = 0.05
FEWEST = 200
# Standard normal quantile of 0.99999: many features are looked at, and each of them every minute.
SURE = 4.2649
# Of the training data's parts, which are hundreds, only what chance does once in a million times is its own.
VERY_SURE = 4.7534
# What such parts do, and a tenth more, is usual.
MARGIN = 1.1


@dataclass(frozen=True)
class Window:
    """Rows of one feature over some time, how far they are from the training data, and from where on that is drift; each of shape (...)."""

    rows: NDArray[np.float64]
    psi: NDArray[np.float64]
    threshold: NDArray[np.float64]

    @property
    def enough(self) -> Any:
        """Tell whether there are rows enough to say anything."""
        return self.rows >= FEWEST

    @property
    def beyond(self) -> Any:
        """Tell whether it is further away than the threshold."""
        return self.psi > self.threshold


def score_window(counts: Shares, reference: Shares, reference_rows: float, usual: float) -> Window:
    """Compare counts of rows by bin, shape (..., bins), with the training data's shares, shape (bins,)."""
    rows = counts.sum(axis=-1)
    there = np.maximum(rows, 1)
    found = compute_psi(counts / there[..., None], reference)
    return Window(rows, found, np.maximum(np.maximum(compute_chance(reference, there, reference_rows), FLOOR), MARGIN * usual))


def has_drifted(week: Window, day: Window) -> Any:
    """Tell whether a week has drifted, and its last day too where that has rows enough."""
    return week.enough & week.beyond & ~(day.enough & ~day.beyond)


def compute_psi(live: Shares, reference: Shares, empty: float = EMPTY) -> Any:
    """Return the population stability index of two distributions over the same bins, shape (..., bins), each of sum 1; shape (...).

    The sum of (live - reference) ln(live / reference), Jeffreys' divergence: Kullback and Leibler, "On information and sufficiency" (1951).
    """
    ratio = np.log(np.maximum(live, empty) / np.maximum(reference, empty))
    return ((live - reference) * ratio).sum(axis=-1)


def compute_chance(reference: Shares, rows: Any, reference_rows: float, sure: float = SURE) -> Any:
    """Return what the PSI of two samples of one distribution exceeds once in 100,000 times.

    Times the harmonic mean of both sizes it follows chi-square with one degree of freedom less than there are bins: Yurdakul and Naranjo,
    "Statistical properties of the population stability index", Journal of Risk Model Validation 14 (2020). The quantile of chi-square is
    Wilson and Hilferty's (1931), since PromQL has no other.
    """
    freedom = max(int((reference > 0).sum()) - 1, 1)
    part = 2 / (9 * freedom)
    quantile = freedom * (1 - part + sure * part**0.5) ** 3
    return quantile * (1 / rows + 1 / reference_rows)


def compute_usual(parts: Shares, reference: Shares, rows: int) -> float:
    """Return the largest PSI of parts of the training data, shape (parts, bins), each of so many rows, against all of it.

    Only of parts that chance does not explain, 0 without them: what comes back, as seasons do, was learnt and is no drift. Half a row in an
    empty bin keeps a small part's PSI near chi-square.
    """
    beyond = compute_psi(parts, reference, empty=0.5 / rows) > compute_chance(reference, rows, np.inf, VERY_SURE)
    return float(compute_psi(parts, reference)[beyond].max(initial=0.0))
