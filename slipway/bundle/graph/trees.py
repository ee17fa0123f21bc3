"""Trees and their ensembles as one node, `TreeEnsemble`, with splits, leaves and rows in double precision."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper
from sklearn.utils import get_tags

from slipway.bundle.graph.builder import Graph, NotCompiled, Table
from slipway.bundle.graph.categories import add_encoder

Numbers = NDArray[Any]
AT_MOST, MEMBER = 0, 6
FLOAT, DOUBLE, INT64 = 1, 11, 7
# Losses of histogram gradient boosting, by what their sums mean.
PLAIN, LOGARITHMIC = ("squared_error", "absolute_error", "quantile", "log_loss"), ("poisson", "gamma")


@dataclass(frozen=True)
class Tree:
    """A fitted tree: of each node its children (of a leaf 0 or below), its split, where what is missing goes, and what a leaf adds.

    `members` are the categories that go left, by the number of their node; the split of such a node is not read.
    """

    left: Numbers
    right: Numbers
    feature: Numbers
    split: Numbers
    missing_left: Numbers
    leaf: Numbers
    value: Numbers
    target: int = 0
    members: dict[int, Numbers] = field(default_factory=dict)


@dataclass
class _Ensemble:
    # The attributes of `TreeEnsemble`, while they are filled. https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html
    roots: list[int] = field(default_factory=list)
    features: list[int] = field(default_factory=list)
    splits: list[float] = field(default_factory=list)
    modes: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    true: list[tuple[int, int]] = field(default_factory=list)
    false: list[tuple[int, int]] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    members: list[float] = field(default_factory=list)

    def add_tree(self, tree: Tree) -> None:
        """Add a tree; nodes and leaves keep their order."""
        inner = np.flatnonzero(~tree.leaf.astype(bool))
        places = {int(node): len(self.features) + number for number, node in enumerate(inner)}
        self.roots.append(len(self.features))
        if not len(inner):  # a tree that is a leaf: both ways lead to its value
            self._add_node(0, 0.0, AT_MOST, 0)
            self._link(self._add_leaf(tree, 0), self._add_leaf(tree, 0))
            return
        leaves = {int(node): self._add_leaf(tree, int(node)) for node in np.flatnonzero(tree.leaf)}
        children = {**{node: (place, 0) for node, place in places.items()}, **leaves}
        for node in inner.tolist():
            members = tree.members.get(node)
            self._add_node(
                int(tree.feature[node]), float(tree.split[node]), AT_MOST if members is None else MEMBER, int(tree.missing_left[node])
            )
            if members is not None:
                # Where only what is missing goes left there are none, which the node does not allow: no category has the place -1.
                self.members += [*(members.astype(float).tolist() or [-1.0]), float("nan")]
            self._link(children[int(tree.left[node])], children[int(tree.right[node])])

    def _add_node(self, feature: int, split: float, mode: int, missing: int) -> None:
        self.features.append(feature)
        self.splits.append(0.0 if mode == MEMBER else split)
        self.modes.append(mode)
        self.missing.append(missing)

    def _add_leaf(self, tree: Tree, node: int) -> tuple[int, int]:
        self.weights.append(float(tree.value[node]))
        self.targets.append(tree.target)
        return len(self.weights) - 1, 1

    def _link(self, true: tuple[int, int], false: tuple[int, int]) -> None:
        self.true.append(true)
        self.false.append(false)


def add_trees(graph: Graph, rows: str, trees: list[Tree], targets: int) -> str:
    """Add trees that are summed up by target; returns sums of shape (n, targets). Raises NotCompiled for a category without values."""
    ensemble = _Ensemble()
    for each in trees:
        ensemble.add_tree(each)
    made = numpy_helper.from_array
    members = {"membership_values": made(np.array(ensemble.members))} if ensemble.members else {}
    return graph.add(
        "TreeEnsemble",
        rows,
        width=targets,
        aggregate_function=1,
        n_targets=targets,
        post_transform=0,
        tree_roots=ensemble.roots,
        nodes_featureids=ensemble.features,
        nodes_splits=made(np.array(ensemble.splits)),
        nodes_modes=made(np.array(ensemble.modes, dtype=np.uint8)),
        nodes_missing_value_tracks_true=ensemble.missing,
        nodes_truenodeids=[place for place, _ in ensemble.true],
        nodes_trueleafs=[leaf for _, leaf in ensemble.true],
        nodes_falsenodeids=[place for place, _ in ensemble.false],
        nodes_falseleafs=[leaf for _, leaf in ensemble.false],
        leaf_targetids=ensemble.targets,
        leaf_weights=made(np.array(ensemble.weights)),
        **members,
    )


def add_forest(graph: Graph, _: str, estimator: Any, table: Table) -> str:
    """Add a tree or a forest: the mean of what its trees answer, shape (n, outputs)."""
    grown = getattr(estimator, "estimators_", [estimator])
    rows = _take_single(graph, table, get_tags(grown[0]).input_tags.allow_nan and not graph.sparse)
    outputs = grown[0].tree_.value.shape[2]
    if outputs == 1:
        trees = [_read_tree(each.tree_, each.tree_.value[:, 0, 0]) for each in grown]
        return graph.add("Div", add_trees(graph, rows, trees, 1), np.array(float(len(trees))), width=1)
    # A leaf has one weight: here its place in the table of what leaves answer, which all trees have in common.
    starts = np.cumsum([0, *(each.tree_.node_count for each in grown[:-1])])
    trees = [
        _read_tree(each.tree_, start + np.arange(each.tree_.node_count), target=place)
        for place, (each, start) in enumerate(zip(grown, starts, strict=True))
    ]
    leaves = graph.add("Cast", add_trees(graph, rows, trees, len(trees)), to=INT64)
    answers = np.concatenate([each.tree_.value[:, 0] for each in grown])
    summed = graph.add("ReduceSum", graph.add("Gather", answers, leaves, axis=0), np.array([1]), keepdims=0, width=outputs)
    return graph.add("Div", summed, np.array(float(len(trees))), width=outputs)


def add_boosted(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add gradient boosting: raw scores, shape (n, scores)."""
    constant = estimator.init is None or (isinstance(estimator.init, str) and estimator.init == "zero")
    if not constant or not hasattr(estimator, "_raw_predict_init"):
        raise NotCompiled(f"{name} begins with an estimator of its own.")
    rows = _take_single(graph, table, missing=False)
    start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), dtype=np.float32))[0]
    scores = estimator.estimators_.shape[1]
    trees = [
        _read_tree(each.tree_, estimator.learning_rate * each.tree_.value[:, 0, 0], target=place)
        for stage in estimator.estimators_
        for place, each in enumerate(stage)
    ]
    return graph.add("Add", add_trees(graph, rows, trees, scores), np.asarray(start, dtype=np.float64), width=scores)


