"""Steps that turn each column of numbers into one or more: scalers, powers, bins, products."""

from typing import Any

import numpy as np

from slipway.bundle.graph.builder import Cell, Graph, NotCompiled, Table, make_vector, name_class

# Operator, the operand's attribute, and the option that switches it on: in scikit-learn's order, so that both round alike.
SCALERS = {
    "StandardScaler": (("Sub", "mean_", "with_mean"), ("Div", "scale_", "with_std")),
    "RobustScaler": (("Sub", "center_", "with_centering"), ("Div", "scale_", "with_scaling")),
    "MinMaxScaler": (("Mul", "scale_", None), ("Add", "min_", None)),
    "MaxAbsScaler": (("Div", "scale_", None),),
}


def add_scaler(graph: Graph, _: str, step: Any, table: Table) -> Table:
    """Add a scaler."""
    rows, width = graph.take_checked(table, missing=True)
    for operator, operand, option in SCALERS[name_class(step)]:
        if not option or getattr(step, option):
            rows = graph.add(operator, rows, make_vector(getattr(step, operand), width), width=width)
    if getattr(step, "clip", False):
        low, high = getattr(step, "feature_range", (-1, 1))
        rows = graph.add("Clip", rows, np.array(float(low)), np.array(float(high)), width=width)
    graph.checked[rows] = True
    return graph.split(rows)


def add_polynomial(graph: Graph, name: str, step: Any, table: Table) -> Table:
    """Add the products of columns. Raises NotCompiled."""
    rows, _ = graph.take_checked(table, missing=False)
    powers = step.powers_
    if powers.sum(axis=1).max() > 3:
        raise NotCompiled(f"{name} has a degree above 3.")
    padded = graph.add("Concat", rows, graph.add("Add", graph.add("Mul", _first(graph, rows), np.array(0.0)), np.array(1.0)), axis=1)
    # Each product as places of its factors; the last column is 1.
    factors = [[place for place, power in enumerate(row) for _ in range(power)] for row in powers.tolist()]
    most = max(1, *map(len, factors))
    places = np.array([each + [powers.shape[1]] * (most - len(each)) for each in factors], dtype=np.int64)
    product = ""
    for column in places.T:
        taken = graph.add("Gather", padded, column, axis=1, width=len(factors))
        product = graph.add("Mul", product, taken, width=len(factors)) if product else taken
    return graph.split(product)


def _first(graph: Graph, rows: str) -> str:
    return graph.add("Gather", rows, np.array([0]), axis=1, width=1)


def add_normalizer(graph: Graph, _: str, step: Any, table: Table) -> Table:
    """Add rows in units of their length."""
    rows, width = graph.take_checked(table, missing=False)
    operator = {"l1": "ReduceL1", "l2": "ReduceL2", "max": "ReduceMax"}[step.norm]
    norms = graph.add(operator, graph.add("Abs", rows), np.array([1]), keepdims=1)
    norms = graph.add("Where", graph.add("Equal", norms, np.array(0.0)), np.array(1.0), norms)
    return graph.split(graph.add("Div", rows, norms, width=width))


def add_binarizer(graph: Graph, _: str, step: Any, table: Table) -> Table:
    """Add whether numbers are above a threshold."""
    rows, width = graph.take_checked(table, missing=False)
    return graph.split(graph.add("Cast", graph.add("Greater", rows, np.array(float(step.threshold))), to=11, width=width))


def add_bins(graph: Graph, _: str, step: Any, table: Table) -> Table:
    """Add the bins of numbers."""
    # The place of a bin is the number of inner edges that are not above the value.
    rows = graph.take_checked(table, missing=False)[0]
    found: Table = []
    for place, edges in enumerate(step.bin_edges_):
        column = graph.add("Gather", rows, np.array([place]), axis=1, width=1)
        reached = graph.add("Cast", graph.add("GreaterOrEqual", column, edges[1:-1].astype(np.float64)), to=11)
        bins = graph.add("ReduceSum", reached, np.array([1]), keepdims=1, width=1)
        if step.encode == "ordinal":
            found.append(Cell(bins, 0))
        else:
            count = int(step.n_bins_[place])
            spread = graph.add("Equal", bins, np.arange(count, dtype=np.float64))
            found += graph.split(graph.add("Cast", spread, to=11, width=count))
    return found


def add_power(graph: Graph, name: str, step: Any, table: Table) -> Table:
    """Add powers that make columns like a normal distribution. Raises NotCompiled."""
    rows, width = graph.take_checked(table, missing=True)
    lambdas = np.asarray(step.lambdas_, dtype=np.float64)
    if not np.isfinite(lambdas).all():
        raise NotCompiled(f"{name} has a lambda that is not finite.")
    rows = (_add_yeo_johnson if step.method == "yeo-johnson" else _add_raised)(graph, rows, lambdas)
    graph.widths[rows] = width
    return add_scaler(graph, name, step._scaler, graph.split(rows)) if step.standardize else graph.split(rows)


def _add_raised(graph: Graph, rows: str, powers: Any) -> str:
    # (rows ** power - 1) / power, by column; the logarithm where the power is 0.
    zero = np.abs(powers) < np.spacing(1.0)
    safe = np.where(zero, 1.0, powers)
    raised = graph.add("Div", graph.add("Sub", graph.add("Pow", rows, safe), np.array(1.0)), safe)
    return graph.add("Where", zero, graph.add("Log", rows), raised) if zero.any() else raised


def _add_yeo_johnson(graph: Graph, rows: str, lambdas: Any) -> str:
    above = graph.add("Add", graph.add("Max", rows, np.array(0.0)), np.array(1.0))
    below = graph.add("Sub", np.array(1.0), graph.add("Min", rows, np.array(0.0)))
    positive = _add_raised(graph, above, lambdas)
    negative = graph.add("Neg", _add_raised(graph, below, 2.0 - lambdas))
    chosen = graph.add("Where", graph.add("GreaterOrEqual", rows, np.array(0.0)), positive, negative)
    return graph.add("Where", graph.add("IsNaN", rows), rows, chosen)
