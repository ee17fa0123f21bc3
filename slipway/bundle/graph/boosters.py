"""LightGBM, whose trees are doubles, and XGBoost, which computes in single precision: each of its sums and functions is repeated so."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.graph.builder import Graph, NotCompiled, Table
from slipway.bundle.graph.trees import DOUBLE, FLOAT, INT64, Tree, add_trees

MODULES = ("lightgbm.sklearn", "xgboost.sklearn")
# What the sums of LightGBM's trees mean, by the objective's name in the file of a model.
PLAIN = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")
LOGARITHMIC = ("poisson", "gamma", "tweedie")
# The same of XGBoost.
SINGLE_PLAIN = ("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:squaredlogerror", "reg:quantileerror")
SINGLE_LOGARITHMIC = ("count:poisson", "reg:gamma", "reg:tweedie")
SINGLE_LOGISTIC = ("reg:logistic", "binary:logistic")
# As the C library computes expf, which XGBoost calls: 2 to the power of 32nds from a table, the rest by a polynomial, in doubles.
PARTS = 32
LOG2 = float.fromhex("0x1.71547652b82fep+0") * PARTS
CUBIC = [float.fromhex(each) for each in ("0x1.c6af84b912394p-5", "0x1.ebfce50fac4f3p-3", "0x1.62e42ff0c52d6p-1")]
POWERS = np.exp2(np.arange(PARTS) / PARTS)
LEAST, MOST = -104.0, 89.0


def name_booster(estimator: Any) -> str:
    """Return the name of the classes of LightGBM and XGBoost, nothing for others: a subclass may do anything."""
    return type(estimator).__name__ if type(estimator).__module__ in MODULES else ""


def add_light_scores(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add the sums of the trees of LightGBM, shape (n, scores). Raises NotCompiled."""
    model = estimator.booster_.dump_model()
    if model.get("pandas_categorical") or estimator.get_params().get("pred_early_stop"):
        raise NotCompiled(f"{name} has categories of pandas, or pred_early_stop.")
    width = int(model["num_tree_per_iteration"])
    trees = [_read_light(name, each["tree_structure"], place % width) for place, each in enumerate(model["tree_info"])]
    scores = add_trees(graph, _take_categories(graph, table, trees), trees, width)
    if model["average_output"]:
        scores = graph.add("Div", scores, np.array(float(max(1, len(trees) // width))), width=width)
    return scores


def add_light(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add a model of LightGBM. Raises NotCompiled."""
    described = estimator.booster_.dump_model(num_iteration=1).get("objective", "of its own")
    objective, *options = described.split(" ")
    given = dict(each.split(":") for each in options if ":" in each)
    scores = add_light_scores(graph, name, estimator, table)
    width = graph.widths[scores]
    if objective in PLAIN and not options:
        return scores
    if objective in LOGARITHMIC:
        return graph.add("Exp", scores, width=width)
    if objective == "multiclass":
        return graph.add("Softmax", scores, axis=1, width=width)
    if objective not in ("binary", "cross_entropy", "multiclassova"):
        raise NotCompiled(f"{name} has the objective {described}, which has no form as a graph.")
    odds = graph.add("Sigmoid", graph.add("Mul", scores, np.array(float(given.get("sigmoid", 1.0)))), width=width)
    return odds if objective == "multiclassova" or not hasattr(estimator, "classes_") else add_both(graph, odds)


def add_both(graph: Graph, second: str) -> str:
    """Add the probability of the first class, which is what the second's leaves."""
    return graph.add("Concat", graph.add("Sub", np.array(1.0), second), second, axis=1, width=2)


def _take_categories(graph: Graph, table: Table, trees: list[Tree]) -> str:
    # A category is the whole part of a number; below 0 it is unknown.
    rows, width = graph.take_matrix(table)
    columns = {int(tree.feature[node]) for tree in trees for node in tree.members}
    if not columns:
        return rows
    whole = graph.add("Mul", graph.add("Sign", rows), graph.add("Floor", graph.add("Abs", rows)))
    return graph.add("Where", np.isin(np.arange(width), [*columns]), whole, rows, width=width)


def _read_light(name: str, root: dict[str, Any], target: int) -> Tree:
    """Return a tree of the file of a model, whose nodes are numbered in the order in which they are met."""
    nodes, children = [root], []
    for node in nodes:  # which grows meanwhile
        children.append((len(nodes), len(nodes) + 1) if "split_feature" in node else (-1, -1))
        nodes += [node["left_child"], node["right_child"]] if "split_feature" in node else []
    if any("leaf_coeff" in each for each in nodes) or any(each.get("missing_type") == "Zero" for each in nodes):
        raise NotCompiled(f"{name} has linear trees, or takes 0 for missing.")
    members = {
        place: np.array([int(each) for each in node["threshold"].split("||")])
        for place, node in enumerate(nodes)
        if node.get("decision_type") == "=="
    }
    return Tree(
        left=np.array([left for left, _ in children]),
        right=np.array([right for _, right in children]),
        feature=np.array([each.get("split_feature", 0) for each in nodes]),
        split=np.array([0.0 if place in members else float(each.get("threshold", 0.0)) for place, each in enumerate(nodes)]),
        missing_left=np.array([_goes_left(each) for each in nodes]),
        leaf=np.array(["split_feature" not in each for each in nodes]),
        value=np.array([each.get("leaf_value", 0.0) for each in nodes]),
        target=target,
        members=members,
    )


def _goes_left(node: dict[str, Any]) -> bool:
    # Where training saw nothing missing, that is taken for 0; of categories, it is unknown.
    if "split_feature" not in node or node["decision_type"] == "==":
        return False
    return bool(node["default_left"]) if node["missing_type"] == "NaN" else float(node["threshold"]) >= 0.0


def add_extreme(graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add a model of XGBoost. Raises NotCompiled."""
    model = json.loads(estimator.get_booster().save_raw("json"))["learner"]
    booster, objective = model["gradient_booster"], model["objective"]["name"]
    if booster["name"] != "gbtree" or int(model["learner_model_param"]["num_target"]) > 1 or not np.isnan(estimator.missing):
        raise NotCompiled(f"{name} is a {booster['name']}, has several targets, or missing values other than NaN.")
    if any(any(each["split_type"]) for each in booster["model"]["trees"]):
        raise NotCompiled(f"{name} has categories of its own.")
    groups, most = max(1, int(model["learner_model_param"]["num_class"])), len(booster["model"]["trees"])
    if "best_iteration" in model["attributes"]:
        most = booster["model"]["iteration_indptr"][int(model["attributes"]["best_iteration"]) + 1]
    start = np.atleast_1d(json.loads(model["learner_model_param"]["base_score"])).astype(np.float32)
    scores = _add_single_sums(graph, table, booster["model"], most, _read_start(objective, np.broadcast_to(start, (groups,))))
    if objective in SINGLE_PLAIN:
        return graph.add("Cast", scores, to=DOUBLE, width=1)
    if objective in SINGLE_LOGARITHMIC:
        return graph.add("Cast", _add_single_exponential(graph, scores), to=DOUBLE, width=1)
    if objective in SINGLE_LOGISTIC:
        return _add_single_logistic(graph, scores, hasattr(estimator, "classes_"))
    if objective == "multi:softprob":
        return _add_single_softmax(graph, scores, groups)
    raise NotCompiled(f"{name} has the objective {objective}, which has no form as a graph.")


def _read_start(objective: str, score: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the sums begin with, for a score that is meant as an answer."""
    if objective in SINGLE_LOGISTIC:
        return -np.log((np.float32(1) / score - np.float32(1)).astype(np.float64)).astype(np.float32)
    return np.log(score.astype(np.float64)).astype(np.float32) if objective in SINGLE_LOGARITHMIC else score


def _add_single_sums(graph: Graph, table: Table, model: Any, most: int, start: NDArray[np.float32]) -> str:
    """Add what the trees of each group give one after the other, in single precision, after what they start with."""
    rows, width = graph.take_matrix(table)
    if graph.sparse:  # of a sparse matrix, it takes what is not there for missing
        rows = graph.add("Where", graph.add("Equal", rows, np.array(0.0)), np.array(np.nan), rows)
    single = graph.add("Cast", graph.add("Cast", rows, to=FLOAT), to=DOUBLE, width=width)
    order = np.argsort(np.array(model["tree_info"][:most]), kind="stable").tolist()
    trees = [_read_extreme(model["trees"][tree], place) for place, tree in enumerate(order)]
    graph.note_size(len(trees))
    found = graph.add("Cast", add_trees(graph, single, trees, len(trees)), to=FLOAT) if trees else ""
    sums = []
    for group, first in enumerate(start):
        places = np.array([place for place, tree in enumerate(order) if model["tree_info"][tree] == group], np.int64)
        parts = graph.add("Gather", found, places, axis=1) if len(start) > 1 else found
        padded = graph.add("Pad", parts, np.array([0, 1, 0, 0]), np.array(first))
        summed = graph.add("CumSum", padded, np.array(1))
        sums.append(graph.add("Gather", summed, np.array([len(places)]), axis=1, width=1))
    return graph.add("Concat", *sums, axis=1, width=len(sums)) if len(sums) > 1 else sums[0]


def _read_extreme(tree: dict[str, Any], target: int) -> Tree:
    left, values = np.array(tree["left_children"]), np.array(tree["split_conditions"], dtype=np.float32)
    # Less than a number is at most the one before it, of those with single precision.
    before = np.nextafter(values, np.float32(-np.inf)).astype(np.float64)
    leaf, missing = left < 0, np.array(tree["default_left"])
    return Tree(left, np.array(tree["right_children"]), np.array(tree["split_indices"]), before, missing, leaf, values, target)


def _add_single_exponential(graph: Graph, scores: str) -> str:
    bounded = graph.add("Clip", graph.add("Cast", scores, to=DOUBLE), np.array(LEAST), np.array(MOST))
    scaled = graph.add("Mul", bounded, np.array(LOG2))
    whole = graph.add("Round", scaled)
    rest = graph.add("Sub", scaled, whole)
    power = graph.add("Floor", graph.add("Div", whole, np.array(float(PARTS))))
    place = graph.add("Cast", graph.add("Sub", whole, graph.add("Mul", power, np.array(float(PARTS)))), to=INT64)
    scale = graph.add("Mul", graph.add("Gather", POWERS, place), graph.add("Pow", np.array(2.0), power))
    first, second, third = (np.array(each / PARTS ** (3 - place)) for place, each in enumerate(CUBIC))
    high = graph.add("Add", graph.add("Mul", rest, first), second)
    low = graph.add("Add", graph.add("Mul", rest, third), np.array(1.0))
    polynomial = graph.add("Add", graph.add("Mul", high, graph.add("Mul", rest, rest)), low)
    return graph.add("Cast", graph.add("Mul", polynomial, scale), to=FLOAT, width=graph.widths[scores])


def _add_single_logistic(graph: Graph, scores: str, both: bool) -> str:
    one = np.array(1, dtype=np.float32)
    inverse = _add_single_exponential(graph, graph.add("Min", graph.add("Neg", scores), np.array(88.7, dtype=np.float32), width=1))
    second = graph.add("Div", one, graph.add("Add", inverse, one), width=1)
    answers = graph.add("Concat", graph.add("Sub", one, second), second, axis=1) if both else second
    return graph.add("Cast", answers, to=DOUBLE, width=1 + both)


def _add_single_softmax(graph: Graph, scores: str, width: int) -> str:
    most = graph.add("ReduceMax", scores, np.array([1]), keepdims=1)
    raised = _add_single_exponential(graph, graph.add("Sub", scores, most, width=width))
    summed = graph.add("ReduceSum", graph.add("Cast", raised, to=DOUBLE), np.array([1]), keepdims=1)
    return graph.add("Cast", graph.add("Div", raised, graph.add("Cast", summed, to=FLOAT)), to=DOUBLE, width=width)