def add_histogram(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add histogram gradient boosting: raw scores, shape (n, scores)."""
    if estimator.loss not in PLAIN + LOGARITHMIC:
        raise NotCompiled(f"{name} has the loss {estimator.loss!r}.")
    if estimator.is_categorical_ is not None:
        table = _encode_categories(graph, name, estimator, table)
    rows, _ = graph.take_matrix(table)
    try:
        stages, start = estimator._predictors, estimator._baseline_prediction.ravel()
        trees = [_read_histogram(each, place) for stage in stages for place, each in enumerate(stage)]
    except (AttributeError, ValueError, KeyError) as error:  # scikit-learn changed its private parts
        raise NotCompiled(f"{name} is of a scikit-learn that this does not know: {error}") from error
    return graph.add("Add", add_trees(graph, rows, trees, len(start)), start.astype(np.float64), width=len(start))


def _encode_categories(graph: Graph, name: str, estimator: Any, table: Table) -> Table:
    # It has an encoder of its own: categories first, then numbers.
    categorical = estimator.is_categorical_
    first, then = np.flatnonzero(categorical).tolist(), np.flatnonzero(~categorical).tolist()
    encoder = estimator._preprocessor.named_transformers_["encoder"]
    return add_encoder(graph, name, encoder, [table[each] for each in first]) + [table[each] for each in then]


def _read_histogram(predictor: Any, target: int) -> Tree:
    nodes, bits = predictor.nodes, predictor.raw_left_cat_bitsets
    leaf = nodes["is_leaf"].astype(bool)
    categorical = np.flatnonzero(nodes["is_categorical"].astype(bool) & ~leaf).tolist()
    return Tree(
        left=nodes["left"],
        right=nodes["right"],
        feature=nodes["feature_idx"],
        split=nodes["num_threshold"],
        missing_left=nodes["missing_go_to_left"],
        leaf=leaf,
        value=nodes["value"],
        target=target,
        members={node: _list_members(bits[nodes["bitset_idx"][node]]) for node in categorical},
    )


def _list_members(bits: Numbers) -> Numbers:
    return np.flatnonzero(np.unpackbits(bits.astype("<u4").view(np.uint8), bitorder="little"))


def _read_tree(tree: Any, value: Numbers, target: int = 0) -> Tree:
    leaf = tree.children_left < 0
    return Tree(tree.children_left, tree.children_right, tree.feature, tree.threshold, tree.missing_go_to_left, leaf, value, target)


def _take_single(graph: Graph, table: Table, missing: bool) -> str:
    # scikit-learn's trees take float32; a number that is too large for it becomes infinite, and is refused.
    rows, width = graph.take_matrix(table)
    single = graph.add("Cast", graph.add("Cast", rows, to=FLOAT), to=DOUBLE, width=width)
    graph.refuse_infinite(single, missing)
    return single
