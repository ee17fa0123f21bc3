"""Fit the baseline that was drafted, hold rows back, and draft what judges: `python -m slipway.adopt.fit`, in the folder of the drafts."""

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from model import features
from slipway import project
from slipway.adopt import split
from slipway.adopt.answers import compare_answers
from slipway.adopt.draft import PLAN
from slipway.adopt.files import LOWER, format_thresholds
from slipway.adopt.table import write_rows
from slipway.bundle import training
from slipway.doctor import source
from slipway.doctor.draft import choose_limits, format_limit
from slipway.doctor.reading import parse_raw
from slipway.errors import PipelineError
from slipway.gate import dataset
from slipway.gate.losses import Values
from slipway.gate.scoring import choose_trivial, compute_losses, compute_metrics, repeat_constant
from slipway.rules import load_thresholds
from slipway.say import line
from slipway.serving.answers import answer
from slipway.serving.frames import records

# So many rows tell how far two fits differ.
SAMPLE = 20_000
PARTS = 3
# A floor gives up so much of what the baseline gains over a trivial model.
ROOM = 0.3
# A slice needs so many rows to be judged (validation/thresholds.toml), and a column has few.
SLICE_ROWS, SLICES, VALUES = 100, 3, 6


@dataclass(frozen=True)
class Learnt:
    """A fit: the model, the rows it learnt from and those held back, with the truth of each."""

    model: Any
    rows: pd.DataFrame
    held: pd.DataFrame
    classes: Sequence[Any] | None

    def truth(self, rows: pd.DataFrame) -> Values:
        """Return what was true, shape (n,)."""
        return dataset.read_truth(rows, self.classes, Path("data/train.csv"))

    def answers(self, rows: pd.DataFrame) -> Values:
        """Return the model's answers, shape (n,) or (n, classes)."""
        return answer(self.model, rows[dataset.list_inputs()], features.TASK)


def finish(folder: Path) -> list[str]:
    """Write data, expectations, floors and behaviour of a draft below a folder; returns notes for people. Raises PipelineError."""
    plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
    path, reference = folder / "data" / "train.csv", folder / "validation" / "reference.csv"
    rows = dataset.load(path).refuse_misfits(PipelineError)
    margin = load_thresholds(folder / "validation" / "thresholds.toml").margin_fraction
    size, why = choose_size(rows, margin)
    held, how = _choose_held(rows, plan["order"], size)
    raw = parse_raw(path.read_bytes())
    assert raw
    write_rows(raw, pd.Series(held), reference)
    write_rows(raw, pd.Series(~held), path)
    learnt = _learn(rows[~held].reset_index(drop=True), rows[held].reset_index(drop=True), path)
    notes = [f"held back: {held.sum():,} of {len(rows):,} rows, {how}; {why}", *_write_judges(folder, learnt, plan)]
    if before := plan.get("answers"):
        notes.append(compare_answers(learnt.answers(learnt.held), learnt.held[before], learnt.classes))
    return notes


def _write_judges(folder: Path, learnt: Learnt, plan: Mapping[str, Any]) -> Iterator[str]:
    validation, model = folder / "validation", folder / "model"
    floors, note = choose_floors(learnt)
    thresholds = (validation / "thresholds.toml").read_text(encoding="utf-8")
    (validation / "thresholds.toml").write_text(format_thresholds(thresholds, floors, plan["order"] or ""), encoding="utf-8")
    yield note
    suite = source.draft_suite([learnt.rows, learnt.held])
    (validation / "expectations.json").write_text(suite, encoding="utf-8")
    (model / "behaviour.py").write_text(format_cases(learnt), encoding="utf-8")
    constants = dict(_choose_constants(learnt, plan["slices"]))
    edited = source.edit_features((model / "features.py").read_text(encoding="utf-8"), {}, [], constants)
    (model / "features.py").write_text(str(edited), encoding="utf-8")
    yield from (f"{name}: {text.partition(' = ')[2]}" for name, text in constants.items())


def _learn(rows: pd.DataFrame, held: pd.DataFrame, path: Path) -> Learnt:
    return Learnt(training.learn(rows, path), rows, held, dataset.read_classes(rows, path))


# --- the rows held back


