"""Decide what the columns are, and write the first drafts: `python -m slipway.adopt.draft`, in a folder where `model/` is empty.

A process of its own: the library reads `model/` when it is imported, and the owner's may not fit the table, or not be importable.
"""

import json
import sys
import types
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from slipway.adopt import files
from slipway.adopt.before import Before, read_before
from slipway.adopt.decide import CODE, FEATURES, GROUP, TARGET, TEXT, TIME, Decision
from slipway.adopt.files import Target
from slipway.adopt.notebook.study import Study, read_study
from slipway.adopt.table import Source, drop_rows, find_target, read_source, write_rows
from slipway.doctor.constants import propose_task
from slipway.doctor.datasets import find_header_steps
from slipway.doctor.kinds import read_kind
from slipway.doctor.reading import Format, Raw
from slipway.errors import PipelineError
from slipway.gate import scoring
from slipway.say import line, one_line

# A class with fewer rows is in neither file: it can be learnt, or judged, and not both.
LEAST_OF_A_CLASS = 5
CLASSES = 50
PLAN = "plan.json"
Ask = Callable[[str, Sequence[str]], str]


@dataclass(frozen=True)
class Drafted:
    """What was decided, each a line for people."""

    target: Target
    decisions: list[Decision]
    notes: list[str]
    linear: bool
    model: str = ""
    refusal: str = ""
    answers: str = ""
    hint: str = ""
    needs: dict[str, list[str]] = field(default_factory=dict)
    ordered: bool = False


def draft(table: Path, target: str, folder: Path, ask: Ask, before: Before | Study | None = None) -> Drafted:
    """Write `model/`, and all rows into data/train.csv, below a folder. Raises PipelineError."""
    before = before or Before()
    source = read_source(table)
    column = find_target(source.raw, target)
    before.find_answers(source.raw, column)
    raw, notes = _drop_unlabelled(source, column)
    steps = list(find_header_steps([str(each) for each in raw.table]))
    load = files.format_load(Format(raw), [], [step for _, step in steps])
    rows = run_load(load, _write(raw, folder))
    column = str(rows.columns[list(map(str, raw.table)).index(column)])
    before.read_rows(rows, column)
    raw, rows, rare = _drop_rare(raw, rows, column)
    learn = describe_target(rows[column], before.choose_ask(ask))
    decisions = before.decide_columns(raw, rows, column, learn.task)
    _refuse_nothing(decisions, column)
    codes = {str(name) for name, each in zip(raw.table, decisions, strict=True) if each.role == CODE}
    raw = _drop_personal(raw, decisions)
    linear = files.is_linear(decisions, len(rows))
    _write(raw, folder)
    estimator = files.format_estimator(decisions, learn, linear)
    drafts = {
        "features": files.format_features(before.order_features(decisions), learn),
        "data": files.format_load(Format(raw, codes), decisions, [step for _, step in steps]),
        "estimator": estimator,
        "steps": files.format_steps(estimator),
        "metrics": files.format_metrics(learn, linear),
    }
    _write_model(folder, drafts | before.draft_files(folder, learn))
    notes = [*source.notes, *before.notes, *notes, *rare, *(why for why, _ in steps), *_count_twins(rows)]
    refusal = before.find_refusal(folder, decisions, learn)
    known = (before.title, refusal, before.answers_column, before.hint, before.needs, before.ordered)
    return Drafted(learn, decisions, notes, linear, *known)


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


def describe_target(column: "pd.Series[Any]", ask: Ask) -> Target:
    """Return what is to be learnt of a column. Raises PipelineError for one of which nothing can be."""
    name, kind = str(column.name), read_kind([column])
    if len(kind.counts) < 2:
        only = next(iter(kind.counts))
        raise PipelineError(f"{name} is {only!r} in all rows. Expected: two values at least. Next: another --target, or more rows.")
    task = propose_task(column)
    if task == "multiclass" and len(kind.counts) > min(CLASSES, len(column) / LEAST_OF_A_CLASS):
        some = one_line(", ".join(map(str, list(kind.counts)[:3])), 80)
        raise PipelineError(
            f"{name} has {len(kind.counts):,} different words in {len(column):,} rows, such as {some}. Expected: numbers, or at most "
            f"{CLASSES} classes with {LEAST_OF_A_CLASS} rows each. Next: another --target, or a column that sums them up."
        )
    if task == "multiclass" and kind.name == "number":
        question = f"{name} has the values {', '.join(map(str, sorted(kind.counts)))}: is it one of so many classes, or an amount?"
        task = {"classes": "multiclass", "amount": "regression"}[ask(question, ["classes", "amount"])]
    return Target(name, task, _choose_positive(column, ask) if task == "binary" else None, kind)


def _choose_positive(column: "pd.Series[Any]", ask: Ask) -> scoring.Label | None:
    labels = _read_labels(column)
    counts = Counter(labels)
    if set(counts) in ({0, 1}, {False, True}):
        return None
    first = scoring.propose_positive(counts)
    other = next(label for label in counts if label != first)
    question = f"{column.name} is {first!r} or {other!r}: which one's probability is answered?"
    return {str(first): first, str(other): other}[ask(question, [str(first), str(other)])]


def _read_labels(column: "pd.Series[Any]") -> list[scoring.Label]:
    # As the declaration reads a column of which it says nothing.
    from slipway.serving.frames import convert

    return scoring.read_labels(convert(column.to_frame())[0][column.name])


def _drop_rare(raw: Raw, rows: pd.DataFrame, column: str) -> tuple[Raw, pd.DataFrame, list[str]]:
    counts = rows[column].value_counts()
    rare = counts[counts < LEAST_OF_A_CLASS]
    if propose_task(rows[column]) == "regression" or len(counts) > CLASSES or len(counts) < 2:
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
    kind = drafted.model or ("a linear model: rows are few, or there is prose" if drafted.linear else trees)
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


def _plan(drafted: Drafted) -> dict[str, Any]:
    order = next((each for each in drafted.decisions if each.times and each.role in (GROUP, TIME)), None)
    if drafted.ordered and order is None:  # times that order the rows, and are no feature
        order = next((each for each in drafted.decisions if each.times and not each.times.form), None)
    columns = [[each.column, each.role, each.reason] for each in drafted.decisions]
    slices = [each.column for each in drafted.decisions if each.role in FEATURES and each.role not in (TEXT, TIME)]
    target, notes = drafted.target.column, format_notes(drafted)
    plan = {"target": target, "order": order and order.column, "columns": columns, "slices": slices, "notes": notes}
    return plan | {"refusal": drafted.refusal, "answers": drafted.answers, "hint": drafted.hint, **drafted.needs}


def main(table: str, target: str, answers: str = "", model: str = "", notebook: str = "") -> int:
    """Draft for a table, into the folder that this runs in. Returns the exit code."""
    try:
        drafted = draft(
            Path(table), target, Path.cwd(), ask_person, read_study(notebook, model, answers) if notebook else read_before(model, answers)
        )
    except OSError as error:
        print(f"error: a file cannot be read or written: {error}. Next: put that right, then adopt again.", file=sys.stderr)
        return PipelineError.exit_code
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    plan = _plan(drafted)
    for each in plan["notes"]:
        line(each)
    Path(PLAN).write_text(json.dumps(plan, ensure_ascii=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
