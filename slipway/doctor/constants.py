"""TASK, TARGET, POSITIVE, GROUP, TARGET_RANGE and SLICES of `model/features.py` against both datasets, and the lines that would fit."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd

from model import features
from slipway.bundle.estimators import refuse_target, refuse_task
from slipway.doctor.draft import choose_limits, format_limit
from slipway.doctor.kinds import read_kind
from slipway.doctor.source import quote
from slipway.errors import ModelRefused
from slipway.gate import scoring

TARGET_NAME = re.compile(r"(?i)target|label|class|outcome|y|response")
# Whole numbers of so few values are taken for classes.
CLASSES = 20
Lines = dict[str, str]


def check_constants(tables: Sequence[pd.DataFrame]) -> tuple[str, list[str], Lines]:
    """Return the target, what does not fit of the constants, and the line for each that would, by its name.

    The first table is the training data, the others hold the same columns; all as they are converted.
    """
    reasons: list[str] = []
    lines: Lines = {}
    target = _check_target(tables[0], reasons, lines)
    _check_task(tables, target, reasons, lines)
    _check_group(tables, reasons, lines)
    _check_range(tables, target, reasons, lines)
    _check_slices(tables, reasons, lines)
    return target, reasons, lines


def _check_target(rows: pd.DataFrame, reasons: list[str], lines: Lines) -> str:
    """Return the column to learn, and note the line where TARGET does not name one."""
    names = [str(name) for name in rows]
    if isinstance(features.TARGET, str) and features.TARGET in names:
        return features.TARGET
    if isinstance(features.TARGET, list | tuple | set):
        reasons.append(_explain(refuse_target, features.TARGET))
        found = next((str(each) for each in features.TARGET if each in names), propose_target(names))
    else:
        found = propose_target(names)
        reasons.append(f"TARGET is {features.TARGET!r}, which is no column; {found!r} looks like it; correct the line if it is another")
    lines["TARGET"] = f"TARGET = {quote(found)}"
    return found


def _explain(refuse: Callable[[Any], None], value: Any) -> str:
    """Return why a value is refused, with what to do; nothing where it is not."""
    try:
        refuse(value)
    except ModelRefused as error:
        reason, _, edit = str(error).partition(" Nothing was changed. Next: ")
        return f"{reason.rstrip('.')}: {edit.partition('; then ./run')[0]}"
    return ""


def propose_target(names: list[str]) -> str:
    """Return which column is most likely the target: by its name, else the last."""
    return next((name for name in names if TARGET_NAME.fullmatch(name)), names[-1])


def _check_task(tables: Sequence[pd.DataFrame], target: str, reasons: list[str], lines: Lines) -> None:
    column = tables[0][target]
    task, positive = features.TASK, scoring.read_positive()
    if wrong := _explain(refuse_task, task):
        reasons.append(wrong)
        task = propose_task(column)
    elif "TARGET" in lines:
        task = propose_task(column)
    try:
        scoring.order_classes(column, task, positive if task == "binary" else None)
    except scoring.TargetError as error:
        task = propose_task(column)
        reasons.append(str(error).partition(" Next: ")[0].rstrip("."))
    if task != features.TASK:
        lines["TASK"] = f"TASK = {quote(task)}"
    if task == "binary" and (line := propose_positive(column, positive)):
        lines["POSITIVE"] = line


def propose_positive(column: "pd.Series[Any]", positive: Any) -> str:
    """Return the line that says which of two labels is positive, nothing where that is clear."""
    try:
        scoring.order_classes(column.dropna(), "binary", positive)
    except scoring.TargetError:
        counts = Counter(scoring.read_labels(column.dropna()))
        if len(counts) == 2:
            value = scoring.propose_positive(counts)
            return f"POSITIVE: str | int | bool | None = {quote(value) if isinstance(value, str) else repr(value)}"
    return ""


def propose_task(column: "pd.Series[Any]") -> str:
    """Return the task that fits a target: two values are binary, words and few whole numbers from 0 or 1 on are classes."""
    kind = read_kind([column])
    if len(kind.counts) == 2:
        return "binary"
    if kind.name != "number":
        return "multiclass"
    values = set(kind.counts)
    running = len(values) <= CLASSES and min(values) in (0, 1) and values == set(range(int(min(values)), int(min(values)) + len(values)))
    return "multiclass" if running and len(values) > 2 else "regression"


def _check_group(tables: Sequence[pd.DataFrame], reasons: list[str], lines: Lines) -> None:
    if features.GROUP and any(features.GROUP not in table for table in tables):
        reasons.append(f"GROUP is {features.GROUP!r}, which is no column")
        lines["GROUP"] = "GROUP: str | None = None"


def _check_range(tables: Sequence[pd.DataFrame], target: str, reasons: list[str], lines: Lines) -> None:
    """Note the line where the target goes beyond TARGET_RANGE, or answers are no amounts of it."""
    name = "TARGET_RANGE"
    task = lines.get("TASK", features.TASK)
    if features.TARGET_RANGE is None:
        return
    if "regression" not in task or "TARGET" in lines:
        if "TASK" in lines or "TARGET" in lines:
            reasons.append(f"{name} is {features.TARGET_RANGE}, that of another target")
            lines[name] = f"{name}: tuple[float, float] | None = None"
        return
    kind = read_kind([table[target] for table in tables])
    if kind.name != "number":
        return
    low, high = features.TARGET_RANGE
    least, most = min(kind.counts), max(kind.counts)
    if least < low or most > high:
        reasons.append(f"{name} is {features.TARGET_RANGE}, and {target} goes from {least:g} to {most:g}")
        below, above = choose_limits(kind.counts)
        written = f"({format_limit(min(low, below) if least < low else low)}, {format_limit(max(high, above) if most > high else high)})"
        lines[name] = f"{name}: tuple[float, float] | None = {written}"


def _check_slices(tables: Sequence[pd.DataFrame], reasons: list[str], lines: Lines) -> None:
    slices = features.SLICES
    if not isinstance(slices, dict):
        reasons.append(f"SLICES is {type(slices).__name__}")
        lines["SLICES"] = "SLICES: dict[str, tuple[float, ...] | None] = {}"
        return
    kept = dict(_find_slices(slices, tables, reasons))
    if kept != slices:
        written = ", ".join(f"{quote(str(name))}: {_format_cuts(cuts)}" for name, cuts in kept.items())
        lines["SLICES"] = f"SLICES: dict[str, tuple[float, ...] | None] = {{{written}}}"


def _find_slices(slices: dict[Any, Any], tables: Sequence[pd.DataFrame], reasons: list[str]) -> Iterator[tuple[Any, Any]]:
    for name, cuts in slices.items():
        if any(name not in table for table in tables):
            reasons.append(f"SLICES names {name!r}, which is no column")
        elif cuts is not None and not all(pd.api.types.is_numeric_dtype(table[name]) for table in tables):
            reasons.append(f"SLICES cuts {name!r} at numbers, and it holds words")
            yield name, None
        else:
            yield name, cuts


def _format_cuts(cuts: Any) -> str:
    return "None" if cuts is None else f"({', '.join(map(repr, cuts))}{',' * (len(cuts) == 1)})"
