"""The last step: what it answers from its fitted attributes, or by its own `predict`.

Trees and their ensembles are stitched together for few rows; for many, scikit-learn's own loop is quicker.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import get_tags

from slipway.serving.answers import Answers
from slipway.serving.compiled.steps import compile_encoder
from slipway.serving.compiled.stitched import NODE, Nodes, Trees, stitch
from slipway.serving.compiled.table import (
    Matrix,
    NotCompiled,
    Predict,
    Step,
    Table,
    check_finite,
    join,
    kind,
    matrix,
    numbers,
    own_predict,
    probabilities,
    select,
    without_names,
)

LINEAR = ("LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV")
GENERALIZED = ("PoissonRegressor", "GammaRegressor", "TweedieRegressor")
LOGISTIC = ("LogisticRegression", "LogisticRegressionCV")
TREES = ("DecisionTree", "ExtraTree", "RandomForest", "ExtraTrees")
# Up to so much work stitched trees are quicker, as measured: for each tree a row is copied, and walked, which takes as long as 60 features.
HISTOGRAM_WORK, BOOSTED_WORK, FOREST_WORK, WALK = 14_000, 2900, 29_000, 60
# Stitched nodes take 56 bytes each: a larger forest is walked tree by tree.
FOREST_NODES = 1_000_000
# Losses of histogram gradient boosting, by what their sums mean.
PLAIN, LOGARITHMIC = ("squared_error", "absolute_error", "quantile", "log_loss"), ("poisson", "gamma")


def compile_estimator(name: str, estimator: Any, task: str, sparse: bool = False) -> Predict:
    """Return a fitted estimator; `sparse` says that it would get a sparse matrix from its pipeline. Raises NotCompiled."""
    class_name = kind(estimator)
    if hasattr(estimator, "classes_") == (task == "regression") or getattr(estimator, "n_outputs_", 1) != 1:
        return own_predict(name, estimator, task)
    if class_name in LINEAR + GENERALIZED and estimator.coef_.ndim == 1:
        return _compile_linear(name, estimator)
    if class_name in LOGISTIC:
        score = _compile_scores(name, estimator)
        return lambda table: probabilities(score(table), task)
    if class_name.removesuffix("Regressor").removesuffix("Classifier") in TREES:
        return _compile_forest(name, estimator, task, sparse)
    if class_name.startswith("HistGradientBoosting"):
        return _compile_histogram(name, estimator, task)
    if class_name.startswith("GradientBoosting"):
        return _compile_boosted(name, estimator, task)
    return own_predict(name, estimator, task)


def _compile_linear(name: str, estimator: Any) -> Predict:
    score = _compile_scores(name, estimator)
    link = getattr(estimator, "link", "log")
    log = kind(estimator) in GENERALIZED and (link == "log" or (link == "auto" and estimator.power > 0))
    return (lambda table: np.exp(score(table))) if log else score


def _compile_scores(name: str, estimator: Any) -> Predict:
    weights, intercept = np.asarray(estimator.coef_).T, estimator.intercept_
    if weights.dtype != np.float64:
        raise NotCompiled(f"{name} computes in {weights.dtype}, not float64.")

    def score(table: Table) -> Matrix:
        rows = matrix(table)
        check_finite(name, rows)
        found: Matrix = rows @ weights + intercept
        return found

    return score


def _compile_forest(name: str, estimator: Any, task: str, sparse: bool) -> Predict:
    # A forest answers the mean of its trees. In sparse matrices they take no missing numbers.
    grown = getattr(estimator, "estimators_", [estimator])
    trees = [each.tree_ for each in grown]
    wanted = {"regression": slice(0, 1), "binary": slice(1, 2)}.get(task, slice(None))
    missing, few = get_tags(grown[0]).input_tags.allow_nan and not sparse, None
    if sum(each.node_count for each in trees) <= FOREST_NODES:
        values = [each.value[:, 0, wanted] for each in trees]
        few = stitch(Trees([_convert_nodes(each) for each in trees], values, np.zeros(values[0].shape[1]), estimator.n_features_in_))

    def loop(rows: NDArray[np.float32]) -> Matrix:
        total = np.zeros((len(rows), trees[0].value.shape[2]))
        for each in trees:
            total += each.predict(rows)
        return total[:, wanted]

    def mean(add: Callable[[NDArray[np.float32]], Matrix], table: Table) -> Answers:
        found = add(_to_single(name, matrix(table), missing)) / len(trees)
        return found if task == "multiclass" else found[:, 0]

    return _switch_by_work(few and partial(mean, few), partial(mean, loop), FOREST_WORK, estimator.n_features_in_)


def _compile_boosted(name: str, estimator: Any, task: str) -> Predict:
    every = own_predict(name, estimator, task)
    constant = estimator.init is None or estimator.init == "zero"
    if not constant or estimator.loss == "exponential" or not hasattr(estimator, "_raw_predict_init"):
        return every
    start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), dtype=np.float32))[0]
    trees = [each.tree_ for each in estimator.estimators_.ravel()]
    values = [estimator.learning_rate * each.value[:, 0] for each in trees]
    few = stitch(Trees([_convert_nodes(each) for each in trees], values, start, estimator.n_features_in_))
    quick = few and (lambda rows: _to_answers(few(_to_single(name, rows)), task))
    return _switch_by_work(quick, every, BOOSTED_WORK, estimator.n_features_in_)


def _compile_histogram(name: str, estimator: Any, task: str) -> Predict:
    plain = without_names(estimator)
    encode: Step = matrix
    if estimator.is_categorical_ is not None:
        encode, plain._preprocessor = _compile_categories(name, estimator), None
    every, few = own_predict(name, plain, task), _stitch_histogram(estimator) if estimator.loss in PLAIN + LOGARITHMIC else None
    power = estimator.loss in LOGARITHMIC
    quick = few and (lambda rows: np.exp(few(rows)[:, 0]) if power else _to_answers(few(rows), task))
    predict = _switch_by_work(quick, every, HISTOGRAM_WORK, estimator.n_features_in_)
    return lambda table: predict(encode(table))


def _stitch_histogram(estimator: Any) -> Callable[[Matrix], Matrix] | None:
    try:
        trees = [each for stage in estimator._predictors for each in stage]
        nodes, lefts = [each.nodes for each in trees], [each.raw_left_cat_bitsets for each in trees]
        start, categories = estimator._baseline_prediction.ravel(), estimator._bin_mapper.make_known_categories_bitsets()
    except AttributeError:  # scikit-learn changed its private parts
        return None
    return stitch(Trees(nodes, [each["value"][:, None] for each in nodes], start, estimator.n_features_in_, lefts, categories))


def _compile_categories(name: str, estimator: Any) -> Step:
    # Histogram gradient boosting has an encoder of its own: categories first, then numbers.
    categorical = estimator.is_categorical_
    encode = compile_encoder(name, estimator._preprocessor.named_transformers_["encoder"])
    first, then = np.flatnonzero(categorical).tolist(), np.flatnonzero(~categorical).tolist()
    return lambda table: join([encode(select(table, first)), numbers([select(table, then)])] if then else [encode(table)])


def _convert_nodes(tree: Any) -> Nodes:
    nodes, leaf = np.zeros(tree.node_count, dtype=NODE), tree.children_left < 0
    nodes["is_leaf"], nodes["num_threshold"], nodes["missing_go_to_left"] = leaf, tree.threshold, tree.missing_go_to_left
    for field, values in (("left", tree.children_left), ("right", tree.children_right), ("feature_idx", tree.feature)):
        nodes[field] = np.where(leaf, 0, values)
    return nodes


def _switch_by_work(few: Callable[[Matrix], Answers] | None, every: Predict, work: int, features: int) -> Predict:
    most = work // (features + WALK)

    def predict(table: Table) -> Answers:
        rows = matrix(table)
        return few(rows) if few and len(rows) <= most else every(rows)

    return predict


def _to_single(name: str, rows: Matrix, missing: bool = False) -> NDArray[np.float32]:
    # scikit-learn's trees take float32; a number that is too large for it becomes infinite.
    with np.errstate(over="ignore"):
        rounded = rows.astype(np.float32)
    check_finite(name, rounded, missing)
    return rounded


def _to_answers(added: Matrix, task: str) -> Answers:
    return added[:, 0] if task == "regression" else probabilities(added, task)
