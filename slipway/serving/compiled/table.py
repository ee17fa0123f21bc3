"""What flows from step to step: columns as they came in, or a matrix of numbers; and steps that scikit-learn itself takes on these."""

import copy
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from slipway.serving.answers import Answers, answer

Matrix = NDArray[np.float64]
Table = Matrix | list[NDArray[Any]]
Step = Callable[[Table], Table]
Predict = Callable[[Table], Answers]


class NotCompiled(Exception):
    """A pipeline with a part that cannot be compiled. Its own `predict` answers."""


def kind(step: Any) -> str:
    """Return the name of scikit-learn's own classes, nothing for others: a subclass may do anything."""
    return type(step).__name__ if type(step).__module__.startswith("sklearn.") else ""


def columns(table: Table) -> list[NDArray[Any]]:
    """Return a table's columns, each of shape (n,)."""
    return table if isinstance(table, list) else list(table.T)


def select(table: Table, places: Sequence[int]) -> Table:
    """Return some of a table's columns, in this order."""
    return [table[place] for place in places] if isinstance(table, list) else table[:, places]


def matrix(table: Table) -> Matrix:
    """Return a table as numbers, shape (n, columns). Raises ValueError for what is no number."""
    return numbers([table]) if isinstance(table, list) else table


def join(parts: list[Table]) -> Table:
    """Return tables side by side, as numbers unless there are strings in them."""
    if any(isinstance(part, list) and any(column.dtype.kind == "O" for column in part) for part in parts):
        return [column for part in parts for column in columns(part)]
    return numbers(parts)


def numbers(parts: list[Table]) -> Matrix:
    """Return tables side by side, shape (n, columns). Raises ValueError for what is no number."""
    widths = [len(part) if isinstance(part, list) else part.shape[1] for part in parts]
    filled, place = np.empty((len(parts[0][0]) if isinstance(parts[0], list) else len(parts[0]), sum(widths))), 0
    for part, width in zip(parts, widths, strict=True):
        if isinstance(part, list):
            for offset, column in enumerate(part, place):
                filled[:, offset] = column
        else:
            filled[:, place : place + width] = part
        place += width
    return filled


def check_finite(name: str, rows: NDArray[Any], missing: bool = False) -> None:
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


def without_names(step: Any) -> Any:
    """Return a copy that does not know feature names, so that it takes plain arrays without a warning."""
    copied = copy.copy(step)
    vars(copied).pop("feature_names_in_", None)
    return copied


def _check_plain(name: str, function: Callable[[Table], Any], step: Any) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            function(np.zeros((1, step.n_features_in_)))
        except Exception as error:  # whatever a step raises that wants a DataFrame
            raise NotCompiled(f"{name} does not take plain numbers: {error}") from error
    if any("feature names" in str(each.message) for each in warned):
        raise NotCompiled(f"{name} misses the feature names that it was fitted with.")


def dense(output: Any) -> Matrix:
    """Return a transformer's output, sparse or not, as a plain matrix."""
    return np.asarray(output.toarray() if hasattr(output, "toarray") else output, dtype=np.float64)


def own_transform(name: str, step: Any) -> Step:
    """Return a transformer's own `transform`. Raises NotCompiled where it takes no plain numbers."""
    plain = without_names(step)

    def transform(table: Table) -> Table:
        return dense(plain.transform(matrix(table)))

    _check_plain(name, transform, step)
    return transform


def own_predict(name: str, estimator: Any, task: str) -> Predict:
    """Return an estimator's own `predict` or `predict_proba`. Raises NotCompiled where it takes no plain numbers."""
    plain = without_names(estimator)

    def predict(table: Table) -> Answers:
        return answer(plain, matrix(table), task)

    _check_plain(name, predict, estimator)
    return predict
