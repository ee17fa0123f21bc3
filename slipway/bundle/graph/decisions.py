"""What a classifier says before it is a probability: its scores, the class it names, and how both are calibrated."""

from collections.abc import Callable
from typing import Any

import numpy as np

from slipway.bundle.graph.bayes import add_quadratic_scores
from slipway.bundle.graph.boosters import add_both, add_light_scores, name_booster
from slipway.bundle.graph.builder import Graph, NotCompiled, Table, name_class
from slipway.bundle.graph.curves import add_line
from slipway.bundle.graph.kernels import add_support
from slipway.bundle.graph.linear import add_scores
from slipway.bundle.graph.steps import add_transformer, flatten_steps
from slipway.bundle.graph.trees import DOUBLE, INT64, add_boosted, add_histogram

Add = Callable[[Graph, str, Any, Table], str]
LINEAR = (
    "LinearDiscriminantAnalysis", "LinearSVC", "LogisticRegression", "LogisticRegressionCV", "PassiveAggressiveClassifier", "Perceptron",
    "RidgeClassifier", "RidgeClassifierCV", "SGDClassifier",
)  # fmt: skip
# As scikit-learn adds it before a logarithm.
LITTLE = 1e-12


def _add_quadratic(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    scores = add_quadratic_scores(graph, name, estimator, table)
    return graph.add("MatMul", scores, np.array([[-1.0], [1.0]]), width=1) if graph.widths[scores] == 2 else scores


SCORES: dict[str, Add] = {
    **dict.fromkeys(LINEAR, add_scores),
    "GradientBoostingClassifier": add_boosted,
    "HistGradientBoostingClassifier": add_histogram,
    "LGBMClassifier": add_light_scores,
    "NuSVC": add_support,
    "QuadraticDiscriminantAnalysis": _add_quadratic,
    "SVC": add_support,
}


def add_decision(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add what `decision_function` returns, shape (n, 1) of two classes, else (n, classes). Raises NotCompiled."""
    *before, (last, estimator) = flatten_steps(name, estimator)
    for path, each in before:
        table = add_transformer(graph, path, each, table)
    label = name_class(estimator) or name_booster(estimator)
    if label not in SCORES:
        raise NotCompiled(f"{last} is a {type(estimator).__name__}, whose scores have no form as a graph.")
    if getattr(estimator, "decision_function_shape", "ovr") != "ovr":
        raise NotCompiled(f"{last} scores pairs of classes.")
    return SCORES[label](graph, last, estimator, table)


def add_labels(ask: Add, graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add the place of the class that a classifier names, shape (n, 1)."""
    label = name_class(list(flatten_steps(name, estimator))[-1][1])
    if hasattr(estimator, "predict_proba") and label not in LINEAR:
        return graph.add("ArgMax", ask(graph, name, estimator, table), axis=1, keepdims=1)
    scores = add_decision(graph, name, estimator, table)
    if graph.widths[scores] == 1:
        return graph.add("Cast", graph.add("Greater", scores, np.array(0.0)), to=INT64)
    return graph.add("ArgMax", scores, axis=1, keepdims=1)


def add_calibrated(ask: Add, graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add the mean of classifiers that are calibrated. Raises NotCompiled."""
    summed, sparse, count = "", graph.sparse, len(estimator.calibrated_classifiers_)
    for place, each in enumerate(estimator.calibrated_classifiers_):
        graph.sparse = sparse
        part = _add_one_calibrated(ask, graph, f"{name}.{place}", each, table)
        summed = graph.add("Add", summed, part) if summed else part
    return graph.add("Div", summed, np.array(float(count)), width=len(estimator.classes_))


def _add_one_calibrated(ask: Add, graph: Graph, name: str, calibrated: Any, table: Table) -> str:
    inner, count = calibrated.estimator, len(calibrated.classes)
    # With a temperature they are places.
    if len(inner.classes_) != count or (calibrated.method != "temperature" and list(inner.classes_) != list(calibrated.classes)):
        raise NotCompiled(f"{name} does not know all classes.")
    odds = not hasattr(inner, "decision_function")
    found = ask(graph, name, inner, table) if odds else add_decision(graph, name, inner, table)
    if calibrated.method == "temperature":
        return _add_temperature(graph, name, calibrated.calibrators[0], found, odds)
    columns = [graph.add("Gather", found, np.array([place]), axis=1, width=1) for place in range(graph.widths[found])]
    if count == 2:
        return add_both(graph, _add_calibrator(graph, name, calibrated.calibrators[0], columns[-1]))
    parts = [_add_calibrator(graph, name, each, column) for each, column in zip(calibrated.calibrators, columns, strict=True)]
    every = graph.add("Concat", *parts, axis=1, width=count)
    total = graph.add("ReduceSum", every, np.array([1]), keepdims=1)
    nothing = graph.add("Equal", total, np.array(0.0))
    shares = graph.add("Div", every, graph.add("Where", nothing, np.array(1.0), total))
    return graph.add("Min", graph.add("Where", nothing, np.array(1 / count), shares), np.array(1.0), width=count)


def _add_calibrator(graph: Graph, name: str, calibrator: Any, scores: str) -> str:
    if type(calibrator).__name__ == "_SigmoidCalibration":
        inner = graph.add("Add", graph.add("Mul", scores, np.array(float(calibrator.a_))), np.array(float(calibrator.b_)))
        return graph.add("Sigmoid", graph.add("Neg", inner), width=1)
    if type(calibrator).__name__ == "IsotonicRegression":
        return add_line(graph, scores, calibrator.X_thresholds_, calibrator.y_thresholds_)
    raise NotCompiled(f"{name} calibrates by a {type(calibrator).__name__}.")


def _add_temperature(graph: Graph, name: str, calibrator: Any, found: str, odds: bool) -> str:
    if type(calibrator).__name__ != "_TemperatureScaling":
        raise NotCompiled(f"{name} calibrates by a {type(calibrator).__name__}.")
    if odds:
        found = graph.add("Log", graph.add("Add", found, np.array(LITTLE)), width=graph.widths[found])
    elif graph.widths[found] == 1:
        found = graph.add("Concat", graph.add("Neg", found), found, axis=1, width=2)
    width = graph.widths[found]
    return graph.add("Softmax", graph.add("Mul", found, np.array(float(calibrator.beta_))), axis=1, width=width)


def add_votes(ask: Add, graph: Graph, name: str, estimator: Any, table: Table, width: int) -> str:
    """Add a 1 in the column of the class that a classifier names, shape (n, width)."""
    named = add_labels(ask, graph, name, estimator, table)
    return graph.add("Cast", graph.add("Equal", named, np.arange(width)), to=DOUBLE, width=width)
