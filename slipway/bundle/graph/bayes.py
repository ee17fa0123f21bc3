"""Classifiers by what is likely: naive Bayes, quadratic discriminants, the nearest centre of a class."""

from typing import Any

import numpy as np

from slipway.bundle.graph.bags import multiply, take_bag
from slipway.bundle.graph.builder import Bag, Graph, NotCompiled, Table, make_dense
from slipway.bundle.graph.kernels import add_squared_distances
from slipway.bundle.graph.trees import DOUBLE, INT64


def add_normal(graph: Graph, _: str, estimator: Any, table: Table) -> str:
    """Add naive Bayes of normal densities."""
    # The log of a normal density by class and column, added up: a square in each column is two products of matrices.
    rows = graph.take_checked(table, missing=False)[0]
    means, variances = np.asarray(estimator.theta_, np.float64), np.asarray(estimator.var_, np.float64)
    graph.note_size(means.size)
    shifted = graph.add("Sub", graph.add("Unsqueeze", rows, np.array([1])), means)
    squares = graph.add("Div", graph.add("Mul", shifted, shifted), variances)
    summed = graph.add("ReduceSum", squares, np.array([2]), keepdims=0)
    constant = np.log(estimator.class_prior_) - 0.5 * np.log(2.0 * np.pi * variances).sum(axis=1)
    scores = graph.add("Add", graph.add("Mul", summed, np.array(-0.5)), constant, width=len(means))
    return graph.add("Softmax", scores, axis=1, width=len(means))


def add_counted(graph: Graph, _: str, estimator: Any, table: Table) -> str:
    """Add naive Bayes of counts."""
    weights = np.asarray(estimator.feature_log_prob_, np.float64)
    scores = multiply(graph, table, weights.T)
    if type(estimator).__name__ != "ComplementNB" or len(weights) == 1:
        scores = graph.add("Add", scores, np.asarray(estimator.class_log_prior_, np.float64), width=len(weights))
    return graph.add("Softmax", scores, axis=1, width=len(weights))


def add_present(graph: Graph, _: str, estimator: Any, table: Table) -> str:
    """Add naive Bayes of what is there or not."""
    weights = np.asarray(estimator.feature_log_prob_, np.float64)
    absent = np.log(1 - np.exp(weights))
    if estimator.binarize is not None:
        table = _binarize(graph, table, float(estimator.binarize))
    scores = multiply(graph, table, (weights - absent).T)
    constant = np.asarray(estimator.class_log_prior_ + absent.sum(axis=1), np.float64)
    return graph.add("Softmax", graph.add("Add", scores, constant), axis=1, width=len(weights))


def _binarize(graph: Graph, table: Table, threshold: float) -> Table:
    bag = take_bag(graph, table) if threshold >= 0 else None
    if bag:
        present = graph.add("Cast", graph.add("Greater", bag.values, np.array(threshold)), to=DOUBLE)
        return graph.split(graph.add_bag(Bag(bag.places, present), len(table)))
    rows, width = graph.take_checked(table, missing=False)
    return graph.split(graph.add("Cast", graph.add("Greater", rows, np.array(threshold)), to=DOUBLE, width=width))


def add_categories(graph: Graph, _: str, estimator: Any, table: Table) -> str:
    """Add naive Bayes of categories, which are whole numbers; what training did not have is refused."""
    rows = graph.take_checked(table, missing=False)[0]
    places = graph.add("Cast", graph.add("Where", graph.add("IsNaN", rows), np.array(-1.0), rows), to=INT64)
    scores = ""
    for column, weights in enumerate(estimator.feature_log_prob_):
        place = graph.add("Squeeze", graph.add("Gather", places, np.array([column]), axis=1), np.array([1]))
        known = np.concatenate([weights.T, np.full((1, len(weights)), np.nan)])
        least, most = graph.add("Less", place, np.array(0)), graph.add("GreaterOrEqual", place, np.array(len(known) - 1))
        place = graph.add("Where", graph.add("Or", least, most), np.array(len(known) - 1), place)
        found = graph.add("Gather", known, place, axis=0, width=len(weights))
        scores = graph.add("Add", scores, found, width=len(weights)) if scores else found
    scores = graph.add("Add", scores, np.asarray(estimator.class_log_prior_, np.float64), width=len(estimator.classes_))
    return graph.add("Softmax", scores, axis=1, width=len(estimator.classes_))


def add_quadratic_scores(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add the scores of quadratic discriminants, shape (n, classes). Raises NotCompiled."""
    if not hasattr(estimator, "rotations_"):
        raise NotCompiled(f"{name} keeps no rotations.")
    rows, width = graph.take_checked(table, missing=False)
    parts = []
    for mean, rotation, scaling in zip(estimator.means_, estimator.rotations_, estimator.scalings_, strict=True):
        shifted = graph.split(graph.add("Sub", rows, np.asarray(mean, np.float64), width=width))
        turned = multiply(graph, shifted, np.asarray(rotation * scaling**-0.5, np.float64))
        parts.append(graph.add("ReduceSumSquare", turned, np.array([1]), keepdims=1, width=1))
    norms = graph.add("Concat", *parts, axis=1, width=len(parts))
    halved = graph.add("Mul", graph.add("Add", norms, np.array([np.log(each).sum() for each in estimator.scalings_])), np.array(-0.5))
    return graph.add("Add", halved, np.log(np.asarray(estimator.priors_, np.float64)), width=len(parts))


def add_quadratic(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add quadratic discriminants."""
    scores = add_quadratic_scores(graph, name, estimator, table)
    return graph.add("Softmax", scores, axis=1, width=graph.widths[scores])


def add_centroids(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add the nearest of the centres of classes. Raises NotCompiled."""
    if estimator.metric != "euclidean":
        raise NotCompiled(f"{name} has the metric {estimator.metric!r}.")
    rows, width = graph.take_checked(table, missing=False)
    spread = np.where(estimator.within_class_std_dev_ != 0, estimator.within_class_std_dev_, 1.0).ravel()
    scaled = graph.add("Div", rows, spread, width=width)
    distances = add_squared_distances(graph, scaled, make_dense(estimator.centroids_) / spread)
    scores = graph.add("Sub", 2.0 * np.log(np.asarray(estimator.class_prior_, np.float64)), distances, width=len(estimator.classes_))
    return graph.add("Softmax", scores, axis=1, width=len(estimator.classes_))
