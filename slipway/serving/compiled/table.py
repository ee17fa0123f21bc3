"""What flows from step to step: columns as they came in, or a matrix of numbers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from slipway.serving.answers import Answers

# One array of shape (n,) per declared feature: float64 (NaN is missing), int64, bool, or object (strings, None is missing).
Columns = dict[str, NDArray[Any]]
Matrix = NDArray[np.float64]
Table = Matrix | list[NDArray[Any]]
Step = Callable[[Table], Table]
Predict = Callable[[Table], Answers]


class NotCompiled(Exception):
    """A pipeline with something in it that is not known here. Its own `predict` answers."""


def kind(step: Any) -> str:
    """Return the name of scikit-learn's own classes, nothing for others: a subclass may do anything."""
    return type(step).__name__ if type(step).__module__.startswith("sklearn.") else ""


def width(table: Table) -> int:
    """Return the number of columns."""
    return len(table) if isinstance(table, list) else table.shape[1]


def columns(table: Table) -> list[NDArray[Any]]:
    """Return a table's columns."""
    return table if isinstance(table, list) else list(table.T)


def chosen(table: Table, places: Sequence[int]) -> Table:
    """Return some of a table's columns, in this order."""
    return [table[place] for place in places] if isinstance(table, list) else table[:, places]


def matrix(table: Table) -> Matrix:
    """Return a table as numbers, shape (n, columns). Raises ValueError for what is no number."""
    return numbers([table]) if isinstance(table, list) else table


def joined(parts: list[Table]) -> Table:
    """Return tables side by side, as numbers unless there are strings in them."""
    if any(isinstance(part, list) and any(column.dtype.kind == "O" for column in part) for part in parts):
        return [column for part in parts for column in columns(part)]
    return numbers(parts)


def numbers(parts: list[Table]) -> Matrix:
    """Return tables side by side, shape (n, columns). Raises ValueError for what is no number."""
    filled, place = np.empty((len(parts[0][0]) if isinstance(parts[0], list) else len(parts[0]), sum(map(width, parts)))), 0
    for part in parts:
        if isinstance(part, list):
            for offset, column in enumerate(part, place):
                filled[:, offset] = column
        else:
            filled[:, place : place + part.shape[1]] = part
        place += width(part)
    return filled


def finite(name: str, rows: NDArray[Any], missing: bool = False) -> None:
    """Raise ValueError when a number is infinite, or missing where that is not allowed."""
    if (np.isinf(rows) if missing else ~np.isfinite(rows)).any():
        raise ValueError(f"{name} takes no infinite{'' if missing else ' or missing'} numbers.")


def probabilities(scores: Matrix, task: str) -> Answers:
    """Return the probabilities that scores mean: of the second class by the logistic function for one score a row, else by softmax."""
    if scores.shape[1] == 1:
        second: Answers = expit(scores[:, 0])
        return second if task == "binary" else np.column_stack([1 - second, second])
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    every: Answers = weights / weights.sum(axis=1, keepdims=True)
    return every[:, 1] if task == "binary" else every
