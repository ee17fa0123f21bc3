"""Everything before the last step: which columns each step gets, and what it makes of them."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.serving.compiled.table import (
    Matrix,
    NotCompiled,
    Step,
    Table,
    check_finite,
    columns,
    dense,
    join,
    kind,
    matrix,
    own_transform,
    select,
    without_names,
)

# Operation, the operand's attribute, and the option that switches it on: in scikit-learn's order, so that both round alike.
SCALERS = {
    "StandardScaler": ((np.subtract, "mean_", "with_mean"), (np.divide, "scale_", "with_std")),
    "RobustScaler": ((np.subtract, "center_", "with_centering"), (np.divide, "scale_", "with_scaling")),
    "MinMaxScaler": ((np.multiply, "scale_", None), (np.add, "min_", None)),
    "MaxAbsScaler": ((np.divide, "scale_", None),),
}


def flatten_steps(name: str, step: Any) -> Iterator[tuple[str, Any]]:
    """Yield the steps of nested pipelines with their paths, without those that do nothing."""
    if kind(step) == "Pipeline":
        for inner, each in step.steps:
            yield from flatten_steps(f"{name}.{inner}" if name else inner, each)
    elif kind(step) in ("GridSearchCV", "RandomizedSearchCV"):
        yield from flatten_steps(name, step.best_estimator_)
    elif step is not None and step != "passthrough":
        yield name or type(step).__name__, step


def compile_transformer(name: str, step: Any, names: Sequence[str] | None = None) -> Step:
    """Compile a fitted transformer; `names` are those of its columns, where they are known. Raises NotCompiled."""
    if kind(step) == "ColumnTransformer":
        return _compile_columns(name, step, names)
    if not kind(step):
        raise NotCompiled(f"{name} is a {type(step).__name__}, which is not scikit-learn's.")
    return COMPILERS.get(kind(step), own_transform)(name, step)


def _compile_columns(name: str, step: Any, names: Sequence[str] | None) -> Step:
    if step.transformer_weights:
        raise NotCompiled(f"{name} has transformer_weights.")
    parts = []
    for inner, each, spec in step.transformers_:
        places = _find_columns(f"{name}.{inner}", step, spec, names)
        if places and not (isinstance(each, str) and each == "drop"):
            parts.append((places, [compile_transformer(path, one) for path, one in flatten_steps(f"{name}.{inner}", each)]))

    def transform(table: Table) -> Table:
        return join([apply_steps(steps, select(table, places)) for places, steps in parts])

    return transform


def apply_steps(steps: Sequence[Step], table: Table) -> Table:
    """Apply steps to a table, one after the other."""
    for step in steps:
        table = step(table)
    return table


def _find_columns(name: str, step: Any, spec: Any, names: Sequence[str] | None) -> list[int]:
    # A part of a ColumnTransformer gets its columns by name, place, slice or mask.
    if isinstance(spec, str | int):
        raise NotCompiled(f"{name} takes one column by itself, not as a table.")
    if not isinstance(spec, slice) and len(spec) == 0:
        return []
    fitted = getattr(step, "feature_names_in_", np.arange(step.n_features_in_))
    labels = list(spec) if not isinstance(spec, slice) and isinstance(spec[0], str) else fitted[spec].tolist()
    available = list(names if names is not None and hasattr(step, "feature_names_in_") else fitted)
    if missing := [each for each in labels if each not in available]:
        raise NotCompiled(f"{name} takes {missing[0]}, which is not declared.")
    return [available.index(each) for each in labels]


def compile_encoder(name: str, encoder: Any) -> Step:
    """Return an encoder of categories (ordinal, one-hot, target) as a table of what it answers to each category that it knows.

    A value that the encoder refuses raises ValueError. What is missing is looked up as the missing value of training, None or NaN.
    """
    precision = np.dtype(getattr(encoder, "dtype", float))
    if precision.kind not in "iub" and precision != np.float64:
        raise NotCompiled(f"{name} has dtype {precision}, not float64.")
    # NaN, which equals nothing, has the key None.
    keys = [[each if each == each else None for each in categories.tolist()] for categories in encoder.categories_]
    places = [{key: place for place, key in enumerate(column)} for column in keys]
    if any(len(column) != len(found) for column, found in zip(keys, places, strict=True)):
        raise NotCompiled(f"{name} tells None from NaN.")
    answers, unknown, owners = _encode_categories(name, encoder)
    slices = [np.flatnonzero(owners == place) for place in range(len(places))]
    spans = [slice(own[0], own[-1] + 1) if len(own) else slice(0, 0) for own in slices]
    codes = [np.vstack([answers[: len(found), own], unknown[:, own]]) for found, own in zip(places, slices, strict=True)]

    def encode(table: Table) -> Table:
        arrays = columns(table)
        encoded = np.empty((len(arrays[0]), len(owners)))
        for values, find, code, span in zip(arrays, places, codes, spans, strict=True):
            found = [find.get(value if value == value else None, len(find)) for value in values.tolist()]
            if not len(unknown) and len(find) in found:
                raise ValueError(f"{name} takes no unknown categories.")
            encoded[:, span] = code[found]
        return encoded

    return encode


def _encode_categories(name: str, encoder: Any) -> tuple[Matrix, Matrix, Any]:
    # Return the codes of each column's categories in their order, of unknown values (no row if refused), and whose column each is.
    plain, count = without_names(encoder), len(encoder.categories_)
    table = np.empty((max(map(len, encoder.categories_)), count), dtype=object)
    for place, categories in enumerate(encoder.categories_):
        table[:, place] = (categories.tolist() + [categories.tolist()[0]] * len(table))[: len(table)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answers = dense(plain.transform(table))
        try:
            unknown = dense(plain.transform(np.full((1, count), object(), dtype=object)))
        except ValueError:
            unknown = answers[:0]
    names = plain.get_feature_names_out([f"{place}|" for place in range(count)])
    owners = np.array([int(each.split("|")[0]) for each in names])
    if len(owners) != answers.shape[1]:
        raise NotCompiled(f"{name} names {len(owners)} columns, and makes {answers.shape[1]}.")
    return answers, unknown, owners


def _compile_scaler(name: str, step: Any) -> Step:
    rules = [rule for rule in SCALERS[kind(step)] if not rule[2] or getattr(step, rule[2])]
    work = [(operation, getattr(step, operand)) for operation, operand, _ in rules]
    limits = getattr(step, "feature_range", (-1, 1)) if getattr(step, "clip", False) else None

    def scale(table: Table) -> Table:
        rows = matrix(table)
        check_finite(name, rows, missing=True)
        for operation, operand in work:
            rows = operation(rows, operand)
        return rows if limits is None else rows.clip(*limits)

    return scale


def _compile_imputer(name: str, step: Any) -> Step:
    if not (isinstance(step.missing_values, float) and np.isnan(step.missing_values)):
        raise NotCompiled(f"{name} has missing_values other than NaN.")
    fill: list[Any] = step.statistics_.tolist()
    if any(each is None or each != each for each in fill):
        raise NotCompiled(f"{name} has a column without any value.")
    marked = step.indicator_.features_.tolist() if step.add_indicator else []
    impute = _fill_numbers if step.statistics_.dtype.kind in "iuf" else _fill_objects

    def transform(table: Table) -> Table:
        filled, missing = impute(name, table, fill)
        return join([filled, missing[:, marked].astype(np.float64)]) if marked else filled

    return transform


def _fill_numbers(name: str, table: Table, fill: list[Any]) -> tuple[Table, NDArray[np.bool_]]:
    rows = matrix(table)
    check_finite(name, rows, missing=True)
    missing = np.isnan(rows)
    return np.where(missing, fill, rows), missing


def _fill_objects(_: str, table: Table, fill: list[Any]) -> tuple[Table, NDArray[np.bool_]]:
    filled = [column.astype(object) for column in columns(table)]
    missing = [np.array([value is None or value != value for value in column.tolist()]) for column in filled]
    for column, gaps, value in zip(filled, missing, fill, strict=True):
        column[gaps] = value
    return filled, np.column_stack(missing)


def _compile_function(name: str, step: Any) -> Step:
    if step.validate or step.kw_args or not (step.func is None or isinstance(step.func, np.ufunc)):
        raise NotCompiled(f"{name} is a FunctionTransformer with a func of its own, kw_args or validate.")
    return (lambda table: table) if step.func is None else (lambda table: step.func(matrix(table)))


COMPILERS: dict[str, Callable[[str, Any], Step]] = {
    "OrdinalEncoder": compile_encoder,
    "OneHotEncoder": compile_encoder,
    "TargetEncoder": compile_encoder,
    "SimpleImputer": _compile_imputer,
    "FunctionTransformer": _compile_function,
    **dict.fromkeys(SCALERS, _compile_scaler),
}
