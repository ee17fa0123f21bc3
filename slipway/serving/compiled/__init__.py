"""A fitted scikit-learn pipeline as plain numpy, where it answers as the pipeline does: no DataFrame and no ColumnTransformer per call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.serving.answers import Answers, answer
from slipway.serving.compiled.estimators import compile_estimator
from slipway.serving.compiled.steps import apply_steps, compile_transformer, flatten_steps
from slipway.serving.compiled.table import NotCompiled, kind
from slipway.serving.declared import FEATURES
from slipway.serving.parity import TOLERANCE
from slipway.serving.rows import Columns

Answer = Callable[[Columns], Answers]


@dataclass(frozen=True)
class Answering:
    """What answers columns: `path` is "compiled" or "pipeline", `reason` why it is not compiled."""

    answer: Answer
    path: str
    reason: str | None


def choose_answering(pipeline: Any, task: str, reason: str | None, measure_difference: Callable[[Answer], float]) -> Answering:
    """Take the compiled model, unless training gave a reason against it, or it answers differently, or does not compile."""
    if reason is None:
        try:
            short = compile_pipeline(pipeline, [each.name for each in FEATURES], task)
            difference = measure_difference(short)
            if difference <= TOLERANCE:
                return Answering(short, "compiled", None)
            reason = f"compiled, it answers {difference:.3g} off, at most {TOLERANCE:g} is allowed"
        except NotCompiled as error:
            reason = str(error)
        except Exception as error:  # whatever a model that is not foreseen makes it raise
            reason = f"compiled, it fails: {type(error).__name__}"
    from slipway.serving.frames import to_frame  # imported here: pandas, which the compiled model does without

    return Answering(lambda columns: answer(pipeline, to_frame(columns), task), "pipeline", reason)


def compile_pipeline(pipeline: Any, columns: Sequence[str], task: str) -> Answer:
    """Return a function that answers as `slipway.serving.answers.answer` does for a DataFrame of these columns.

    It raises ValueError for values that the pipeline would refuse. Raises NotCompiled with the step and the option that cannot be
    compiled. The caller compares some answers with the pipeline's first.
    """
    try:
        *before, (last, estimator) = flatten_steps("", pipeline)
        _check_columns(before[0][1] if before else estimator, columns)
        steps = [compile_transformer(name, step, None if place else columns) for place, (name, step) in enumerate(before)]
        sparse = bool(before) and getattr(before[-1][1], "sparse_output_", False)
        predict = compile_estimator(last, estimator, task, sparse)
    except NotCompiled:
        raise
    except Exception as error:  # whatever a pipeline of another version, or one that is not fitted, makes this raise
        raise NotCompiled(f"This pipeline cannot be read: {type(error).__name__}: {error}") from error
    return lambda values: predict(apply_steps(steps, [values[name] for name in columns]))


def _check_columns(first: Any, columns: Sequence[str]) -> None:
    fitted = getattr(first, "feature_names_in_", None)
    # A ColumnTransformer takes its columns by name, in any order.
    named = fitted is not None and (kind(first) == "ColumnTransformer" or list(fitted) == list(columns))
    if not named and (fitted is not None or getattr(first, "n_features_in_", len(columns)) != len(columns)):
        raise NotCompiled(f"{type(first).__name__} was fitted with other columns than those declared.")
