"""Estimators that ask others: votes, stacks, boosts, and those around a single one. `ask` adds what is asked."""

from typing import Any

import numpy as np
from sklearn.utils import get_tags

from slipway.bundle.graph.boosters import add_both
from slipway.bundle.graph.builder import Graph, NotCompiled, Table, make_vector, name_class
from slipway.bundle.graph.curves import add_quantiles_back
from slipway.bundle.graph.decisions import Add, add_decision, add_labels, add_votes
from slipway.bundle.graph.functions import add_function
from slipway.bundle.graph.trees import DOUBLE


def _list_members(estimator: Any) -> list[tuple[str, Any, float]]:
    # The members of a vote with their names and weights, which add up to 1.
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


def add_vote(ask: Add, graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add the mean of what members answer. Raises NotCompiled."""
    if getattr(estimator, "voting", "soft") != "soft":
        raise NotCompiled(f"{name} votes by label, which are no probabilities.")
    members = _list_members(estimator)
    return _add_mean(graph, [(ask(graph, f"{name}.{part}", each, table), weight) for part, each, weight in members])


def add_bagging(ask: Add, graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add the mean of what estimators answer, or name, of some columns each."""
    count, parts = len(estimator.estimators_), []
    for place, each in enumerate(estimator.estimators_):
        part, some = f"{name}.{place}", [table[spot] for spot in estimator.estimators_features_[place]]
        if hasattr(estimator, "classes_") and not hasattr(each, "predict_proba"):
            answers = add_votes(ask, graph, part, each, some, len(estimator.classes_))
        else:
            answers = ask(graph, part, each, some)
        if hasattr(estimator, "classes_") and len(each.classes_) != len(estimator.classes_):
            raise NotCompiled(f"{part} does not know all classes.")
        parts.append((answers, 1 / count))
    return _add_mean(graph, parts)


def add_stack(ask: Add, graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add an estimator of what others answer. Raises NotCompiled."""
    found: Table = []
    for place, (each, method) in enumerate(zip(estimator.estimators_, estimator.stack_method_, strict=True)):
        if (method == "predict") == hasattr(estimator, "classes_"):
            raise NotCompiled(f"{name}.{place} gives its stack labels.")
        asked = add_decision if method == "decision_function" else ask
        columns = graph.split(asked(graph, f"{name}.{place}", each, table))
        found += columns[1:] if len(columns) == 2 else columns
    graph.sparse &= bool(estimator.passthrough)
    return ask(graph, f"{name}.final", estimator.final_estimator_, found + (table if estimator.passthrough else []))


def add_inner(ask: Add, graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add the estimator within one that chose its rows, its columns, a threshold or labels for it."""
    if name_class(estimator).startswith("RFE"):
        graph.check_finite(table, get_tags(estimator).input_tags.allow_nan)
        table = [table[place] for place in estimator.get_support(indices=True).tolist()]
    return ask(graph, f"{name}.estimator", estimator.estimator_, table)


def add_rest(ask: Add, graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add classifiers of one class against the rest each. Raises NotCompiled."""
    if estimator.multilabel_:
        raise NotCompiled(f"{name} answers several labels.")
    parts = []
    for place, each in enumerate(estimator.estimators_):
        both = ask(graph, f"{name}.{place}", each, table)
        parts.append(graph.add("Gather", both, np.array([1]), axis=1, width=1))
    if len(parts) == 1:
        return add_both(graph, parts[0])
    every = graph.add("Concat", *parts, axis=1, width=len(parts))
    total = graph.add("ReduceSum", every, np.array([1]), keepdims=1)
    return graph.add("Div", every, graph.add("Where", graph.add("Equal", total, np.array(0.0)), np.array(1.0), total), width=len(parts))


def add_weighed_votes(ask: Add, graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add AdaBoost: each estimator names a class, with its weight for it and against the others. Raises NotCompiled."""
    count, summed = len(estimator.classes_), ""
    weights = np.asarray(estimator.estimator_weights_, np.float64)[: len(estimator.estimators_)]
    for place, (each, weight) in enumerate(zip(estimator.estimators_, weights.tolist(), strict=True)):
        if list(each.classes_) != list(estimator.classes_):
            raise NotCompiled(f"{name}.{place} does not know all classes.")
        named = graph.add("Equal", add_labels(ask, graph, f"{name}.{place}", each, table), np.arange(count))
        votes = graph.add("Where", named, np.array(weight), np.array(-weight / (count - 1)), width=count)
        summed = graph.add("Add", summed, votes, width=count) if summed else votes
    scores = graph.add("Div", summed, np.array(float(np.sum(estimator.estimator_weights_))), width=count)
    if count == 2:
        # The difference of both, halved, for the second, and against the first.
        return graph.add("Softmax", graph.add("MatMul", scores, np.array([[0.5, -0.5], [-0.5, 0.5]])), axis=1, width=2)
    return graph.add("Softmax", graph.add("Div", scores, np.array(float(count - 1))), axis=1, width=count)


def add_median(ask: Add, graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add AdaBoost of a regression: the answer at which half of the weights is reached."""
    count = len(estimator.estimators_)
    answers = [ask(graph, f"{name}.{place}", each, table) for place, each in enumerate(estimator.estimators_)]
    every = graph.add("Concat", *answers, axis=1, width=count) if count > 1 else answers[0]
    ordered, order = graph.add_two("TopK", every, np.array([count]), axis=1, largest=0, sorted=1)
    reached = graph.add("CumSum", graph.add("Gather", np.asarray(estimator.estimator_weights_, np.float64)[:count], order), np.array(1))
    half = graph.add("Mul", graph.add("Gather", reached, np.array([count - 1]), axis=1), np.array(0.5))
    place = graph.add("ArgMax", graph.add("Cast", graph.add("GreaterOrEqual", reached, half), to=DOUBLE), axis=1, keepdims=1)
    return graph.add("GatherElements", ordered, place, axis=1, width=1)


def add_target(ask: Add, graph: Graph, name: str, estimator: Any, table: Table) -> str:
    """Add a regressor whose answers are turned back to what the target was. Raises NotCompiled."""
    answers, inverse = ask(graph, f"{name}.regressor", estimator.regressor_, table), estimator.transformer_
    label = name_class(inverse)
    if label == "FunctionTransformer":
        return answers if inverse.inverse_func is None else add_function(graph, name, inverse.inverse_func, answers, 1, inverse.inv_kw_args)
    if label == "QuantileTransformer":
        return add_quantiles_back(graph, name, inverse, answers)
    if label == "PowerTransformer":
        return _add_power_back(graph, name, inverse, answers)
    if label == "MinMaxScaler":
        shifted = graph.add("Sub", answers, make_vector(inverse.min_, 1), width=1)
        return graph.add("Div", shifted, make_vector(inverse.scale_, 1), width=1)
    if label in ("MaxAbsScaler", "RobustScaler", "StandardScaler"):
        return _add_scale_back(graph, inverse, answers)
    raise NotCompiled(f"{name} turns its answers back by a {type(inverse).__name__}, which has no form as a graph.")


def _add_scale_back(graph: Graph, scaler: Any, answers: str) -> str:
    centre = next((value for each in ("mean_", "center_") if (value := getattr(scaler, each, None)) is not None), None)
    if scaler.scale_ is not None:
        answers = graph.add("Mul", answers, make_vector(scaler.scale_, 1), width=1)
    moved = centre is not None and getattr(scaler, "with_mean", True) and getattr(scaler, "with_centering", True)
    return graph.add("Add", answers, make_vector(centre, 1), width=1) if moved else answers


def _add_power_back(graph: Graph, name: str, power: Any, answers: str) -> str:
    if power.standardize:
        answers = _add_scale_back(graph, power._scaler, answers)
    exponent = float(power.lambdas_[0])
    if power.method != "yeo-johnson" or min(abs(exponent), abs(exponent - 2)) < np.spacing(1.0):
        raise NotCompiled(f"{name} turns its answers back by a PowerTransformer of box-cox, or a logarithm.")
    above = graph.add("Add", graph.add("Mul", answers, np.array(exponent)), np.array(1.0))
    above = graph.add("Sub", graph.add("Pow", above, np.array(1 / exponent)), np.array(1.0))
    below = graph.add("Add", graph.add("Mul", answers, np.array(exponent - 2)), np.array(1.0))
    below = graph.add("Sub", np.array(1.0), graph.add("Pow", below, np.array(1 / (2 - exponent))))
    return graph.add("Where", graph.add("GreaterOrEqual", answers, np.array(0.0)), above, below, width=1)
