"""Trees and their ensembles: stitched together for few rows, scikit-learn's own loop for many."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import get_tags

from slipway.serving.answers import Answers
from slipway.serving.compiled import public
from slipway.serving.compiled.lookup import lookup
from slipway.serving.compiled.stitched import NODE, Nodes, Trees, stitch
from slipway.serving.compiled.table import Matrix, Predict, Step, Table, chosen, finite, joined, matrix, numbers, probabilities

# Up to so much work stitched trees are quicker, as measured: for each tree a row is copied, and walked, which takes as long as 60 features.
HISTOGRAM_WORK, BOOSTED_WORK, FOREST_WORK, WALK = 14_000, 2900, 29_000, 60
# Stitched nodes take 56 bytes each: a larger forest is walked tree by tree.
FOREST_NODES = 1_000_000
# Losses of histogram gradient boosting, by what their sums mean.
PLAIN, LOGARITHMIC = ("squared_error", "absolute_error", "quantile", "log_loss"), ("poisson", "gamma")


def forest(name: str, estimator: Any, task: str, sparse: bool) -> Predict:
    """Return a tree, or a forest: the mean of its trees. In sparse matrices they take no missing numbers."""
    grown = getattr(estimator, "estimators_", [estimator])
    trees = [each.tree_ for each in grown]
    wanted = {"regression": slice(0, 1), "binary": slice(1, 2)}.get(task, slice(None))
    missing, few = get_tags(grown[0]).input_tags.allow_nan and not sparse, None
    if sum(each.node_count for each in trees) <= FOREST_NODES:
        values = [each.value[:, 0, wanted] for each in trees]
        few = stitch(Trees([of(each) for each in trees], values, np.zeros(values[0].shape[1]), estimator.n_features_in_))

    def loop(rows: NDArray[np.float32]) -> Matrix:
        total = np.zeros((len(rows), trees[0].value.shape[2]))
        for each in trees:
            total += each.predict(rows)
        return total[:, wanted]

    def mean(add: Callable[[NDArray[np.float32]], Matrix], table: Table) -> Answers:
        found = add(single(name, matrix(table), missing)) / len(trees)
        return found if task == "multiclass" else found[:, 0]

    return switch(few and partial(mean, few), partial(mean, loop), FOREST_WORK, estimator.n_features_in_)


def boosted(name: str, estimator: Any, task: str) -> Predict:
    """Return gradient boosting that starts from a constant."""
    every = public.predict(name, estimator, task)
    constant = estimator.init is None or estimator.init == "zero"
    if not constant or estimator.loss == "exponential" or not hasattr(estimator, "_raw_predict_init"):
        return every
    start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), dtype=np.float32))[0]
    trees = [each.tree_ for each in estimator.estimators_.ravel()]
    values = [estimator.learning_rate * each.value[:, 0] for each in trees]
    few = stitch(Trees([of(each) for each in trees], values, start, estimator.n_features_in_))
    return switch(few and (lambda rows: answers(few(single(name, rows)), task)), every, BOOSTED_WORK, estimator.n_features_in_)


def histogram(name: str, estimator: Any, task: str) -> Predict:
    """Return histogram gradient boosting, with its own categories."""
    plain = public.bare(estimator)
    encode: Step = matrix
    if estimator.is_categorical_ is not None:
        encode, plain._preprocessor = categories(name, estimator), None
    every, few = public.predict(name, plain, task), sums(estimator) if estimator.loss in PLAIN + LOGARITHMIC else None
    power = estimator.loss in LOGARITHMIC
    quick = few and (lambda rows: np.exp(few(rows)[:, 0]) if power else answers(few(rows), task))
    predict = switch(quick, every, HISTOGRAM_WORK, estimator.n_features_in_)
    return lambda table: predict(encode(table))


def sums(estimator: Any) -> Callable[[Matrix], Matrix] | None:
    """Return what histogram gradient boosting adds up; None where its private parts are others."""
    try:
        trees = [each for stage in estimator._predictors for each in stage]
        nodes, lefts = [each.nodes for each in trees], [each.raw_left_cat_bitsets for each in trees]
        start, known = estimator._baseline_prediction.ravel(), estimator._bin_mapper.make_known_categories_bitsets()
    except AttributeError:
        return None
    return stitch(Trees(nodes, [each["value"][:, None] for each in nodes], start, estimator.n_features_in_, lefts, known))


def categories(name: str, estimator: Any) -> Step:
    """Return the encoder that histogram gradient boosting has of its own: categories first, then numbers."""
    known = estimator.is_categorical_
    encode = lookup(name, estimator._preprocessor.named_transformers_["encoder"])
    first, then = np.flatnonzero(known).tolist(), np.flatnonzero(~known).tolist()
    return lambda table: joined([encode(chosen(table, first)), numbers([chosen(table, then)])] if then else [encode(table)])


def of(tree: Any) -> Nodes:
    """Return a tree's public arrays as nodes of histogram gradient boosting."""
    nodes, leaf = np.zeros(tree.node_count, dtype=NODE), tree.children_left < 0
    nodes["is_leaf"], nodes["num_threshold"], nodes["missing_go_to_left"] = leaf, tree.threshold, tree.missing_go_to_left
    for field, values in (("left", tree.children_left), ("right", tree.children_right), ("feature_idx", tree.feature)):
        nodes[field] = np.where(leaf, 0, values)
    return nodes


def switch(few: Callable[[Matrix], Answers] | None, every: Predict, work: int, features: int) -> Predict:
    """Return the one for few rows, up to so much work, and the other for more."""
    most = work // (features + WALK)

    def predict(table: Table) -> Answers:
        rows = matrix(table)
        return few(rows) if few and len(rows) <= most else every(rows)

    return predict


def single(name: str, rows: Matrix, missing: bool = False) -> NDArray[np.float32]:
    """Return rows in the precision of scikit-learn's trees. Raises ValueError for numbers that are too large for it."""
    with np.errstate(over="ignore"):
        rounded = rows.astype(np.float32)
    finite(name, rounded, missing)
    return rounded


def answers(added: Matrix, task: str) -> Answers:
    """Return what sums mean for a task."""
    return added[:, 0] if task == "regression" else probabilities(added, task)
