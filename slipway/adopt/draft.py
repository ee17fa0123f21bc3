"""Decide what the columns are, and write the first drafts: `python -m slipway.adopt.draft`, in a folder where `model/` is empty.

A process of its own: the library reads `model/` when it is imported, and the owner's may not fit the table, or not be importable.
"""

import json
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from slipway.adopt import files
from slipway.adopt.baseline import format_estimator, format_steps, is_linear
from slipway.adopt.before import Before, read_before
from slipway.adopt.decide import CODE, FEATURES, GROUP, TARGET, TEXT, TIME, Decision
from slipway.adopt.metrics import format_metrics
from slipway.adopt.notebook.study import Study, read_study
from slipway.adopt.place import PLAN
from slipway.adopt.table import Source, drop_rows, find_target, read_source, write_rows
from slipway.adopt.target import CLASSES, LEAST_OF_A_CLASS, Ask, Options, Target, describe_target, is_amount
from slipway.adopt.units import find_units
from slipway.doctor.datasets import find_header_steps
from slipway.doctor.reading import Format, Raw
from slipway.errors import PipelineError
from slipway.say import line

NO = Options()


@dataclass(frozen=True)
class Drafted:
    """What was decided, each a line for people; what the drafts are made from, and why they cannot be fitted."""

    target: Target
    decisions: list[Decision]
    notes: list[str]
    linear: bool
    before: Before | Study
    refusal: str = ""


def draft(table: Path, target: str, folder: Path, ask: Ask, before: Before | Study | None = None, options: Options = NO) -> Drafted:
    """Write `model/`, and all rows into data/train.csv, below a folder. Raises PipelineError."""
    before = before or Before()
    source = read_source(table)
    column = find_target(source.raw, target)
    before.find_answers(source.raw, column)
    raw, unlabelled = _drop_unlabelled(source, column)
    rows, steps = _load_rows(raw, _write(raw, folder), isinstance(before, Before) and not before.fitted)
    column = str(rows.columns[list(map(str, raw.table)).index(column)])
    before.read_rows(rows, column)
    ask = before.choose_ask(ask)
    amount = is_amount(rows[column], ask, options.task)
    raw, rows, rare = (raw, rows, []) if amount else _drop_rare(raw, rows, column)
    learn = describe_target(rows[column], ask, amount, options.positive)
    decisions = before.decide_columns(raw, rows, column, learn.task)
    _refuse_nothing(decisions, column)
    codes = {str(name) for name, each in zip(raw.table, decisions, strict=True) if each.role == CODE}
    raw = _drop_personal(raw, decisions)
    _write(raw, folder)
    linear = is_linear(decisions, len(rows), learn.task)
    load = files.format_load(Format(raw, codes), decisions, [step for _, step in steps])
    _write_model(folder, _draft_model(before.order_features(decisions), learn, load, linear) | before.draft_files(folder, learn))
    notes = [*source.notes, *before.notes, *unlabelled, *rare, *(why for why, _ in steps), *_count_twins(rows)]
    refusal = before.find_refusal(folder, decisions, learn)
    return Drafted(learn, decisions, notes, linear, before, refusal)