def choose_size(rows: pd.DataFrame, margin_fraction: float) -> tuple[int, str]:
    """Return how many rows to hold back, and why: by how far two fits on different rows differ, against the gate's margin."""
    sample = rows.sample(min(len(rows), SAMPLE), random_state=0).reset_index(drop=True)
    units = pd.factorize(_name_units(sample))[0]
    part = np.random.default_rng(0).permutation(units.max() + 1)[units] % PARTS
    needed = _count_needed([sample[part == number].reset_index(drop=True) for number in range(PARTS)], margin_fraction)
    size = split.choose_size(len(rows), needed)
    if needed == 0:
        return size, "no number of rows would show the baseline to be better than a trivial model"
    what = f"about {needed:,} rows show a loss of {margin_fraction:.0%} of what the model gains"
    return size, what if needed <= size else f"{what}, so the gate may say INCONCLUSIVE of small differences: more rows decide"


def _count_needed(parts: Sequence[pd.DataFrame], margin_fraction: float) -> int:
    try:
        first, second = (_learn(each, parts[2], Path("data/train.csv")) for each in parts[:2])
        judged = first.held
        truth = first.truth(judged)
        ours, theirs = (compute_losses(truth, each.answers(judged)) for each in (first, second))
    except (PipelineError, ValueError):  # a class that is in one part only
        return 0
    trivial = compute_losses(truth, repeat_constant(choose_trivial(first.truth(first.rows), first.classes), len(judged)))
    groups = pd.factorize(judged[features.GROUP])[0] if features.GROUP else None
    return split.count_needed(ours - theirs, groups, margin_fraction * float(trivial.mean() - min(ours.mean(), theirs.mean())))


def _name_units(rows: pd.DataFrame) -> "pd.Series[Any]":
    """Return what each row belongs to: its group, else those that are as it is."""
    return rows[features.GROUP] if features.GROUP else dataset.hash_rows(rows[dataset.list_columns()])


def _choose_held(rows: pd.DataFrame, order: str | None, size: int) -> tuple[split.Mask, str]:
    regression = features.TASK == "regression"
    times = pd.to_datetime(rows[order], errors="coerce") if order else None
    return split.choose_reference(_name_units(rows).tolist(), times, split.name_strata(rows[features.TARGET], regression).tolist(), size)


# --- what judges


def choose_floors(learnt: Learnt) -> tuple[dict[str, float], str]:
    """Return the floors: the baseline's figures on the rows held back, less a part of what it gains over a trivial model."""
    truth = learnt.truth(learnt.held)
    trivial = repeat_constant(choose_trivial(learnt.truth(learnt.rows), learnt.classes), len(truth))
    figures, least = compute_metrics(truth, learnt.answers(learnt.held)), compute_metrics(truth, trivial)
    better = {name: value for name, value in figures.items() if (value < least[name]) == (name in LOWER) and value != least[name]}
    floors = {name: round_floor(value + ROOM * (least[name] - value), up=name in LOWER) for name, value in better.items()}
    told = ", ".join(f"{name} {value:.4g} (a trivial model: {least[name]:.4g})" for name, value in figures.items())
    return floors, f"the baseline on the rows held back: {told}"


def round_floor(value: float, up: bool) -> float:
    """Return a floor with two digits, on the side on which the value still holds."""
    if value == 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return float(f"{(math.ceil if up else math.floor)(value / unit) * unit:.6g}")


