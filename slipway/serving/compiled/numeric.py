"""Scalers, imputers and functions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.serving.compiled.table import NotCompiled, Step, Table, columns, finite, joined, kind, matrix

# Operation, the operand's attribute, and the option that switches it on: in scikit-learn's order, so that both round alike.
SCALERS = {
    "StandardScaler": ((np.subtract, "mean_", "with_mean"), (np.divide, "scale_", "with_std")),
    "RobustScaler": ((np.subtract, "center_", "with_centering"), (np.divide, "scale_", "with_scaling")),
    "MinMaxScaler": ((np.multiply, "scale_", None), (np.add, "min_", None)),
    "MaxAbsScaler": ((np.divide, "scale_", None),),
}


def scaler(name: str, step: Any) -> Step:
    """Return a scaler."""
    work = [
        (operation, getattr(step, operand)) for operation, operand, option in SCALERS[kind(step)] if not option or getattr(step, option)
    ]
    limits = getattr(step, "feature_range", (-1, 1)) if getattr(step, "clip", False) else None

    def scale(table: Table) -> Table:
        rows = matrix(table)
        finite(name, rows, missing=True)
        for operation, operand in work:
            rows = operation(rows, operand)
        return rows if limits is None else rows.clip(*limits)

    return scale


def imputer(name: str, step: Any) -> Step:
    """Return a SimpleImputer. Raises NotCompiled."""
    if not (isinstance(step.missing_values, float) and np.isnan(step.missing_values)):
        raise NotCompiled(f"{name} has missing_values other than NaN.")
    fill: list[Any] = step.statistics_.tolist()
    if any(each is None or each != each for each in fill):
        raise NotCompiled(f"{name} has a column without any value.")
    marked = step.indicator_.features_.tolist() if step.add_indicator else []
    impute = filled_numbers if step.statistics_.dtype.kind in "iuf" else filled_objects

    def transform(table: Table) -> Table:
        filled, missing = impute(name, table, fill)
        return joined([filled, missing[:, marked].astype(np.float64)]) if marked else filled

    return transform


def filled_numbers(name: str, table: Table, fill: list[Any]) -> tuple[Table, NDArray[np.bool_]]:
    """Return numbers without gaps, and where these were."""
    rows = matrix(table)
    finite(name, rows, missing=True)
    missing = np.isnan(rows)
    return np.where(missing, fill, rows), missing


def filled_objects(_: str, table: Table, fill: list[Any]) -> tuple[Table, NDArray[np.bool_]]:
    """Return strings without gaps, and where these were."""
    filled = [column.astype(object) for column in columns(table)]
    missing = [np.array([value is None or value != value for value in column.tolist()]) for column in filled]
    for column, gaps, value in zip(filled, missing, fill, strict=True):
        column[gaps] = value
    return filled, np.column_stack(missing)


def function(name: str, step: Any) -> Step:
    """Return a FunctionTransformer that does nothing, or applies one of numpy's own functions. Raises NotCompiled."""
    if step.validate or step.kw_args or not (step.func is None or isinstance(step.func, np.ufunc)):
        raise NotCompiled(f"{name} is a FunctionTransformer with a func of its own, kw_args or validate.")
    return (lambda table: table) if step.func is None else (lambda table: step.func(matrix(table)))
