"""The truth in one form, whatever the target's column holds, and the owner's loss and metrics on it, held to what they have to return.

A regression has numbers, shape (n,). A classification has the number of each row's class, shape (n,), in the order of the answers' columns:
of a binary task 1 is the positive class, whose probability is answered.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model import features, metrics
from slipway.gate.losses import Values

Label = bool | int | float | str
SHOWN = 5
PERCENTILES = np.linspace(0, 1, 101)
YES = ("yes", "ja", "oui", "si", "sí", "sim", "tak", "ano", "áno", "da", "да", "так", "evet", "igen", "kyllä", "ναι", "はい", "是")
# In this order: the first word that one of two labels is.
POSITIVE_WORDS = ("1", "true", *YES, "y", "positive", "pos", "t")


class TargetError(ValueError):
    """A target that does not fit the task; the message ends with what to write."""


def read_positive() -> Label | None:
    """Return the class whose probability a binary task answers, as `model/features.py` declares it; None where it does not."""
    found: Label | None = getattr(features, "POSITIVE", None)
    return found


def read_labels(column: "pd.Series[Any]") -> list[Label]:
    """Return the labels in a target's column as plain values; 1.0 is 1. Raises TargetError where one is missing."""
    if missing := int(column.isna().sum()):
        raise TargetError(
            f"{missing} of {len(column)} rows have no {column.name}. Next: leave these rows out, in model/data.py or the file."
        )
    return [_make_plain(label) for label in column.tolist()]


def _make_plain(label: Any) -> Label:
    value = label.item() if isinstance(label, np.generic) else label
    return int(value) if isinstance(value, float) and value.is_integer() else value


def order_classes(column: "pd.Series[Any]", task: str, positive: Label | None) -> list[Label] | None:
    """Return a target's classes in the order of the answers' columns, None of a regression. Raises TargetError."""
    if task == "regression":
        encode(column, None)
        return None
    counts = Counter(read_labels(column))
    classes = sorted(counts, key=lambda label: (isinstance(label, str), label))
    if task == "multiclass":
        return _refuse_uncountable(column, classes)
    if len(classes) != 2:
        raise TargetError(
            f'TASK is "binary", and {column.name} has {len(classes)} values: {_list_labels(classes)}. Expected: two. '
            f"Next: {_suggest_task(len(classes))} in model/features.py, or correct the data."
        )
    last = _find_positive(str(column.name), counts, classes, positive)
    return [*(each for each in classes if each != last), last]


def _refuse_uncountable(column: "pd.Series[Any]", classes: list[Label]) -> list[Label]:
    """Return the classes of a multiclass task. Raises TargetError where there is only one, or nearly one a row."""
    if len(classes) < 2 or 2 * len(classes) > len(column) > 2 * SHOWN:
        raise TargetError(
            f'TASK is "multiclass", and {column.name} has {len(classes)} values in {len(column)} rows: {_list_labels(classes)}. Expected: '
            'at least two, each in several rows. Next: TASK = "regression" where these are amounts, or correct TARGET in model/features.py.'
        )
    return classes


def _suggest_task(classes: int) -> str:
    return 'TASK = "multiclass" (classes) or "regression" (amounts)' if classes > 2 else "another TARGET"


def _find_positive(name: str, counts: Counter[Label], classes: list[Label], positive: Label | None) -> Label:
    """Return the positive one of two classes. Raises TargetError where it is not declared, and they are not 0 and 1, or False and True."""
    if positive is None:
        if classes == [0, 1]:
            return classes[1]
        raise TargetError(
            f"{name} is {classes[0]!r} or {classes[1]!r}, and model/features.py does not say whose probability to answer. "
            f"Next: POSITIVE = {propose_positive(counts)!r} in model/features.py, or the other one."
        )
    found = [each for each in classes if each == positive or str(each) == str(positive)]
    if not found:
        raise TargetError(
            f"POSITIVE is {positive!r}, and {name} holds {_list_labels(classes)}. "
            f"Next: POSITIVE = {propose_positive(counts)!r} in model/features.py, or the other one."
        )
    return found[0]