def _choose_constants(learnt: Learnt, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    slices = sorted((name for name in names if _has_slices(learnt.held[name])), key=lambda name: learnt.held[name].nunique())[:SLICES]
    written = ", ".join(f"{source.quote(name)}: None" for name in slices)
    yield "SLICES", f"SLICES: dict[str, tuple[float, ...] | None] = {{{written}}}"
    if features.TASK == "regression" and features.TARGET_RANGE is not None:
        answers = np.concatenate([learnt.answers(learnt.rows), learnt.answers(learnt.held)])
        if answers.min() < features.TARGET_RANGE[0] or answers.max() > features.TARGET_RANGE[1]:
            low, high = choose_limits({float(answers.min()): 1, float(answers.max()): 1})
            low, high = min(low, features.TARGET_RANGE[0]), max(high, features.TARGET_RANGE[1])
            yield "TARGET_RANGE", f"TARGET_RANGE: tuple[float, float] | None = ({format_limit(low)}, {format_limit(high)})"


def _has_slices(column: "pd.Series[Any]") -> bool:
    counts = column.value_counts()
    named = not pd.api.types.is_float_dtype(column) or bool((column.dropna() % 1 == 0).all())
    return named and 1 < len(counts) <= VALUES and int((counts >= SLICE_ROWS).sum()) > 1


CASES = '''"""How the model must behave, whatever its figures say. The gate asks it these rows and refuses it when a case does not hold.

invariance  the answers to `rows` and to the same rows with `change` differ by at most `within`
direction   with `change` the answers are "higher" or "lower" (`expect`), by at least `by`
minimum     the answers to `rows` are `at_least` and `at_most` so much

Of a classification with more than two classes, `label` says whose probability is meant.
The cases below are drafts of `./run adopt`: rows of data/train.csv that the baseline answers well. Each is for a person to judge.
"""

from typing import Any

CASES: list[dict[str, Any]] = [
'''


def format_cases(learnt: Learnt) -> str:
    """Return `model/behaviour.py` with rows of the training data, each for a person to sign."""
    rows = records(learnt.rows[dataset.list_inputs()])
    return CASES + "".join(_format_case(rows[case.row], case, learnt) for case in _choose_cases(learnt)) + "]\n"


@dataclass(frozen=True)
class Case:
    """A row of the training data, and what its answer must keep to."""

    row: int
    name: str
    limit: str
    value: float
    label: Any = None


def _format_case(row: Mapping[str, Any], case: Case, learnt: Learnt) -> str:
    truth = learnt.rows[features.TARGET].iloc[case.row]
    lines = [
        f"# drafted from row {case.row} (from 0) of data/train.csv, where {features.TARGET} is {truth}; must it hold? signed: nobody yet"
    ]
    lines += ["{", f'    "name": {source.quote(case.name)},', '    "kind": "minimum",', '    "rows": [', "        {"]
    lines += [f"            {source.quote(name)}: {_format_value(value)}," for name, value in row.items()]
    lines += ["        }", "    ],"]
    lines += [f'    "label": {_format_value(case.label)},'] * (case.label is not None)
    lines += [f'    "{case.limit}": {case.value:.3g},', "},"]
    return "".join(f"    {each}\n" for each in lines)


def _format_value(value: Any) -> str:
    return source.quote(value) if isinstance(value, str) else repr(value)


def _choose_cases(learnt: Learnt) -> Iterator[Case]:
    truth, answers = learnt.truth(learnt.rows), learnt.answers(learnt.rows)
    target = features.TARGET
    if features.TASK == "multiclass":
        assert learnt.classes
        for number, label in list(enumerate(learnt.classes))[:2]:
            if case := _choose_case(truth == number, answers[:, number], max, f"a clear case of {label}", 1 / len(learnt.classes)):
                yield Case(*case, label=label)
        return
    middle = float(np.median(answers)) if features.TASK == "regression" else float(truth.mean())
    low, high = (0.5, 0.5) if features.TASK == "binary" else tuple(np.quantile(truth, (0.1, 0.9)))
    if case := _choose_case(truth >= high, answers, max, f"a row with a high {target} is not answered with a low one", middle):
        yield Case(*case)
    if case := _choose_case(truth <= low, answers, min, f"a row with a low {target} is not answered with a high one", middle):
        yield Case(*case)


def _choose_case(among: Any, answers: Values, better: Callable[..., Any], name: str, middle: float) -> tuple[int, str, str, float] | None:
    """Return the row among some whose answer is in the middle of the clearer half, and half of its way to a middle answer as the limit."""
    rows = np.flatnonzero(among & ((answers > middle) if better is max else (answers < middle)))
    if not len(rows):
        return None
    row = int(rows[np.argsort(np.abs(answers[rows] - middle), kind="stable")[len(rows) * 3 // 4]])
    return row, name, "at_least" if better is max else "at_most", round_floor((answers[row] + middle) / 2, up=better is not max)


def main() -> int:
    """Finish the draft in the folder that this runs in. Returns the exit code."""
    try:
        with threadpool_limits(limits=1):
            notes = finish(project.load(Path.cwd()).root)
    except OSError as error:
        print(f"error: a file cannot be read or written: {error}. Next: put that right, then adopt again.", file=sys.stderr)
        return PipelineError.exit_code
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for each in notes:
        line(each)
    (Path(PLAN).with_name("notes.json")).write_text(json.dumps(notes, ensure_ascii=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
