"""Steps that turn columns into sums of all of them: components, random features, kernels, distances and groups."""

from typing import Any

import numpy as np

from slipway.bundle.graph.bags import multiply
from slipway.bundle.graph.builder import Graph, NotCompiled, Table, make_dense, make_vector
from slipway.bundle.graph.kernels import add_kernel, add_squared_distances


def add_projection(graph: Graph, _: str, step: Any, table: Table) -> Table:
    """Add principal or random components."""
    components = make_dense(step.components_)
    projected = multiply(graph, table, components.T)
    if getattr(step, "mean_", None) is not None:
        projected = graph.add("Sub", projected, step.mean_ @ components.T, width=len(components))
    if getattr(step, "whiten", False) and hasattr(step, "explained_variance_"):
        scale = np.maximum(np.sqrt(step.explained_variance_), np.finfo(np.float64).eps)
        projected = graph.add("Div", projected, scale, width=len(components))
    return graph.split(projected)


def add_sources(graph: Graph, _: str, step: Any, table: Table) -> Table:
    """Add independent components, or factors: of columns about their means."""
    rows, width = graph.take_checked(table, missing=False)
    weights = make_dense(step.components_).T
    if hasattr(step, "noise_variance_"):
        scaled = step.components_ / step.noise_variance_
        weights = scaled.T @ np.linalg.inv(np.eye(len(scaled)) + scaled @ step.components_.T)
    if getattr(step, "mean_", None) is not None:
        rows = graph.add("Sub", rows, make_vector(step.mean_, width), width=width)
    return graph.split(graph.add("MatMul", rows, np.asarray(weights, np.float64), width=weights.shape[1]))


def add_waves(graph: Graph, _: str, step: Any, table: Table) -> Table:
    """Add random cosines, whose products approach a kernel."""
    if hasattr(step, "skewedness"):
        rows, width = graph.take_checked(table, missing=False)
        shifted = graph.add("Add", rows, np.array(float(step.skewedness)))
        # A number that has no logarithm is refused, since that is not finite.
        table = graph.split(graph.add("Log", shifted, width=width))
    weights = make_dense(step.random_weights_)
    turned = graph.add("Cos", graph.add("Add", multiply(graph, table, weights), np.asarray(step.random_offset_, np.float64)))
    return graph.split(graph.add("Mul", turned, np.array((2.0 / step.n_components) ** 0.5), width=weights.shape[1]))


def add_hidden(graph: Graph, _: str, step: Any, table: Table) -> Table:
    """Add the hidden layer of a restricted Boltzmann machine."""
    weights = make_dense(step.components_)
    scores = graph.add("Add", multiply(graph, table, weights.T), np.asarray(step.intercept_hidden_, np.float64))
    return graph.split(graph.add("Sigmoid", scores, width=len(weights)))


def add_kernel_map(graph: Graph, name: str, step: Any, table: Table) -> Table:
    """Add a kernel with some rows of training, turned. Raises NotCompiled."""
    rows = graph.take_checked(table, missing=False)[0]
    options = step._get_kernel_params()
    found = add_kernel(graph, name, rows, make_dense(step.components_), step.kernel, **options)
    weights = make_dense(step.normalization_)
    return graph.split(graph.add("MatMul", found, weights.T, width=len(weights)))


def add_cluster_distances(graph: Graph, _: str, step: Any, table: Table) -> Table:
    """Add the distances from the centres of clusters."""
    rows = graph.take_checked(table, missing=False)[0]
    centres = make_dense(step.cluster_centers_)
    return graph.split(graph.add("Sqrt", add_squared_distances(graph, rows, centres), width=len(centres)))


def add_groups(graph: Graph, name: str, step: Any, table: Table) -> Table:
    """Add the means of groups of columns. Raises NotCompiled."""
    if step.pooling_func is not np.mean:
        raise NotCompiled(f"{name} pools by a function other than numpy.mean.")
    groups = np.eye(step.labels_.max() + 1)[step.labels_]
    return graph.split(graph.add("Div", multiply(graph, table, groups), groups.sum(axis=0), width=groups.shape[1]))
