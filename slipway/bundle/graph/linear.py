"""Linear models, generalized or not, and the networks that are made of them."""

from typing import Any

import numpy as np

from slipway.bundle.graph.bags import multiply
from slipway.bundle.graph.boosters import add_both
from slipway.bundle.graph.builder import Graph, NotCompiled, Table, make_dense, make_vector, name_class

GENERALIZED = ("PoissonRegressor", "GammaRegressor", "TweedieRegressor")


def add_scores(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add the scores of a linear model, shape (n, scores). Raises NotCompiled."""
    if estimator.coef_.dtype != np.float64:
        raise NotCompiled(f"{name} computes in {estimator.coef_.dtype}, not float64.")
    weights = np.atleast_2d(make_dense(estimator.coef_))
    intercept = make_vector(estimator.intercept_, len(weights))
    return graph.add("Add", multiply(graph, table, weights.T), intercept, width=len(weights))


def add_linear(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add a linear regression, generalized or not."""
    scores = add_scores(graph, name, estimator, table)
    link = getattr(estimator, "link", "log")
    log = name_class(estimator) in GENERALIZED and (link == "log" or (link == "auto" and estimator.power > 0))
    return graph.add("Exp", scores, width=1) if log else scores


def add_logistic(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add a linear classifier with probabilities."""
    return add_probabilities(graph, add_scores(graph, name, estimator, table))


def add_probabilities(graph: Graph, scores: str) -> str:
    """Add the probabilities that scores mean: of the second class by the logistic function for one score a row, else by softmax."""
    if graph.widths[scores] > 1:
        return graph.add("Softmax", scores, axis=1, width=graph.widths[scores])
    return add_both(graph, graph.add("Sigmoid", scores, width=1))


def add_partial(graph: Graph, _: str, estimator: Any, table: Table) -> str:
    """Add partial least squares: of columns about their means."""
    rows, width = graph.take_checked(table, missing=False)
    centred = graph.split(graph.add("Sub", rows, make_vector(estimator._x_mean, width), width=width))
    weights = np.asarray(estimator.coef_, np.float64)
    return graph.add("Add", multiply(graph, centred, weights.T), make_vector(estimator.intercept_, len(weights)), width=len(weights))


def add_layers(graph: Graph, _: str, estimator: Any, table: Table) -> str:
    """Add a neural network."""
    rows = graph.take_checked(table, missing=False)[0]
    operators = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid", "identity": "Identity", "softmax": "Softmax"}
    layers = list(zip(estimator.coefs_, estimator.intercepts_, strict=True))
    for place, (weights, intercept) in enumerate(layers):
        rows = graph.add("Add", graph.add("MatMul", rows, np.asarray(weights, np.float64)), np.asarray(intercept, np.float64))
        rows = graph.add(operators[estimator.activation if place < len(layers) - 1 else estimator.out_activation_], rows)
        graph.widths[rows] = weights.shape[1]
    return rows


def add_layers_classifier(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add a neural network of classes."""
    answers = add_layers(graph, name, estimator, table)
    return answers if graph.widths[answers] > 1 else add_both(graph, answers)
