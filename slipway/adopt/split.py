"""Which rows are held back to judge on, and how many of them decide. Pure: arrays in, a mask out."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
# Of a small table so large a part judges, never more than the second; at least so many rows where there are many.
USUAL, MOST, ENOUGH, MOST_ROWS = 0.2, 0.3, 1000, 50_000
SMALL_TABLE = 5000
# Standard normal quantiles: both bounds of the gate at 95 %, and found in four of five cases.
CONFIDENCE, POWER = 1.645, 0.842
STRATA = 10


def count_needed(differences: NDArray[np.float64], groups: NDArray[np.intp] | None, margin: float) -> int:
    """Return how many rows show that two equally good models differ by less than a margin; 0 where no number does.

    `differences` are those of two fits' losses on the same rows. n = ((z_confidence + z_power) s / margin)^2. Source: Chow, Shao and Wang,
    Sample Size Calculations in Clinical Research (2008), section 3.2 (non-inferiority), with groups as the units where there are any.
    """
    if margin <= 0:
        return 0
    if groups is None:
        return int(np.ceil(((CONFIDENCE + POWER) * differences.std() / margin) ** 2))
    sizes = np.bincount(groups)
    sums = np.bincount(groups, weights=differences)[sizes > 0]
    size = float(sizes[sizes > 0].mean())
    return int(np.ceil(size * ((CONFIDENCE + POWER) * (sums / size).std() / margin) ** 2))


def choose_size(rows: int, needed: int) -> int:
    """Return how many rows to hold back: as many as are needed, between a usual and the largest part of the table."""
    least = math.ceil(USUAL * rows) if rows < SMALL_TABLE else ENOUGH
    return min(max(needed or rows, least), math.floor(MOST * rows), MOST_ROWS)


def choose_reference(units: Sequence[Any], order: "pd.Series[Any] | None", strata: Sequence[Any], size: int) -> tuple[Mask, str]:
    """Return which rows are held back, shape (n,), and how they were chosen.

    Rows of one unit stay together: of a group, or alike. With an order the newest units are taken, else some of each stratum by chance.
    """
    numbers = pd.factorize(pd.Series(list(units)))[0]
    layers = np.asarray(pd.factorize(pd.Series(list(strata)))[0])
    if order is not None:
        newest = _choose_newest(numbers, order, size)
        if _keeps_strata(newest, layers):
            return newest, "the newest rows"
    return _choose_stratified(numbers, layers, size), "at random, with the same share of each class or range of the target"


def _choose_newest(units: NDArray[np.intp], order: "pd.Series[Any]", size: int) -> Mask:
    times = order.reset_index(drop=True)
    last = times.groupby(units).transform("max").fillna(times.min())
    ranked = last.sort_values(kind="stable", ascending=False)
    edge = ranked.iloc[min(size, len(ranked)) - 1]
    later, since = (last > edge).to_numpy(), (last >= edge).to_numpy()
    # Rows of the same time stay on one side, whichever is nearer to the size.
    nearer: Mask = later if later.any() and abs(later.sum() - size) <= abs(since.sum() - size) else since
    return nearer


def _keeps_strata(chosen: Mask, strata: NDArray[np.intp]) -> bool:
    """Tell whether all strata are learnt from, and several are judged on."""
    return bool(set(strata[chosen]) <= set(strata[~chosen])) and len(set(strata[chosen])) > 1


def _choose_stratified(units: NDArray[np.intp], strata: NDArray[np.intp], size: int) -> Mask:
    """Return rows by whole units, in each stratum the same share; a unit counts to the stratum of its first row."""
    frame = pd.DataFrame({"unit": units, "stratum": strata})
    firsts = frame.drop_duplicates("unit").sample(frac=1, random_state=0)
    sizes = frame.groupby("unit").size()
    share, chosen = size / len(frame), set[int]()
    for _, of_stratum in firsts.groupby("stratum"):
        rows = sizes.loc[of_stratum["unit"]].cumsum()
        wanted = round(share * rows.iloc[-1])
        # A stratum of one unit is learnt from.
        chosen |= set(rows.index[:-1][(rows <= max(wanted, rows.iloc[0])).to_numpy()[:-1]])
    return frame["unit"].isin(chosen).to_numpy()


def name_strata(truth: "pd.Series[Any]", regression: bool) -> "pd.Series[Any]":
    """Return the stratum of each row: its class, or a tenth of the target's range by rank."""
    if not regression:
        return truth.reset_index(drop=True)
    return (truth.rank(method="first", pct=True) * STRATA).clip(upper=STRATA - 1).astype(int).reset_index(drop=True)
