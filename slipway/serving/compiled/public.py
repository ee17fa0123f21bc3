"""scikit-learn's own methods on plain numbers, where nothing quicker is known."""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from slipway.serving.answers import Answers, answer
from slipway.serving.compiled.table import Matrix, NotCompiled, Predict, Step, Table, matrix


def bare(step: Any) -> Any:
    """Return a copy that does not know feature names, so that it takes plain arrays without a warning."""
    copied = copy.copy(step)
    vars(copied).pop("feature_names_in_", None)
    return copied


def tried(name: str, function: Callable[[Table], Any], step: Any) -> Any:
    """Return a function of a step after it took a row of zeros. Raises NotCompiled when it does not, or misses feature names."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            function(np.zeros((1, step.n_features_in_)))
        except Exception as error:  # whatever a step raises that wants a DataFrame
            raise NotCompiled(f"{name} does not take plain numbers: {error}") from error
    if any("feature names" in str(each.message) for each in said):
        raise NotCompiled(f"{name} misses the feature names that it was fitted with.")
    return function


def dense(made: Any) -> Matrix:
    """Return what a transformer answered as a plain matrix."""
    return np.asarray(made.toarray() if hasattr(made, "toarray") else made, dtype=np.float64)


def transform(name: str, step: Any) -> Step:
    """Return a transformer's own `transform`. Raises NotCompiled."""
    plain = bare(step)
    made: Step = tried(name, lambda table: dense(plain.transform(matrix(table))), step)
    return made


def predict(name: str, estimator: Any, task: str) -> Predict:
    """Return an estimator's own `predict` or `predict_proba`. Raises NotCompiled."""
    plain: Any = bare(estimator)

    def ask(table: Table) -> Answers:
        rows: Any = matrix(table)
        return answer(plain, rows, task)

    made: Predict = tried(name, ask, estimator)
    return made
