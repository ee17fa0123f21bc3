"""The last step: what it answers, from its fitted attributes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from slipway.bundle.graph.boosters import add_both, add_extreme, add_light, add_light_scores, name_booster
from slipway.bundle.graph.builder import Graph, NotCompiled, Table, make_dense, make_vector, name_class
from slipway.bundle.graph.steps import add_function, add_transformer, flatten_steps, take_checked
from slipway.bundle.graph.trees import LOGARITHMIC, add_boosted, add_forest, add_histogram

LINEAR = (
    "ARDRegression", "BayesianRidge", "ElasticNet", "ElasticNetCV", "HuberRegressor", "Lars", "LarsCV", "Lasso", "LassoCV", "LassoLars",
    "LassoLarsCV", "LassoLarsIC", "LinearRegression", "LinearSVR", "OrthogonalMatchingPursuit", "PassiveAggressiveRegressor",
    "QuantileRegressor", "Ridge", "RidgeCV", "SGDRegressor", "TheilSenRegressor",
)  # fmt: skip
GENERALIZED = ("PoissonRegressor", "GammaRegressor", "TweedieRegressor")
LOGISTIC = ("LogisticRegression", "LogisticRegressionCV", "LinearDiscriminantAnalysis")
FORESTS = ("DecisionTree", "ExtraTree", "RandomForest", "ExtraTrees")
DOUBLE = 11


def add_estimator(graph: Graph, name: str, estimator: Any, table: Table, task: str) -> str:
    """Add a fitted estimator; returns its answers: of a regression (n, 1), else probabilities, (n, classes). Raises NotCompiled."""
    *before, (last, estimator) = flatten_steps(name, estimator)
    sparse = graph.sparse
    for path, each in before:
        table = add_transformer(graph, path, each, table)
    label = name_class(estimator) or name_booster(estimator)
    if not label:
        raise NotCompiled(f"{last} is a {type(estimator).__name__}, which is not scikit-learn's.")
    # Of neural networks it counts the classes.
    targets = 1 if label.startswith("MLP") else getattr(estimator, "n_outputs_", 1)
    if hasattr(estimator, "classes_") == (task == "regression") or targets != 1:
        raise NotCompiled(f"{last} is a {label}, which does not answer a {task} task with one target.")
    if (width := getattr(estimator, "n_features_in_", len(table))) != len(table):
        raise NotCompiled(f"{last} was fitted with {width} columns, and gets {len(table)}.")
    find = REGRESSORS if task == "regression" else CLASSIFIERS
    if label not in find:
        raise NotCompiled(f"{last} is a {label}, which has no form as a graph.")
    answers = find[label](graph, last, estimator, table)
    graph.sparse = sparse  # as whatever else takes the same columns gets them
    return answers


def _add_scores(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    if estimator.coef_.dtype != np.float64:
        raise NotCompiled(f"{name} computes in {estimator.coef_.dtype}, not float64.")
    weights = np.atleast_2d(make_dense(estimator.coef_))
    intercept = make_vector(estimator.intercept_, len(weights))
    return graph.add("Add", graph.multiply(table, weights.T), intercept, width=len(weights))


def _add_linear(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    scores = _add_scores(graph, name, estimator, table)
    link = getattr(estimator, "link", "log")
    log = name_class(estimator) in GENERALIZED and (link == "log" or (link == "auto" and estimator.power > 0))
    return graph.add("Exp", scores, width=1) if log else scores


def _add_logistic(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    return add_probabilities(graph, _add_scores(graph, name, estimator, table))


def add_probabilities(graph: Graph, scores: str) -> str:
    """Add the probabilities that scores mean: of the second class by the logistic function for one score a row, else by softmax."""
    if graph.widths[scores] > 1:
        return graph.add("Softmax", scores, axis=1, width=graph.widths[scores])
    return add_both(graph, graph.add("Sigmoid", scores, width=1))


def _add_boosted_regressor(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    return add_boosted(graph, name, estimator, table)


def _add_boosted_classifier(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    scores = add_boosted(graph, name, estimator, table)
    if estimator.loss == "exponential":
        scores = graph.add("Mul", scores, np.array(2.0), width=1)
    return add_probabilities(graph, scores)


def _add_histogram_regressor(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    sums = add_histogram(graph, name, estimator, table)
    return graph.add("Exp", sums, width=1) if estimator.loss in LOGARITHMIC else sums


def _add_histogram_classifier(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    return add_probabilities(graph, add_histogram(graph, name, estimator, table))


def _add_layers(graph: Graph, _: str, estimator: Any, table: Table) -> str:
    rows = take_checked(graph, table, missing=False)[0]
    operators = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid", "identity": "Identity", "softmax": "Softmax"}
    layers = list(zip(estimator.coefs_, estimator.intercepts_, strict=True))
    for place, (weights, intercept) in enumerate(layers):
        rows = graph.add("Add", graph.add("MatMul", rows, np.asarray(weights, np.float64)), np.asarray(intercept, np.float64))
        rows = graph.add(operators[estimator.activation if place < len(layers) - 1 else estimator.out_activation_], rows)
        graph.widths[rows] = weights.shape[1]
    return rows


def _add_layers_classifier(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    answers = _add_layers(graph, name, estimator, table)
    return answers if graph.widths[answers] > 1 else add_both(graph, answers)


def _add_bayes(graph: Graph, _: str, estimator: Any, table: Table) -> str:
    # The log of a normal density by class and column, added up: a square in each column is two products of matrices.
    rows = take_checked(graph, table, missing=False)[0]
    means, variances = np.asarray(estimator.theta_, np.float64), np.asarray(estimator.var_, np.float64)
    graph.note_size(means.size)
    shifted = graph.add("Sub", graph.add("Unsqueeze", rows, np.array([1])), means)
    squares = graph.add("Div", graph.add("Mul", shifted, shifted), variances)
    summed = graph.add("ReduceSum", squares, np.array([2]), keepdims=0)
    constant = np.log(estimator.class_prior_) - 0.5 * np.log(2.0 * np.pi * variances).sum(axis=1)
    scores = graph.add("Add", graph.add("Mul", summed, np.array(-0.5)), constant, width=len(means))
    return graph.add("Softmax", scores, axis=1, width=len(means))


def _add_kernel(graph: Graph, rows: str, estimator: Any) -> str:
    vectors = make_dense(estimator.support_vectors_)
    if estimator.kernel == "rbf":
        graph.note_size(vectors.size)
        shifted = graph.add("Sub", graph.add("Unsqueeze", rows, np.array([1])), vectors)
        distance = graph.add("ReduceSum", graph.add("Mul", shifted, shifted), np.array([2]), keepdims=0)
        return graph.add("Exp", graph.add("Mul", distance, np.array(-float(estimator._gamma))))
    product = graph.add("MatMul", rows, vectors.T)
    if estimator.kernel == "linear":
        return product
    scaled = graph.add("Add", graph.add("Mul", product, np.array(float(estimator._gamma))), np.array(float(estimator.coef0)))
    return graph.add("Pow", scaled, np.array(float(estimator.degree))) if estimator.kernel == "poly" else graph.add("Tanh", scaled)


def _add_support(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    if estimator.kernel not in ("linear", "poly", "rbf", "sigmoid"):
        raise NotCompiled(f"{name} has the kernel {getattr(estimator.kernel, '__name__', estimator.kernel)}, which has no form as a graph.")
    rows, _ = take_checked(graph, table, missing=False)
    kernel = _add_kernel(graph, rows, estimator)
    dual = make_dense(estimator.dual_coef_).T
    return graph.add("Add", graph.add("MatMul", kernel, dual), make_vector(estimator.intercept_, 1), width=1)


def _add_constant(graph: Graph, _: str, estimator: Any, table: Table) -> str:
    value = np.ravel(estimator.constant_)[:1].astype(np.float64)
    return _add_repeated(graph, table, value)


def _add_prior(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    if estimator.strategy != "prior":
        raise NotCompiled(f"{name} has the strategy {estimator.strategy!r}.")
    return _add_repeated(graph, table, np.asarray(estimator.class_prior_, np.float64))


def _add_repeated(graph: Graph, table: Table, value: Any) -> str:
    # As many rows as come in, whatever is in them: a comparison of what comes in with itself is never missing.
    rows, _ = graph.take_matrix(table[:1])
    nothing = graph.add("Mul", graph.add("Cast", graph.add("IsNaN", rows), to=DOUBLE), np.array(0.0))
    return graph.add("Add", nothing, value, width=len(value))


def _take_members(estimator: Any) -> list[tuple[str, Any, float]]:
    """Return the members of a vote with their names and weights, which add up to 1."""
    kept = [name for name, each in estimator.estimators if not (isinstance(each, str) and each == "drop")]
    weights = estimator._weights_not_none or [1.0] * len(kept)
    return [(name, each, weight / sum(weights)) for name, each, weight in zip(kept, estimator.estimators_, weights, strict=True)]


def _add_mean(graph: Graph, parts: list[tuple[str, float]]) -> str:
    width = graph.widths[parts[0][0]]
    summed = ""
    for answers, weight in parts:
        weighted = graph.add("Mul", answers, np.array(weight), width=width)
        summed = graph.add("Add", summed, weighted, width=width) if summed else weighted
    return summed


def _add_vote(task: str) -> Callable[[Graph, str, Any, Table], str]:
    def add(graph: Graph, name: str, estimator: Any, table: Table) -> str:
        if getattr(estimator, "voting", "soft") != "soft":
            raise NotCompiled(f"{name} votes by label, which are no probabilities.")
        members = _take_members(estimator)
        return _add_mean(graph, [(add_estimator(graph, f"{name}.{part}", each, table, task), weight) for part, each, weight in members])

    return add


def _add_bagging(task: str) -> Callable[[Graph, str, Any, Table], str]:
    def add(graph: Graph, name: str, estimator: Any, table: Table) -> str:
        count = len(estimator.estimators_)
        pairs = zip(estimator.estimators_, estimator.estimators_features_, strict=True)
        parts = [
            (add_estimator(graph, f"{name}.{place}", each, [table[spot] for spot in spots], task), 1 / count)
            for place, (each, spots) in enumerate(pairs)
        ]
        return _add_mean(graph, parts)

    return add


def _add_stack(task: str) -> Callable[[Graph, str, Any, Table], str]:
    def add(graph: Graph, name: str, estimator: Any, table: Table) -> str:
        found: Table = []
        for place, (each, method) in enumerate(zip(estimator.estimators_, estimator.stack_method_, strict=True)):
            if method not in ("predict", "predict_proba") or (method == "predict") != (task == "regression"):
                raise NotCompiled(f"{name}.{place} gives its stack what {method} returns.")
            columns = graph.split(add_estimator(graph, f"{name}.{place}", each, table, task))
            found += columns[1:] if len(columns) == 2 else columns
        graph.sparse &= bool(estimator.passthrough)
        return add_estimator(graph, f"{name}.final", estimator.final_estimator_, found + (table if estimator.passthrough else []), task)

    return add


def _add_target(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    answers = add_estimator(graph, f"{name}.regressor", estimator.regressor_, table, "regression")
    inverse = estimator.transformer_
    label = name_class(inverse)
    if label == "FunctionTransformer":
        return answers if inverse.inverse_func is None else add_function(graph, name, inverse.inverse_func, answers, 1)
    if label == "StandardScaler":
        if inverse.with_std:
            answers = graph.add("Mul", answers, make_vector(inverse.scale_, 1), width=1)
        return graph.add("Add", answers, make_vector(inverse.mean_, 1), width=1) if inverse.with_mean else answers
    if label == "MinMaxScaler":
        shifted = graph.add("Sub", answers, make_vector(inverse.min_, 1), width=1)
        return graph.add("Div", shifted, make_vector(inverse.scale_, 1), width=1)
    raise NotCompiled(f"{name} turns its answers back by a {type(inverse).__name__}, which has no form as a graph.")


def _add_calibrated(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    if len(estimator.classes_) != 2:
        raise NotCompiled(f"{name} calibrates {len(estimator.classes_)} classes.")
    parts, share = [], 1 / len(estimator.calibrated_classifiers_)
    for place, each in enumerate(estimator.calibrated_classifiers_):
        inner = each.estimator
        if not hasattr(inner, "predict_proba") or hasattr(inner, "decision_function"):
            scores = _add_decision(graph, f"{name}.{place}", inner, table)
        else:
            both = add_estimator(graph, f"{name}.{place}", inner, table, "binary")
            scores = graph.add("Gather", both, np.array([1]), axis=1, width=1)
        parts.append((add_both(graph, _add_calibrator(graph, name, each.calibrators[0], scores)), share))
    return _add_mean(graph, parts)


def _add_decision(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    *before, (last, linear) = flatten_steps(name, estimator)
    for path, each in before:
        table = add_transformer(graph, path, each, table)
    if name_class(linear) in ("LinearSVC", "LogisticRegression", "Perceptron", "RidgeClassifier", "SGDClassifier"):
        return _add_scores(graph, last, linear, table)
    if name_class(linear) == "SVC":
        return _add_support(graph, last, linear, table)
    if name_class(linear) == "HistGradientBoostingClassifier":
        return add_histogram(graph, last, linear, table)
    if name_class(linear) == "GradientBoostingClassifier":
        return add_boosted(graph, last, linear, table)
    if name_booster(linear) == "LGBMClassifier":
        return add_light_scores(graph, last, linear, table)
    raise NotCompiled(f"{last} is a {type(linear).__name__}, whose scores have no form as a graph.")


def _add_calibrator(graph: Graph, name: str, calibrator: Any, scores: str) -> str:
    if type(calibrator).__name__ == "_SigmoidCalibration":
        inner = graph.add("Add", graph.add("Mul", scores, np.array(float(calibrator.a_))), np.array(float(calibrator.b_)))
        return graph.add("Sigmoid", graph.add("Neg", inner), width=1)
    if type(calibrator).__name__ == "IsotonicRegression":
        return _add_steps_between(graph, calibrator, scores)
    raise NotCompiled(f"{name} calibrates by a {type(calibrator).__name__}.")


def _add_steps_between(graph: Graph, calibrator: Any, scores: str) -> str:
    # Between two points the line that joins them, beyond the ends what stands there.
    points, values = np.asarray(calibrator.X_thresholds_, np.float64), np.asarray(calibrator.y_thresholds_, np.float64)
    clipped = graph.add("Clip", scores, np.array(points[0]), np.array(points[-1]), width=1)
    reached = graph.add("Cast", graph.add("GreaterOrEqual", clipped, points[1:-1]), to=7)
    place = graph.add("ReduceSum", reached, np.array([1]), keepdims=1)
    gaps = np.diff(points) if len(points) > 1 else np.ones(1)
    slopes = np.diff(values) / gaps if len(points) > 1 else np.zeros(1)
    lifted = graph.add("Mul", graph.add("Sub", clipped, graph.add("Gather", points, place)), graph.add("Gather", slopes, place))
    return graph.add("Add", lifted, graph.add("Gather", values, place), width=1)


Add = Callable[[Graph, str, Any, Table], str]
REGRESSORS: dict[str, Add] = {
    **dict.fromkeys(LINEAR + GENERALIZED, _add_linear),
    **dict.fromkeys([f"{each}Regressor" for each in FORESTS], add_forest),
    "BaggingRegressor": _add_bagging("regression"),
    "DummyRegressor": _add_constant,
    "GradientBoostingRegressor": _add_boosted_regressor,
    "HistGradientBoostingRegressor": _add_histogram_regressor,
    "LGBMRegressor": add_light,
    "MLPRegressor": _add_layers,
    "NuSVR": _add_support,
    "StackingRegressor": _add_stack("regression"),
    "SVR": _add_support,
    "TransformedTargetRegressor": _add_target,
    "VotingRegressor": _add_vote("regression"),
    **dict.fromkeys(("XGBRegressor", "XGBRFRegressor"), add_extreme),
}
CLASSIFIERS: dict[str, Add] = {
    **dict.fromkeys(LOGISTIC, _add_logistic),
    **dict.fromkeys([f"{each}Classifier" for each in FORESTS], add_forest),
    "BaggingClassifier": _add_bagging("multiclass"),
    "CalibratedClassifierCV": _add_calibrated,
    "DummyClassifier": _add_prior,
    "GaussianNB": _add_bayes,
    "GradientBoostingClassifier": _add_boosted_classifier,
    "HistGradientBoostingClassifier": _add_histogram_classifier,
    "LGBMClassifier": add_light,
    "MLPClassifier": _add_layers_classifier,
    "StackingClassifier": _add_stack("multiclass"),
    "VotingClassifier": _add_vote("multiclass"),
    **dict.fromkeys(("XGBClassifier", "XGBRFClassifier"), add_extreme),
}
