"""The last step: what it answers, from its fitted attributes."""

from functools import partial
from typing import Any

import numpy as np

from slipway.bundle.graph import bayes, committees, decisions, kernels, linear, neighbours
from slipway.bundle.graph.boosters import add_extreme, add_light, name_booster
from slipway.bundle.graph.builder import Graph, NotCompiled, Table, name_class
from slipway.bundle.graph.curves import add_isotonic
from slipway.bundle.graph.decisions import Add
from slipway.bundle.graph.steps import add_transformer, flatten_steps
from slipway.bundle.graph.trees import DOUBLE, LOGARITHMIC, add_boosted, add_forest, add_histogram

LINEAR = (
    "ARDRegression", "BayesianRidge", "ElasticNet", "ElasticNetCV", "HuberRegressor", "Lars", "LarsCV", "Lasso", "LassoCV", "LassoLars",
    "LassoLarsCV", "LassoLarsIC", "LinearRegression", "LinearSVR", "OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV",
    "PassiveAggressiveRegressor", "QuantileRegressor", "Ridge", "RidgeCV", "SGDRegressor", "TheilSenRegressor",
)  # fmt: skip
LOGISTIC = ("LogisticRegression", "LogisticRegressionCV", "LinearDiscriminantAnalysis")
FORESTS = ("DecisionTree", "ExtraTree", "RandomForest", "ExtraTrees")


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


def _add_boosted_classifier(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    scores = add_boosted(graph, name, estimator, table)
    if estimator.loss == "exponential":
        scores = graph.add("Mul", scores, np.array(2.0), width=1)
    return linear.add_probabilities(graph, scores)


def _add_histogram_regressor(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    sums = add_histogram(graph, name, estimator, table)
    return graph.add("Exp", sums, width=1) if estimator.loss in LOGARITHMIC else sums


def _add_histogram_classifier(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    return linear.add_probabilities(graph, add_histogram(graph, name, estimator, table))


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


def _ask_number(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    return add_estimator(graph, name, estimator, table, "regression")


def _ask_classes(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    return add_estimator(graph, name, estimator, table, "multiclass")


REGRESSORS: dict[str, Add] = {
    **dict.fromkeys(LINEAR + linear.GENERALIZED, linear.add_linear),
    **dict.fromkeys([f"{each}Regressor" for each in FORESTS], add_forest),
    **dict.fromkeys(("CCA", "PLSCanonical", "PLSRegression"), linear.add_partial),
    **dict.fromkeys(("RANSACRegressor", "RFE", "RFECV"), partial(committees.add_inner, _ask_number)),
    **dict.fromkeys(("NuSVR", "SVR"), kernels.add_support),
    **dict.fromkeys(("XGBRegressor", "XGBRFRegressor"), add_extreme),
    "AdaBoostRegressor": partial(committees.add_median, _ask_number),
    "BaggingRegressor": partial(committees.add_bagging, _ask_number),
    "DummyRegressor": _add_constant,
    "GaussianProcessRegressor": kernels.add_process,
    "GradientBoostingRegressor": add_boosted,
    "HistGradientBoostingRegressor": _add_histogram_regressor,
    "IsotonicRegression": add_isotonic,
    "KNeighborsRegressor": neighbours.add_neighbours_regressor,
    "KernelRidge": kernels.add_kernel_ridge,
    "LGBMRegressor": add_light,
    "MLPRegressor": linear.add_layers,
    "StackingRegressor": partial(committees.add_stack, _ask_number),
    "TransformedTargetRegressor": partial(committees.add_target, _ask_number),
    "VotingRegressor": partial(committees.add_vote, _ask_number),
}
INNER = ("FixedThresholdClassifier", "RFE", "RFECV", "SelfTrainingClassifier", "TunedThresholdClassifierCV")
CLASSIFIERS: dict[str, Add] = {
    **dict.fromkeys(LOGISTIC, linear.add_logistic),
    **dict.fromkeys([f"{each}Classifier" for each in FORESTS], add_forest),
    **dict.fromkeys(INNER, partial(committees.add_inner, _ask_classes)),
    **dict.fromkeys(("ComplementNB", "MultinomialNB"), bayes.add_counted),
    **dict.fromkeys(("XGBClassifier", "XGBRFClassifier"), add_extreme),
    "AdaBoostClassifier": partial(committees.add_weighed_votes, _ask_classes),
    "BaggingClassifier": partial(committees.add_bagging, _ask_classes),
    "BernoulliNB": bayes.add_present,
    "CalibratedClassifierCV": partial(decisions.add_calibrated, _ask_classes),
    "CategoricalNB": bayes.add_categories,
    "DummyClassifier": _add_prior,
    "GaussianNB": bayes.add_normal,
    "GradientBoostingClassifier": _add_boosted_classifier,
    "HistGradientBoostingClassifier": _add_histogram_classifier,
    "KNeighborsClassifier": neighbours.add_neighbours_classifier,
    "LGBMClassifier": add_light,
    "MLPClassifier": linear.add_layers_classifier,
    "NearestCentroid": bayes.add_centroids,
    "OneVsRestClassifier": partial(committees.add_rest, _ask_classes),
    "QuadraticDiscriminantAnalysis": bayes.add_quadratic,
    "StackingClassifier": partial(committees.add_stack, _ask_classes),
    "VotingClassifier": partial(committees.add_vote, _ask_classes),
}