def propose_positive(counts: Counter[Label]) -> Label:
    """Return which of two labels is most likely the positive class: one that says yes, or else the rarer one."""
    words = {str(label).strip().lower(): label for label in counts}
    return next((words[word] for word in POSITIVE_WORDS if word in words), min(counts, key=lambda label: counts[label]))


def encode(column: "pd.Series[Any]", classes: Sequence[Any] | None) -> NDArray[Any]:
    """Return a target's column as truth, shape (n,): numbers, or of a classification the number of each class. Raises TargetError."""
    labels = read_labels(column)
    if classes is None:
        if words := [each for each in labels if isinstance(each, str | bool) or not np.isfinite(each)]:
            raise TargetError(
                f'TASK is "regression", and {column.name} has {len(words)} values that are no numbers: {_list_labels(words)}. '
                'Next: TASK = "binary" or "multiclass" in model/features.py where these are classes, or correct the data.'
            )
        return np.array(labels, dtype=np.float64)
    numbers = {label: number for number, label in enumerate(classes)}
    if unknown := {label for label in labels if label not in numbers}:
        raise TargetError(
            f"{column.name} holds {_list_labels(sorted(unknown, key=str))}, which training never saw: it had {_list_labels(classes)}. "
            "Next: correct the rows, or train on some of that class too."
        )
    return np.array([numbers[label] for label in labels], dtype=np.int64)


def _list_labels(labels: Sequence[Any]) -> str:
    distinct = list(dict.fromkeys(labels))
    return ", ".join(map(repr, distinct[:SHOWN])) + (" and others" if len(distinct) > SHOWN else "")


def compute_losses(truth: Values, answers: Values) -> Values:
    """Return the loss of each row, shape (n,). Raises ValueError when `model/metrics.py` returns anything else."""
    found = np.asarray(metrics.loss(truth, answers), dtype=np.float64)
    if found.shape != (len(truth),):
        raise ValueError(
            f"loss in model/metrics.py returns shape {found.shape} for {len(truth)} rows. Expected: one number a row, ({len(truth)},); "
            "the gate takes the mean itself."
        )
    if len(wrong := np.flatnonzero(~np.isfinite(found))):
        row = int(wrong[0])
        raise ValueError(
            f"loss in model/metrics.py is {found[row]} for {len(wrong)} of {len(truth)} rows, such as row {row}: truth {truth[row]}, "
            f"answer {answers[row]}. Expected: finite numbers; clip probabilities away from 0 and 1, or take one of slipway/gate/losses.py."
        )
    return found


def compute_metrics(truth: Values, answers: Values) -> dict[str, float]:
    """Return the figures for people, by name. Raises ValueError when `model/metrics.py` returns anything else."""
    found: Any = metrics.metrics(truth, answers)
    if not isinstance(found, dict) or not all(isinstance(each, int | float | np.number) for each in found.values()):
        raise ValueError(f"metrics in model/metrics.py returns {found!r:.200}. Expected: numbers by name, such as {{'r2': 0.8}}.")
    if wrong := [name for name, value in found.items() if not np.isfinite(value)]:
        raise ValueError(f"metrics in model/metrics.py gives {found[wrong[0]]} as {wrong[0]}. Expected: finite numbers; leave it out.")
    return {str(name): float(value) for name, value in found.items()}


def choose_trivial(truth: Values, classes: Sequence[Any] | None) -> list[float]:
    """Return the constant answer with the least loss: the mean or a percentile; of a classification each class' share, or equal shares.

    A loss that weighs classes or quantiles has another best constant than the mean, and a model has to be better than that.
    """
    if classes is None:
        constants = [[float(each)] for each in (truth.mean(), *np.quantile(truth, PERCENTILES))]
    else:
        shares = np.bincount(truth.astype(int), minlength=len(classes)) / len(truth)
        constants = [shares.tolist(), [1 / len(classes)] * len(classes)]
    return min(constants, key=lambda each: float(compute_losses(truth, repeat_constant(each, len(truth))).mean()))


def repeat_constant(constant: Sequence[float], rows: int) -> Values:
    """Return what a model answers that looks at no feature, shape (n,) or (n, classes)."""
    if features.TASK == "multiclass":
        return np.tile(np.asarray(constant), (rows, 1))
    return np.full(rows, constant[-1])
