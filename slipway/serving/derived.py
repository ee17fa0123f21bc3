"""Columns that a function in `model/` makes of what comes in, such as the hour of a time: plain Python and numpy, without pandas."""

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

import numpy as np

from slipway.serving.rows import Columns


@dataclass(frozen=True)
class Derived:
    """A function by its full name, the features that it takes, and what the columns are called that it makes.

    `alone` says that it takes the values of one feature, and returns as many; else it takes a dict of values by feature, shape (n,) each,
    where scikit-learn gives it a DataFrame, and returns a table of numbers, shape (n, columns).
    """

    function: str
    features: tuple[str, ...]
    alone: bool
    name: str


def build_deriver(derived: Derived) -> Callable[[Columns], Columns]:
    """Return what makes the columns. Raises ValueError for a function that does not stand in `model/`."""
    if not derived.function.startswith("model."):
        raise ValueError(f"{derived.function} does not stand in model/.")
    module, _, name = derived.function.rpartition(".")
    call: Callable[[Any], Any] = resolve_name(f"{module}:{name}")

    def derive_column(columns: Columns) -> Columns:
        values = list(call(columns[derived.features[0]]))
        made = np.empty(len(values), dtype=object)
        made[:] = values
        return {derived.name: made}

    def derive_table(columns: Columns) -> Columns:
        made = np.asarray(call({each: columns[each] for each in derived.features}), dtype=np.float64)
        return {f"{derived.name}, {place}": column for place, column in enumerate(np.atleast_2d(made.T))}

    return derive_column if derived.alone else derive_table
