"""Curves of one column: lines between points, quantiles and splines."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.graph.builder import Cell, Graph, NotCompiled, Table
from slipway.bundle.graph.trees import INT64

Numbers = NDArray[np.float64]


def add_line(graph: Graph, column: str, points: Any, values: Any) -> str:
    """Add the line through points, shape (n, 1); beyond the ends what stands there. Of several values at a point, the last."""
    points, values = np.asarray(points, np.float64), np.asarray(values, np.float64)
    place = _find_place(graph, column, points[1:])
    gaps = np.diff(points)
    slopes = np.append(np.divide(np.diff(values), gaps, out=np.zeros(len(gaps)), where=gaps != 0), 0.0)
    clipped = graph.add("Clip", column, np.array(points[0]), np.array(points[-1]))
    ahead = graph.add("Sub", clipped, graph.add("Gather", points, place))
    return graph.add("Add", graph.add("Mul", ahead, graph.add("Gather", slopes, place)), graph.add("Gather", values, place), width=1)


def _find_place(graph: Graph, column: str, edges: Numbers) -> str:
    # How many edges a value has reached, shape (n, 1).
    if not len(edges):
        return graph.add("Cast", graph.add("Mul", graph.add("Cast", graph.add("IsNaN", column), to=INT64), np.array(0)), to=INT64)
    graph.note_size(len(edges))
    reached = graph.add("Cast", graph.add("GreaterOrEqual", column, edges), to=INT64)
    return graph.add("ReduceSum", reached, np.array([1]), keepdims=1)


def add_isotonic(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add an isotonic regression, which has no answer beyond its points unless it is to be cut there. Raises NotCompiled."""
    rows, width = graph.take_checked(table, missing=False)
    if width != 1 or estimator.out_of_bounds == "raise":
        raise NotCompiled(f"{name} takes several columns, or raises beyond its points.")
    points = np.asarray(estimator.X_thresholds_, np.float64)
    found = add_line(graph, rows, points, estimator.y_thresholds_)
    if estimator.out_of_bounds == "clip":
        return found
    beyond = graph.add("Or", graph.add("Less", rows, np.array(points[0])), graph.add("Greater", rows, np.array(points[-1])))
    return graph.add("Where", beyond, np.array(np.nan), found, width=1)


def add_quantiles(graph: Graph, name: str, step: Any, table: Table) -> Table:
    """Add the share of training that is below a number: the mean of the line that ascends and the one that descends. Raises NotCompiled."""
    if step.output_distribution != "uniform":
        raise NotCompiled(f"{name} makes a normal distribution.")
    rows, _ = graph.take_checked(table, missing=True)
    found: Table = []
    for place, quantiles in enumerate(np.asarray(step.quantiles_, np.float64).T):
        column = graph.add("Gather", rows, np.array([place]), axis=1, width=1)
        up = add_line(graph, column, quantiles, step.references_)
        down = add_line(graph, graph.add("Neg", column), -quantiles[::-1], -step.references_[::-1])
        mean = graph.add("Mul", graph.add("Sub", up, down), np.array(0.5))
        mean = graph.add("Where", graph.add("Equal", column, np.array(quantiles[-1])), np.array(1.0), mean)
        mean = graph.add("Where", graph.add("Equal", column, np.array(quantiles[0])), np.array(0.0), mean, width=1)
        found.append(Cell(graph.add("Where", graph.add("IsNaN", column), column, mean, width=1), 0))
    return found


def add_quantiles_back(graph: Graph, name: str, step: Any, column: str) -> str:
    """Add the number of training of which a share is below. Raises NotCompiled."""
    if step.output_distribution != "uniform":
        raise NotCompiled(f"{name} takes answers from a normal distribution.")
    return add_line(graph, column, step.references_, np.asarray(step.quantiles_, np.float64)[:, 0])


def add_splines(graph: Graph, name: str, step: Any, table: Table) -> Table:
    """Add splines: between two knots each is a polynomial. Raises NotCompiled."""
    if getattr(step, "handle_missing", "error") != "error" or step.extrapolation == "error" or step.degree < 1:
        raise NotCompiled(f"{name} has the degree 0, handle_missing, or extrapolation='error'.")
    rows = graph.take_checked(table, missing=False)[0]
    found: Table = []
    if step.degree == 1 and step.extrapolation == "linear" and len(step.bsplines_) > 1:
        raise NotCompiled(f"{name} has the degree 1 and extrapolation='linear', where scikit-learn cuts its second column elsewhere.")
    if any((np.diff(each.t) <= 0).any() for each in step.bsplines_):
        raise NotCompiled(f"{name} has knots that are equal.")
    for place, spline in enumerate(step.bsplines_):
        column = graph.add("Gather", rows, np.array([place]), axis=1, width=1)
        made = graph.split(_add_spline(graph, column, spline, step.extrapolation))
        found += made if step.include_bias else made[:-1]
    return found


def _add_spline(graph: Graph, column: str, spline: Any, extrapolation: str) -> str:
    knots = spline.t[spline.k : len(spline.t) - spline.k]
    least, most = knots[0], knots[-1]
    # Of each polynomial the coefficients, by the distance from its knot.
    powers, factor = [], 1.0
    for order in range(spline.k + 1):
        factor *= max(order, 1)
        powers.append(np.asarray(spline(knots[:-1], nu=order), np.float64) / factor)
    inner = column
    if extrapolation == "periodic":
        rest = graph.add("Mod", graph.add("Sub", column, np.array(least)), np.array(most - least), fmod=1)
        above = graph.add("Add", rest, np.array(most - least))
        inner = graph.add("Add", graph.add("Where", graph.add("Less", rest, np.array(0.0)), above, rest), np.array(least))
    elif extrapolation != "continue":
        inner = graph.add("Clip", column, np.array(least), np.array(most))
    interval = _find_place(graph, inner, knots[1:-1])
    ahead = graph.add("Sub", inner, graph.add("Gather", knots[:-1], interval))
    interval, width = graph.add("Squeeze", interval, np.array([1])), powers[0].shape[1]
    value = graph.add("Gather", powers[-1], interval, axis=0, width=width)
    for coefficients in powers[-2::-1]:
        value = graph.add("Add", graph.add("Mul", value, ahead), graph.add("Gather", coefficients, interval, axis=0), width=width)
    if extrapolation == "linear":
        for slope, beyond in ((spline(most, nu=1), "Max"), (spline(least, nu=1), "Min")):
            edge = graph.add("Sub", column, np.array(most if beyond == "Max" else least))
            rise = graph.add("Mul", graph.add(beyond, edge, np.array(0.0)), np.asarray(slope, np.float64))
            value = graph.add("Add", value, rise, width=width)
    return value
