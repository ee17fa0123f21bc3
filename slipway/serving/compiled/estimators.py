"""The last step: what it answers from its fitted attributes, or by its own `predict`."""

from typing import Any

import numpy as np

from slipway.serving.compiled import public
from slipway.serving.compiled.table import Matrix, NotCompiled, Predict, Table, finite, kind, matrix, probabilities
from slipway.serving.compiled.trees import boosted, forest, histogram

LINEAR = ("LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV")
GENERALIZED = ("PoissonRegressor", "GammaRegressor", "TweedieRegressor")
LOGISTIC = ("LogisticRegression", "LogisticRegressionCV")
TREES = ("DecisionTree", "ExtraTree", "RandomForest", "ExtraTrees")


def predictor(name: str, estimator: Any, task: str, sparse: bool = False) -> Predict:
    """Return a fitted estimator; `sparse` says that it would get a sparse matrix from its pipeline. Raises NotCompiled."""
    made = kind(estimator)
    if hasattr(estimator, "classes_") == (task == "regression") or getattr(estimator, "n_outputs_", 1) != 1:
        return public.predict(name, estimator, task)
    if made in LINEAR + GENERALIZED and estimator.coef_.ndim == 1:
        return linear(name, estimator)
    if made in LOGISTIC:
        return logistic(name, estimator, task)
    if made.removesuffix("Regressor").removesuffix("Classifier") in TREES:
        return forest(name, estimator, task, sparse)
    if made.startswith("HistGradientBoosting"):
        return histogram(name, estimator, task)
    if made.startswith("GradientBoosting"):
        return boosted(name, estimator, task)
    return public.predict(name, estimator, task)


def linear(name: str, estimator: Any) -> Predict:
    """Return a linear model, or a generalized one with its link."""
    score = scores(name, estimator)
    link = getattr(estimator, "link", "log")
    log = kind(estimator) in GENERALIZED and (link == "log" or (link == "auto" and estimator.power > 0))
    return (lambda table: np.exp(score(table))) if log else score


def logistic(name: str, estimator: Any, task: str) -> Predict:
    """Return a logistic regression of two or more classes."""
    score = scores(name, estimator)
    return lambda table: probabilities(score(table), task)


def scores(name: str, estimator: Any) -> Predict:
    """Return the linear part, shape (n,) or (n, outputs)."""
    weights, intercept = np.asarray(estimator.coef_).T, estimator.intercept_
    if weights.dtype != np.float64:
        raise NotCompiled(f"{name} computes in {weights.dtype}, not float64.")

    def score(table: Table) -> Matrix:
        rows = matrix(table)
        finite(name, rows)
        found: Matrix = rows @ weights + intercept
        return found

    return score
