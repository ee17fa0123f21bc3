"""The slices of a dataset that `model/features.py` declares."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model import features

Mask = NDArray[np.bool_]


def masks(rows: pd.DataFrame) -> dict[str, Mask]:
    """Return which rows are in which slice, by the slice's name; what is missing is a slice of its own."""
    found: dict[str, Mask] = {}
    for column, cuts in features.SLICES.items():
        values = rows[column]
        found |= by_value(column, values) if cuts is None else by_range(column, values, cuts)
        if values.isna().any():
            found[f"{column} missing"] = values.isna().to_numpy()
    return found


def by_value(column: str, values: "pd.Series[Any]") -> dict[str, Mask]:
    """Return a slice for each value."""
    return {f"{column} = {value}": (values == value).to_numpy() for value in sorted(values.dropna().unique())}


def by_range(column: str, values: "pd.Series[float]", cuts: tuple[float, ...]) -> dict[str, Mask]:
    """Return a slice for each stretch between cuts."""
    edges = [-np.inf, *cuts, np.inf]
    found = {}
    for low, high in pairwise(edges):
        below = "" if np.isinf(low) else f"{low:g} <= "
        above = "" if np.isinf(high) else f" < {high:g}"
        found[f"{below}{column}{above}"] = ((values >= low) & (values < high)).to_numpy()
    return found
