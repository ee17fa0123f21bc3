"""Everything before the last step: who gets which columns, and what each makes of them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from slipway.serving.compiled import public
from slipway.serving.compiled.lookup import lookup
from slipway.serving.compiled.numeric import SCALERS, function, imputer, scaler
from slipway.serving.compiled.table import NotCompiled, Step, Table, chosen, joined, kind

KNOWN: dict[str, Callable[[str, Any], Step]] = {
    "OrdinalEncoder": lookup,
    "OneHotEncoder": lookup,
    "TargetEncoder": lookup,
    "SimpleImputer": imputer,
    "FunctionTransformer": function,
    **dict.fromkeys(SCALERS, scaler),
}


def flat(name: str, step: Any) -> Iterator[tuple[str, Any]]:
    """Yield the steps of pipelines inside of pipelines with their paths, without those that do nothing."""
    if kind(step) == "Pipeline":
        for inner, each in step.steps:
            yield from flat(f"{name}.{inner}" if name else inner, each)
    elif kind(step) in ("GridSearchCV", "RandomizedSearchCV"):
        yield from flat(name, step.best_estimator_)
    elif step is not None and step != "passthrough":
        yield name or type(step).__name__, step


def transformer(name: str, step: Any, names: Sequence[str] | None = None) -> Step:
    """Return a fitted transformer; `names` are those of the columns that it gets, where they are known. Raises NotCompiled."""
    if kind(step) == "ColumnTransformer":
        return column_transformer(name, step, names)
    if not kind(step):
        raise NotCompiled(f"{name} is a {type(step).__name__}, which is not scikit-learn's.")
    return KNOWN.get(kind(step), public.transform)(name, step)


def column_transformer(name: str, step: Any, names: Sequence[str] | None) -> Step:
    """Return a ColumnTransformer. Raises NotCompiled."""
    if step.transformer_weights:
        raise NotCompiled(f"{name} has transformer_weights.")
    parts = []
    for inner, each, spec in step.transformers_:
        places = found(f"{name}.{inner}", step, spec, names)
        if places and not (isinstance(each, str) and each == "drop"):
            parts.append((places, [transformer(path, one) for path, one in flat(f"{name}.{inner}", each)]))

    def transform(table: Table) -> Table:
        return joined([follow(steps, chosen(table, places)) for places, steps in parts])

    return transform


def follow(steps: Sequence[Step], table: Table) -> Table:
    """Return what steps make of a table, one after the other."""
    for step in steps:
        table = step(table)
    return table


def found(name: str, step: Any, spec: Any, names: Sequence[str] | None) -> list[int]:
    """Return the places of the columns that a ColumnTransformer gives to one of its parts: by name, place, slice or mask."""
    if isinstance(spec, str | int):
        raise NotCompiled(f"{name} takes one column by itself, not as a table.")
    if not isinstance(spec, slice) and len(spec) == 0:
        return []
    fitted = getattr(step, "feature_names_in_", np.arange(step.n_features_in_))
    labels = list(spec) if not isinstance(spec, slice) and isinstance(spec[0], str) else fitted[spec].tolist()
    given = list(names if names is not None and hasattr(step, "feature_names_in_") else fitted)
    if missing := [each for each in labels if each not in given]:
        raise NotCompiled(f"{name} takes {missing[0]}, which is not declared.")
    return [given.index(each) for each in labels]
