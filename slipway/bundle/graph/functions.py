"""Functions of numpy and scipy, and those in `model/` of what comes in."""

from functools import partial
from typing import Any

import numpy as np

from slipway.bundle.graph.builder import Graph, NotCompiled, Table
from slipway.bundle.graph.own import add_own_function, is_own

# Functions of numpy and scipy as operators: an operand is a number, or None for what comes in.
FUNCTIONS: dict[str, tuple[tuple[str, *tuple[float | None, ...]], ...]] = {
    "absolute": (("Abs", None),),
    "ceil": (("Ceil", None),),
    "cos": (("Cos", None),),
    "exp": (("Exp", None),),
    "expit": (("Sigmoid", None),),
    "expm1": (("Exp", None), ("Sub", None, 1.0)),
    "floor": (("Floor", None),),
    "log": (("Log", None),),
    "log10": (("Log", None), ("Div", None, float(np.log(10)))),
    "log1p": (("Add", None, 1.0), ("Log", None)),
    "log2": (("Log", None), ("Div", None, float(np.log(2)))),
    "negative": (("Neg", None),),
    "reciprocal": (("Div", 1.0, None),),
    "sign": (("Sign", None),),
    "sin": (("Sin", None),),
    "sqrt": (("Sqrt", None),),
    "square": (("Mul", None, None),),
    "tanh": (("Tanh", None),),
}


def add_function_step(graph: Graph, name: str, step: Any, table: Table) -> Table:
    """Add a FunctionTransformer. Raises NotCompiled."""
    if step.validate:
        raise NotCompiled(f"{name} is a FunctionTransformer with validate.")
    if step.func is None:
        return table
    if is_own(step.func) and not step.kw_args:
        return add_own_function(graph, name, step.func, table)
    rows, width = graph.take_matrix(table)
    return graph.split(add_function(graph, name, step.func, rows, width, step.kw_args))


def add_function(graph: Graph, name: str, function: Any, rows: str, width: int, options: dict[str, Any] | None = None) -> str:
    """Add a function of numpy or scipy. Raises NotCompiled."""
    given = dict(options or {})
    while isinstance(function, partial) and not function.args:
        function, given = function.func, {**function.keywords, **given}
    if function is np.clip:
        return _add_clip(graph, name, rows, width, given)
    label = getattr(function, "__name__", "") if isinstance(function, np.ufunc) else ""
    if label not in FUNCTIONS or given:
        raise NotCompiled(f"{name} applies {getattr(function, '__name__', function)!r}, which has no form as a graph.")
    for operator, *operands in FUNCTIONS[label]:
        rows = graph.add(operator, *(rows if each is None else np.array(each) for each in operands), width=width)
    return rows


def _add_clip(graph: Graph, name: str, rows: str, width: int, given: dict[str, Any]) -> str:
    bounds = [("Max", given.pop("a_min", given.pop("min", None))), ("Min", given.pop("a_max", given.pop("max", None)))]
    if given or not all(each is None or np.isscalar(each) for _, each in bounds):
        raise NotCompiled(f"{name} applies 'clip' with bounds for each column, or other options.")
    missing = graph.add("IsNaN", rows)
    clipped = rows
    for operator, bound in bounds:
        if bound is not None:
            clipped = graph.add(operator, clipped, np.array(float(bound)))
    return graph.add("Where", missing, rows, clipped, width=width)
