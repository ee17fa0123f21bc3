"""All trees of an ensemble as one: a routing tree above them sends a row to the tree of its number, and one call walks all.

scikit-learn calls one tree after the other from Python: 100 calls, some 600 µs, for any number of rows. One call takes 15 µs for a row.
This uses scikit-learn's private tree of histogram gradient boosting, which compares in float64, only where it is laid out as it is here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.serving.compiled.table import Matrix

Nodes = NDArray[Any]
FIELDS = "value count feature_idx num_threshold missing_go_to_left left right gain depth is_leaf bin_threshold is_categorical bitset_idx"
NODE = np.dtype({"names": FIELDS.split(), "formats": ["f8", "u4", np.intp, "f8", "u1", "u4", "u4", "f8", "u4", "u1", "u1", "u1", "u4"]})


@dataclass(frozen=True)
class Trees:
    """An ensemble: the trees in the order in which they are added, what their nodes answer, shape (nodes, outputs), and the first summand.

    `start` has an entry per output; where each tree has one output and there are several sums, the trees take turns. Categories are those
    of scikit-learn's bitsets: which go left, shape (splits, 8), which training saw, and the place of a column's among these.
    """

    nodes: list[Nodes]
    values: list[Matrix]
    start: NDArray[np.float64]
    features: int
    lefts: list[NDArray[np.uint32]] = field(default_factory=list)
    categories: tuple[Any, Any] | None = None


def import_predictor() -> Any:
    """Return scikit-learn's private class, None where its nodes are laid out otherwise than `NODE`."""
    try:
        from sklearn.ensemble._hist_gradient_boosting.predictor import PREDICTOR_RECORD_DTYPE, TreePredictor
    except ImportError:
        return None
    return TreePredictor if PREDICTOR_RECORD_DTYPE == NODE else None


def stitch(trees: Trees) -> Callable[[NDArray[Any]], Matrix] | None:
    """Return the function from rows, shape (n, features), to sums, shape (n, sums). None where that is not possible."""
    predictor, count, outputs = import_predictor(), len(trees.nodes), trees.values[0].shape[1]
    if predictor is None:
        return None
    sums = len(trees.start) // outputs
    nodes = _join_nodes(trees)
    values = np.concatenate([np.zeros((count - 1, outputs)), *trees.values])
    nothing = np.zeros((0, 8), dtype=np.uint32)
    tree = predictor(nodes, nothing, np.concatenate([nothing, *trees.lefts]))
    categories = trees.categories or (nothing, np.zeros(trees.features, dtype=np.uint32))
    numbers = np.arange(count, dtype=np.float64)[:, None]

    def add(rows: NDArray[Any]) -> Matrix:
        every = np.empty((count, len(rows), trees.features + 1))
        every[:, :, :-1], every[:, :, -1] = rows, numbers
        leaves = tree.predict(every.reshape(-1, trees.features + 1), *categories, 1).astype(np.intp)
        summands = np.empty((count // sums + 1, sums, len(rows), outputs))
        summands[0] = trees.start.reshape(sums, 1, outputs)
        summands[1:] = values.take(leaves, axis=0).reshape(-1, sums, len(rows), outputs)
        # One after the other, as scikit-learn does: `sum` would round differently.
        added: Matrix = np.add.accumulate(summands)[-1].transpose(1, 0, 2).reshape(len(rows), -1)
        return added

    try:
        add(np.zeros((1, trees.features)))
    except TypeError:  # another version's class takes other arguments
        return None
    return add


def _join_nodes(trees: Trees) -> Nodes:
    # The nodes of all trees stand behind those of the routing tree. The value of a node is its own place.
    sizes = [len(each) for each in trees.nodes]
    roots = (np.cumsum([len(sizes) - 1, *sizes[:-1]])).astype(np.uint32)
    nodes = np.concatenate([_route_trees(roots.tolist(), trees.features), *trees.nodes])
    own = nodes[len(sizes) - 1 :]
    for child in ("left", "right"):
        own[child] += np.repeat(roots, sizes)
    if trees.lefts:
        before = np.cumsum([0, *(len(each) for each in trees.lefts[:-1])]).astype(np.uint32)
        own["bitset_idx"] += np.repeat(before, sizes)
    nodes["value"] = np.arange(len(nodes))
    return nodes


def _route_trees(roots: list[int], feature: int) -> Nodes:
    # The routing tree halves the trees by their number, which is the last feature.
    nodes = np.zeros(len(roots) - 1, dtype=NODE)
    nodes["feature_idx"] = feature
    # From the leaves up, so that the root is the last to get a place, the first one.
    level, place = [(root, number) for number, root in enumerate(roots)], len(nodes)
    while len(level) > 1:
        pairs = []
        for (left, first), (right, middle) in zip(level[::2], level[1::2], strict=False):
            place -= 1
            nodes["left"][place], nodes["right"][place], nodes["num_threshold"][place] = left, right, middle - 0.5
            pairs.append((place, first))
        level = pairs + level[2 * len(pairs) :]
    return nodes
