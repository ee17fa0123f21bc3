"""A fitted scikit-learn pipeline as plain numpy: the same answers, without a DataFrame and a ColumnTransformer per call."""

from collections.abc import Callable, Sequence
from typing import Any

from slipway.serving.answers import Answers
from slipway.serving.compiled.estimators import predictor
from slipway.serving.compiled.steps import flat, follow, transformer
from slipway.serving.compiled.table import Columns, NotCompiled, kind

__all__ = ["Columns", "NotCompiled", "compiled"]


def compiled(pipeline: Any, columns: Sequence[str], task: str) -> Callable[[Columns], Answers]:
    """Return a function that answers as `slipway.serving.answers.answer` does for a DataFrame of these columns.

    Values that the pipeline would refuse raise ValueError when they are asked. Raises NotCompiled with the step and the option that is not
    known: the pipeline has to answer itself. Whoever uses this compares some answers with the pipeline's first.
    """
    try:
        *before, (last, estimator) = flat("", pipeline)
        check(before[0][1] if before else estimator, columns)
        steps = [transformer(name, step, None if place else columns) for place, (name, step) in enumerate(before)]
        sparse = bool(before) and getattr(before[-1][1], "sparse_output_", False)
        predict = predictor(last, estimator, task, sparse)
    except NotCompiled:
        raise
    except Exception as error:  # whatever a pipeline of another version, or one that is not fitted, makes this raise
        raise NotCompiled(f"This pipeline cannot be read: {type(error).__name__}: {error}") from error
    return lambda given: predict(follow(steps, [given[name] for name in columns]))


def check(first: Any, columns: Sequence[str]) -> None:
    """Raise NotCompiled when the first step was fitted with other columns. A ColumnTransformer takes them by name, in any order."""
    fitted = getattr(first, "feature_names_in_", None)
    named = fitted is not None and (kind(first) == "ColumnTransformer" or list(fitted) == list(columns))
    if not named and (fitted is not None or getattr(first, "n_features_in_", len(columns)) != len(columns)):
        raise NotCompiled(f"{type(first).__name__} was fitted with other columns than those declared.")
