"""The nearest rows of training. Where two are equally near the choice is scikit-learn's own, so they must not be."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.graph.builder import Graph, NotCompiled, Table, make_dense
from slipway.bundle.graph.kernels import add_differences, add_squared_distances

# The numbers of all rows of training: a row is compared with each of them.
MOST_NUMBERS, MOST_DIFFERENCES = 1_000_000, 50_000


def add_neighbours_regressor(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add the mean of what the nearest rows were. Raises NotCompiled."""
    places, weights = _add_nearest(graph, name, estimator, table)
    values = graph.add("Gather", np.asarray(estimator._y, np.float64).ravel(), places)
    if not weights:
        return graph.add("ReduceMean", values, np.array([1]), keepdims=1, width=1)
    return _add_share(graph, graph.add("Mul", values, weights), weights, 1)


def add_neighbours_classifier(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add the shares of the classes of the nearest rows. Raises NotCompiled."""
    places, weights = _add_nearest(graph, name, estimator, table)
    width = len(estimator.classes_)
    found = graph.add("Gather", np.eye(width)[np.asarray(estimator._y).ravel()], places, axis=0)
    if not weights:
        return graph.add("ReduceMean", found, np.array([1]), keepdims=0, width=width)
    weighed = graph.add("Mul", found, graph.add("Unsqueeze", weights, np.array([2])))
    summed = graph.add("ReduceSum", weighed, np.array([1]), keepdims=0)
    return graph.add("Div", summed, graph.add("ReduceSum", weights, np.array([1]), keepdims=1), width=width)


def _add_share(graph: Graph, weighed: str, weights: str, width: int) -> str:
    total = graph.add("ReduceSum", weights, np.array([1]), keepdims=1)
    return graph.add("Div", graph.add("ReduceSum", weighed, np.array([1]), keepdims=1), total, width=width)


def _add_nearest(graph: Graph, name: str, estimator: Any, table: Table) -> tuple[str, str]:
    # The places of the nearest rows and their weights, none where all are alike.
    points = make_dense(estimator._fit_X)
    _refuse_ties(name, points)
    if estimator.weights not in ("uniform", "distance", None) or np.asarray(estimator._y).size != len(points):
        raise NotCompiled(f"{name} has weights of its own, or several targets.")
    rows, width = graph.take_checked(table, missing=False)
    power = _read_power(name, estimator)
    if power == 2.0 and estimator.weights != "distance":
        if points.size > MOST_NUMBERS:
            raise NotCompiled(f"{name} compares with {points.size} numbers, more than {MOST_NUMBERS}.")
        centre = points.mean(axis=0)
        distances = add_squared_distances(graph, graph.add("Sub", rows, centre, width=width), points - centre)
    else:
        if points.size > MOST_DIFFERENCES:
            raise NotCompiled(f"{name} compares with {points.size} numbers, more than {MOST_DIFFERENCES}, one by one.")
        distances = _add_powered(graph, rows, points, power)
    near, places = graph.add_two("TopK", distances, np.array([estimator.n_neighbors]), axis=1, largest=0, sorted=1)
    if estimator.weights != "distance":
        return places, ""
    if estimator._fit_method == "brute":
        raise NotCompiled(f"{name} weighs by distances that it rounds.")
    return places, _add_weights(graph, graph.add("Pow", near, np.array(1 / power)))


def _add_weights(graph: Graph, distances: str) -> str:
    # Rows at no distance count alone.
    same = graph.add("Equal", distances, np.array(0.0))
    any_same = graph.add("ReduceMax", graph.add("Cast", same, to=11), np.array([1]), keepdims=1)
    apart = graph.add("Div", np.array(1.0), graph.add("Where", same, np.array(1.0), distances))
    return graph.add("Where", graph.add("Greater", any_same, np.array(0.0)), graph.add("Cast", same, to=11), apart)


def _add_powered(graph: Graph, rows: str, points: NDArray[np.float64], power: float) -> str:
    differences = add_differences(graph, rows, points)
    parts = graph.add("Abs", differences) if power != 2.0 else graph.add("Mul", differences, differences)
    if power not in (1.0, 2.0):
        parts = graph.add("Pow", parts, np.array(power))
    return graph.add("ReduceSum", parts, np.array([2]), keepdims=0, width=len(points))


def _read_power(name: str, estimator: Any) -> float:
    named = {"euclidean": 2.0, "manhattan": 1.0, "minkowski": estimator.effective_metric_params_.get("p", 2.0)}
    if estimator.effective_metric_ not in named or estimator.effective_metric_params_.get("w") is not None:
        raise NotCompiled(f"{name} has the metric {estimator.effective_metric_!r}, which has no form as a graph.")
    return float(named[estimator.effective_metric_])


def _refuse_ties(name: str, points: NDArray[np.float64]) -> None:
    # Among whole numbers and categories many rows are equally near; where a column hardly repeats itself, none is.
    if len(np.unique(points, axis=0)) < len(points) or max(len(np.unique(each)) for each in points.T) < len(points) / 2:
        raise NotCompiled(f"{name} has rows that are equally near, among which scikit-learn chooses by itself.")
