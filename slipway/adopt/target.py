"""The column to learn: its task, and which value is the positive one. What its values leave open, an option or a person answers."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from slipway.doctor.constants import propose_task
from slipway.doctor.kinds import Kind, read_kind
from slipway.errors import PipelineError
from slipway.gate import scoring
from slipway.say import one_line
from slipway.serving.frames import convert

# A class with fewer rows is in neither file: it can be learnt, or judged, and not both.
LEAST_OF_A_CLASS = 5
CLASSES = 50
Ask = Callable[[str, Sequence[str]], str]


@dataclass(frozen=True)
class Target:
    """The column to learn: its task, the positive label of a binary one, and its values with how often each is there."""

    column: str
    task: str
    positive: scoring.Label | None
    kind: Kind

    @property
    def is_count(self) -> bool:
        """Tell whether it counts something: whole numbers from 0 on."""
        whole = self.task == "regression" and all(float(each).is_integer() for each in self.kind.counts)
        return whole and min(self.kind.counts) >= 0 and max(self.kind.counts) > 0


@dataclass(frozen=True)
class Options:
    """What the options say of the target; nothing where one is left out."""

    task: str = ""
    positive: str = ""


def is_amount(column: "pd.Series[Any]", ask: Ask, task: str = "") -> bool:
    """Tell whether a target is learnt as an amount, and not as classes. Raises PipelineError for one of which nothing can be learnt."""
    name, kind = str(column.name), read_kind([column])
    if len(kind.counts) < 2:
        only = next(iter(kind.counts))
        raise PipelineError(f"{name} is {only!r} in all rows. Expected: two values at least. Next: another --target, or more rows.")
    if task == "regression" and kind.name != "number":
        some = one_line(", ".join(map(repr, list(kind.counts)[:3])), 80)
        raise PipelineError(
            f"--task regression, and {name} has values such as {some}. Expected: numbers. Next: --task classification, or another --target."
        )
    if task:
        return task == "regression"
    proposed = propose_task(column)
    if proposed == "multiclass" and kind.name == "number":
        question = f"{name} has the values {', '.join(map(str, sorted(kind.counts)))}: are these classes, or an amount?"
        return ask(question, ["classes", "amount"]) == "amount"
    return proposed == "regression"


def describe_target(column: "pd.Series[Any]", ask: Ask, amount: bool, positive: str = "") -> Target:
    """Return what is to be learnt of a column. Raises PipelineError where its classes are too many, or `positive` is none of two."""
    name, kind = str(column.name), read_kind([column])
    if positive and (amount or len(kind.counts) != 2):
        what = "an amount" if amount else f"{len(kind.counts)} classes"
        raise PipelineError(f"--positive {positive!r}, and {name} is {what}. Expected: two classes. Next: adopt without --positive.")
    if amount:
        return Target(name, "regression", None, kind)
    if len(kind.counts) > max(2, min(CLASSES, len(column) / LEAST_OF_A_CLASS)):
        some = one_line(", ".join(map(str, list(kind.counts)[:3])), 80)
        raise PipelineError(
            f"{name} has {len(kind.counts):,} different values in {len(column):,} rows, such as {some}. Expected: numbers, or at most "
            f"{CLASSES} classes with {LEAST_OF_A_CLASS} rows each. Next: another --target, or a column with fewer values."
        )
    if len(kind.counts) > 2:
        return Target(name, "multiclass", None, kind)
    return Target(name, "binary", _choose_positive(column, ask, positive), kind)


def _choose_positive(column: "pd.Series[Any]", ask: Ask, positive: str) -> scoring.Label | None:
    """Return the positive label, None where 0 and 1 say it."""
    counts = Counter(_read_labels(column))
    first = scoring.propose_positive(counts)
    other = next(label for label in counts if label != first)
    labels = {str(first): first, str(other): other}
    if positive and positive not in labels:
        what = f"--positive {positive!r} is no value of {column.name}"
        raise PipelineError(f"{what}. Expected: {first!r} or {other!r}. Next: --positive {str(first)!r}, or the other one.")
    plain = set(counts) in ({0, 1}, {False, True})
    if plain and positive in ("", str(first)):
        return None
    if not positive and str(first).strip().lower() in scoring.YES:
        return first
    question = f"{column.name} is {first!r} or {other!r}: whose probability shall be answered?"
    return labels[positive or ask(question, list(labels))]


def _read_labels(column: "pd.Series[Any]") -> list[scoring.Label]:
    # As the declaration reads a column of which it says nothing.
    return scoring.read_labels(convert(column.to_frame())[0][column.name])