def _load_rows(raw: Raw, path: Path, alone: bool) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Return what `load` makes of a table, and its steps with their reasons; a notebook or a model takes units as they are."""
    steps = list(find_header_steps([str(each) for each in raw.table]))
    rows = run_load(files.format_load(Format(raw), [], [step for _, step in steps]), path)
    units = list(find_units(rows, raw.separator)) if alone else []
    if units:
        steps += units
        rows = run_load(files.format_load(Format(raw), [], [step for _, step in steps]), path)
    return rows, steps


def _draft_model(decisions: Sequence[Decision], learn: Target, load: str, linear: bool) -> dict[str, str]:
    """Return the files of `model/` for a table alone, by their names."""
    estimator = format_estimator(decisions, learn, linear)
    return {
        "features": files.format_features(decisions, learn),
        "data": load,
        "estimator": estimator,
        "steps": format_steps(estimator),
        "metrics": format_metrics(learn, linear),
    }


def _write_model(folder: Path, drafts: Mapping[str, str]) -> None:
    for name, text in drafts.items():
        if text:
            (folder / "model" / f"{name}.py").write_text(text, encoding="utf-8")


def _write(raw: Raw, folder: Path) -> Path:
    path = folder / "data" / "train.csv"
    write_rows(raw, pd.Series([True] * len(raw.table)), path)
    return path


def run_load(text: str, path: Path) -> pd.DataFrame:
    """Return what a drafted `load` makes of a file."""
    module = types.ModuleType("drafted")
    exec(compile(text, "model/data.py", "exec"), module.__dict__)  # noqa: S102  # written by `files.format_load`
    found: pd.DataFrame = module.load(path)
    return found.rename(columns=str).reset_index(drop=True)


def _drop_unlabelled(source: Source, column: str) -> tuple[Raw, list[str]]:
    words = Format(source.raw).words.get(column, ())
    cells = source.raw.table[column].str.strip()
    empty = (cells == "") | cells.isin(words)
    if empty.all():
        raise PipelineError(f"{column} is empty in all {len(empty)} rows. Expected: what to learn. Next: --target with another column.")
    notes = [f"{int(empty.sum())} rows have no {column}: left out"] if empty.any() else []
    return drop_rows(source.raw, empty), notes


def _drop_rare(raw: Raw, rows: pd.DataFrame, column: str) -> tuple[Raw, pd.DataFrame, list[str]]:
    counts = rows[column].value_counts()
    rare = counts[counts < LEAST_OF_A_CLASS]
    if len(counts) > CLASSES:
        return raw, rows, []
    if len(counts) - len(rare) < 2:
        there = ", ".join(f"{number} rows of {label!r}" for label, number in counts.items())
        raise PipelineError(
            f"{column} has {there}. Expected: two classes with {LEAST_OF_A_CLASS} rows at least, to learn from some and judge on "
            "others. Next: collect more rows."
        )
    wrong = rows[column].isin(rare.index)
    notes = [f"{column} {label!r} has {number} rows, too few to learn from and judge on: left out" for label, number in rare.items()]
    return drop_rows(raw, wrong), rows[~wrong].reset_index(drop=True), notes


def _drop_personal(raw: Raw, decisions: Sequence[Decision]) -> Raw:
    """Return a table without personal data: git never forgets what was committed."""
    wrong = [name for name, each in zip(raw.table, decisions, strict=True) if each.reason.startswith("personal data")]
    return replace(raw, table=raw.table.drop(columns=wrong))


def _refuse_nothing(decisions: Sequence[Decision], target: str) -> None:
    if not any(each.is_feature for each in decisions):
        reasons = "; ".join(f"{each.column}: {each.reason}" for each in decisions if each.role != TARGET)
        left = f"No column is left to tell {target} by. {reasons or 'It is the only one'}."
        raise PipelineError(f"{left} Expected: what is known before it. Next: add such columns.")


def _count_twins(rows: pd.DataFrame) -> list[str]:
    twins = int(rows.duplicated(keep="first").sum())
    return [f"rows that are as another one: {twins:,}; those that are alike stay on one side"] if twins else []


def format_notes(drafted: Drafted) -> list[str]:
    """Return what was decided, a line each: of the table, then of each column."""
    target = drafted.target
    positive = f"; the probability of {target.positive!r} is answered" if target.positive is not None else ""
    trees = "histogram gradient boosting, with its own categories and gaps"
    kind = drafted.before.title or ("a linear model: rows are few, or there is prose" if drafted.linear else trees)
    widest = max(len(each.column) for each in drafted.decisions)
    columns = [f"{each.column:<{min(widest, 30)}}  {each.role}: {each.reason}" for each in drafted.decisions]
    return [f"task: {target.task}{positive}", f"estimator: {kind}", *drafted.notes, *columns]


def ask_person(question: str, answers: Sequence[str]) -> str:
    """Ask on a terminal; the first answer without one."""
    if not sys.stdin.isatty():
        line(f"not asked, since this is no terminal: {question} Taken: {answers[0]}")
        return answers[0]
    while True:
        typed = input(f"{question} [{answers[0]}] or {', '.join(answers[1:])}: ").strip() or answers[0]
        if typed in answers:
            return typed


def _make_plan(drafted: Drafted) -> dict[str, Any]:
    order = next((each for each in drafted.decisions if each.times and each.role in (GROUP, TIME)), None)
    if drafted.before.ordered and order is None:  # times that order the rows, and are no feature
        order = next((each for each in drafted.decisions if each.times and not each.times.form), None)
    columns = [[each.column, each.role, each.reason] for each in drafted.decisions]
    slices = [each.column for each in drafted.decisions if each.role in FEATURES and each.role not in (TEXT, TIME)]
    target, notes = drafted.target.column, format_notes(drafted)
    plan = {"target": target, "order": order and order.column, "columns": columns, "slices": slices, "notes": notes}
    before = drafted.before
    return plan | {"refusal": drafted.refusal, "answers": before.answers_column, "hint": before.hint, **before.needs}


def run_step(work: Callable[[], list[str]]) -> int:
    """Print the notes of a step, or why it cannot be done. Returns the exit code."""
    try:
        for each in work():
            line(each)
    except OSError as error:
        print(f"error: a file cannot be read or written: {error}. Next: correct that, then adopt again.", file=sys.stderr)
        return PipelineError.exit_code
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def main(table: str, target: str, task: str, positive: str, answers: str, notebook: str, model: str) -> int:
    """Draft for a table, into the folder that this runs in. Returns the exit code."""

    def work() -> list[str]:
        before = read_study(notebook, model, answers) if notebook else read_before(model, answers)
        plan = _make_plan(draft(Path(table), target, Path.cwd(), ask_person, before, Options(task, positive)))
        Path(PLAN).write_text(json.dumps(plan, ensure_ascii=False), encoding="utf-8")
        return list(plan["notes"])

    return run_step(work)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
