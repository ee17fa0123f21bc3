"""Into which part of the training data's distribution values fall, so that drift is a comparison of counts."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, JsonValue

MISSING, BELOW, ABOVE, OTHER = "missing", "below", "above", "other"
DECILES = np.linspace(0, 1, 11)
# A number with so few values has a bin for each, not for deciles.
FEW = 12
# So many words get a bin of their own, the most frequent ones.
WORDS = 50
# So many features are watched, the first ones, so that a wide model does not flood Prometheus.
FEATURES = 50
# What is counted by its own value as an index: so many numbers, up to so large.
MANY, SMALL = 64, 4096


class Bins(BaseModel):
    """The bins of one feature, or of the answers.

    `edges` are ascending and cut numbers: the first is the smallest value of the training data, the last the largest. `values` are those of
    a category. One of the two is there; with `lengths` it is of a text's number of characters. `shares` are the training data's, in the
    order of `names`.
    """

    model_config = ConfigDict(extra="forbid")
    edges: list[float] | None = None
    values: list[JsonValue] | None = None
    shares: list[float] = []
    usual: float = 0.0
    lengths: bool = False

    @property
    def names(self) -> list[str]:
        """The names of the bins, in the order of `shares`."""
        if self.edges is not None:
            return [*(f"q{number}" for number in range(len(self.edges) - 1)), BELOW, ABOVE, MISSING]
        return [*map(str, self.values or []), OTHER, MISSING]

    def count(self, column: NDArray[Any]) -> NDArray[np.intp]:
        """Count a column's values by bin, shape (bins,), in the order of `names`."""
        column = _measure_lengths(column) if self.lengths else column
        return self._count_values(column) if self.edges is None else self._count_numbers(column)

    def _count_numbers(self, column: NDArray[Any]) -> NDArray[np.intp]:
        # One search finds all places: below, the deciles, above from the number behind the last edge on, and NaN, which is sorted last.
        edges = self.edges or []
        cuts = [*edges[:-1], math.nextafter(edges[-1], math.inf), math.nan]
        below, *counts = np.bincount(np.searchsorted(cuts, column, side="right"), minlength=len(cuts) + 1).tolist()
        *deciles, above, missing = counts
        return np.array([*deciles, below, above, missing], np.intp)

    def _count_values(self, column: NDArray[Any]) -> NDArray[np.intp]:
        values = self.values or []
        places = {value: place for place, value in enumerate(values)}
        counts = [0] * (len(values) + 2)
        for value, count in _count_distinct(column).items():
            missing = value is None or value != value  # NaN alone is not itself
            counts[-1 if missing else places.get(value, -2)] += count
        return np.array(counts, np.intp)


def _count_distinct(column: NDArray[Any]) -> Mapping[Any, int]:
    # Small whole numbers, such as an hour or a code, take an eighth of the time in numpy.
    if column.dtype.kind == "i" and len(column) >= MANY and column.min() >= 0 and column.max() <= SMALL:
        found = np.bincount(column)
        present = np.flatnonzero(found)
        return dict(zip(present.tolist(), found[present].tolist(), strict=True))
    return Counter(column.tolist())


class Watched(BaseModel):
    """The bins of a release, `bins.json`: of its first features, and of its answers (of a multiclass task the likeliest class)."""

    model_config = ConfigDict(extra="forbid")
    features: dict[str, Bins]
    predictions: Bins


def fit_bins(column: NDArray[Any], categories: Sequence[Any] = ()) -> Bins:
    """Cut a column of the training data, shape (n,), into bins, and take their shares."""
    bins = _cut(column, categories)
    return bins.model_copy(update={"shares": (bins.count(column) / max(len(column), 1)).tolist()})


def _cut(column: NDArray[Any], categories: Sequence[Any]) -> Bins:
    # Numbers of many values are cut at the deciles; all others have a bin for each value: those declared, or the most frequent.
    if categories:
        return Bins(values=list(categories))
    if column.dtype.kind in "iuf":
        present = column[~np.isnan(column)]
        values = np.unique(present)
        if len(values) > FEW:
            return Bins(edges=np.unique(np.quantile(present, DECILES)).tolist())
        return Bins(values=values.tolist())
    if column.dtype.kind == "b":
        return Bins(values=[False, True])
    words = Counter(value for value in column.tolist() if value is not None)
    frequent = words.most_common(WORDS)
    if 2 * sum(count for _, count in frequent) < words.total():  # hardly any text comes twice: it is counted by its length
        return _cut(_measure_lengths(column), ()).model_copy(update={"lengths": True})
    return Bins(values=sorted((word for word, _ in frequent), key=str))


def _measure_lengths(column: NDArray[Any]) -> NDArray[np.float64]:
    # What is missing is NaN.
    return np.array([len(str(value)) if value is not None else np.nan for value in column.tolist()], dtype=np.float64)
