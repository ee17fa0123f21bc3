"""Kernels and distances between rows and those of training, and the models that are sums of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.graph.builder import Graph, NotCompiled, Table, make_dense, make_vector, name_class

Matrix = NDArray[np.float64]
KERNELS = ("cosine", "laplacian", "linear", "poly", "polynomial", "rbf", "sigmoid")


def add_squared_distances(graph: Graph, rows: str, points: Matrix) -> str:
    """Add the squared distances of rows from points, shape (n, points), as scikit-learn computes them: by a product of matrices."""
    norms = graph.add("ReduceSumSquare", rows, np.array([1]), keepdims=1)
    product = graph.add("Mul", graph.add("MatMul", rows, points.T), np.array(-2.0))
    summed = graph.add("Add", graph.add("Add", product, norms), (points**2).sum(axis=1))
    graph.note_size(len(points))
    return graph.add("Max", summed, np.array(0.0), width=len(points))


def add_differences(graph: Graph, rows: str, points: Matrix) -> str:
    """Add the differences of rows and points, shape (n, points, columns)."""
    graph.note_size(points.size)
    return graph.add("Sub", graph.add("Unsqueeze", rows, np.array([1])), points)


def add_kernel(graph: Graph, name: str, rows: str, points: Matrix, kernel: Any, **options: Any) -> str:
    """Add a kernel of scikit-learn between rows and points, shape (n, points). Raises NotCompiled."""
    if not isinstance(kernel, str) or kernel not in KERNELS:
        raise NotCompiled(f"{name} has the kernel {getattr(kernel, '__name__', kernel)}, which has no form as a graph.")
    gamma = 1.0 / points.shape[1] if options.get("gamma") is None else float(options["gamma"])
    if kernel in ("rbf", "laplacian"):
        distances = add_squared_distances(graph, rows, points) if kernel == "rbf" else _add_city_distances(graph, rows, points)
        return graph.add("Exp", graph.add("Mul", distances, np.array(-gamma)), width=len(points))
    if kernel == "cosine":
        norms = graph.add("ReduceL2", rows, np.array([1]), keepdims=1)
        rows = graph.add("Div", rows, graph.add("Where", graph.add("Equal", norms, np.array(0.0)), np.array(1.0), norms))
        lengths = np.linalg.norm(points, axis=1, keepdims=True)
        points = points / np.where(lengths == 0, 1.0, lengths)
    graph.note_size(len(points))
    product = graph.add("MatMul", rows, points.T, width=len(points))
    if kernel in ("linear", "cosine"):
        return product
    shift = 1.0 if options.get("coef0") is None else float(options["coef0"])
    scaled = graph.add("Add", graph.add("Mul", product, np.array(gamma)), np.array(shift), width=len(points))
    if kernel == "sigmoid":
        return graph.add("Tanh", scaled, width=len(points))
    degree = 3.0 if options.get("degree") is None else float(options["degree"])
    return graph.add("Pow", scaled, np.array(degree), width=len(points))


def _add_city_distances(graph: Graph, rows: str, points: Matrix) -> str:
    return graph.add("ReduceSum", graph.add("Abs", add_differences(graph, rows, points)), np.array([2]), keepdims=0)


def add_support(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add a support vector machine: of a regression its answers, of two classes its scores, shape (n, 1). Raises NotCompiled."""
    vectors, dual = make_dense(estimator.support_vectors_), make_dense(estimator.dual_coef_)
    if len(dual) != 1:
        raise NotCompiled(f"{name} tells more than two classes apart by pairs.")
    if estimator.kernel == "rbf":  # which libsvm computes by differences
        rows = graph.take_checked(table, missing=False)[0]
        differences = add_differences(graph, rows, vectors)
        distances = graph.add("ReduceSum", graph.add("Mul", differences, differences), np.array([2]), keepdims=0)
        found = graph.add("Exp", graph.add("Mul", distances, np.array(-float(estimator._gamma))))
    else:
        rows = graph.take_checked(table, missing=False)[0]
        options = {"gamma": estimator._gamma, "coef0": estimator.coef0, "degree": estimator.degree}
        found = add_kernel(graph, name, rows, vectors, estimator.kernel, **options)
    return graph.add("Add", graph.add("MatMul", found, dual.T), make_vector(estimator.intercept_, 1), width=1)


