"""How far what is asked now is from what was learnt from, and from where on that is more than chance.

infra/watch/rules/drift.yml is the same in PromQL; a test holds the one against the other.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Shares = NDArray[np.float64]
# A bin that is empty on one side counts as if it had this share: the logarithm of nothing is infinite.
EMPTY = 1e-4
# Less than this is no drift, however sure it is: 0.1 standard deviations of a normal feature are 0.01, 0.3 are 0.09.
FLOOR = 0.05
FEWEST = 200
# Standard normal quantile of 0.999: it is looked again and again, and many features are.
SURE = 3.0902
# The training data's own parts: at most so many, of FEWEST rows or more; what they do, and a tenth more, is usual.
PARTS, MARGIN = 100, 1.1


def psi(live: Shares, reference: Shares) -> float:
    """Return the population stability index of two distributions over the same bins, each of shape (bins,) and sum 1.

    The sum of (live - reference) ln(live / reference), Jeffreys' divergence: Kullback and Leibler, "On information and sufficiency" (1951).
    """
    ratio = np.log(np.maximum(live, EMPTY) / np.maximum(reference, EMPTY))
    return float(((live - reference) * ratio).sum())


def chance(reference: Shares, rows: float, reference_rows: float) -> float:
    """Return what the PSI of two samples of one distribution exceeds once in 1,000 times.

    Times the harmonic mean of both sizes it follows chi-square with one degree of freedom less than there are bins: Yurdakul and Naranjo,
    "Statistical properties of the population stability index", Journal of Risk Model Validation 14 (2020). The quantile of chi-square is
    Wilson and Hilferty's (1931), since PromQL has no other.
    """
    freedom = max(int((reference > 0).sum()) - 1, 1)
    part = 2 / (9 * freedom)
    quantile = freedom * (1 - part + SURE * math.sqrt(part)) ** 3
    return quantile * (1 / rows + 1 / reference_rows)


def threshold(reference: Shares, rows: float, reference_rows: float, usual: float) -> float:
    """Return the PSI above which something has drifted: more than chance, than what matters at all, and than the training data itself."""
    return max(chance(reference, rows, reference_rows), FLOOR, MARGIN * usual)


def usual(parts: Sequence[Shares], reference: Shares, rows: float) -> float:
    """Return the largest PSI of parts of the training data, each of so many rows, against all of it; 0 where it may be chance.

    Seasons come back: what the training data went through already is no drift.
    """
    bound = chance(reference, rows, rows * len(parts))
    return max((found for part in parts if (found := psi(part, reference)) > bound), default=0.0)