def add_kernel_ridge(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add a ridge regression of a kernel. Raises NotCompiled."""
    rows = graph.take_checked(table, missing=False)[0]
    options = {"gamma": estimator.gamma, "degree": estimator.degree, "coef0": estimator.coef0}
    found = add_kernel(graph, name, rows, make_dense(estimator.X_fit_), estimator.kernel, **options)
    return graph.add("MatMul", found, np.asarray(estimator.dual_coef_, np.float64).reshape(-1, 1), width=1)


def add_process(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add what a Gaussian process expects. Raises NotCompiled."""
    rows = graph.take_checked(table, missing=False)[0]
    points = np.asarray(estimator.X_train_, np.float64)
    found = _add_composed(graph, name, rows, points, estimator.kernel_)
    mean = graph.add("MatMul", found, np.asarray(estimator.alpha_, np.float64).reshape(-1, 1), width=1)
    mean = graph.add("Mul", mean, make_vector(estimator._y_train_std, 1), width=1)
    return graph.add("Add", mean, make_vector(estimator._y_train_mean, 1), width=1)


def _add_composed(graph: Graph, name: str, rows: str, points: Matrix, kernel: Any) -> str:
    label = name_class(kernel)
    if label in ("Sum", "Product"):
        parts = [_add_composed(graph, name, rows, points, each) for each in (kernel.k1, kernel.k2)]
        return graph.add("Add" if label == "Sum" else "Mul", *parts)
    if label == "Exponentiation":
        return graph.add("Pow", _add_composed(graph, name, rows, points, kernel.kernel), np.array(float(kernel.exponent)))
    if label in ("ConstantKernel", "WhiteKernel"):  # noise is its own only
        return graph.add("Identity", np.array([[float(kernel.constant_value) if label == "ConstantKernel" else 0.0]]))
    if label == "DotProduct":
        return graph.add("Add", graph.add("MatMul", rows, points.T), np.array(float(kernel.sigma_0) ** 2))
    return _add_stationary(graph, name, rows, points, kernel)


def _add_stationary(graph: Graph, name: str, rows: str, points: Matrix, kernel: Any) -> str:
    # Of distances in units of a length, by which columns may differ.
    label, length = name_class(kernel), np.asarray(getattr(kernel, "length_scale", 1.0), np.float64)
    if label not in ("RBF", "Matern", "RationalQuadratic"):
        raise NotCompiled(f"{name} has the kernel {type(kernel).__name__}, which has no form as a graph.")
    unit = length if label != "RationalQuadratic" else np.array(1.0)
    differences = add_differences(graph, graph.add("Div", rows, unit), points / unit)
    squares = graph.add("ReduceSum", graph.add("Mul", differences, differences), np.array([2]), keepdims=0)
    if label == "RBF" or (label == "Matern" and kernel.nu == np.inf):
        return graph.add("Exp", graph.add("Mul", squares, np.array(-0.5)))
    if label == "RationalQuadratic":
        scaled = graph.add("Div", squares, np.array(2.0 * kernel.alpha * float(length) ** 2))
        return graph.add("Pow", graph.add("Add", scaled, np.array(1.0)), np.array(-float(kernel.alpha)))
    return _add_matern(graph, name, graph.add("Sqrt", squares), kernel)


def _add_matern(graph: Graph, name: str, distances: str, kernel: Any) -> str:
    if kernel.nu not in (0.5, 1.5, 2.5):
        raise NotCompiled(f"{name} has a Matern kernel with nu {kernel.nu}, not 0.5, 1.5 or 2.5.")
    scaled = graph.add("Mul", distances, np.array(np.sqrt(2.0 * kernel.nu)))
    falling = graph.add("Exp", graph.add("Neg", scaled))
    if kernel.nu == 0.5:
        return falling
    rising = graph.add("Add", scaled, np.array(1.0))
    if kernel.nu == 2.5:
        rising = graph.add("Add", rising, graph.add("Div", graph.add("Mul", scaled, scaled), np.array(3.0)))
    return graph.add("Mul", rising, falling)
