"""Fit the baseline that was drafted, hold rows back, and draft what judges: `python -m slipway.adopt.fit`, in the folder of the drafts."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from model import features
from slipway import project
from slipway.adopt import split
from slipway.adopt.answers import compare_answers
from slipway.adopt.draft import run_step
from slipway.adopt.files import format_thresholds
from slipway.adopt.judges import Trained, choose_constants, choose_floors, format_cases
from slipway.adopt.place import read_plan
from slipway.adopt.table import write_rows
from slipway.bundle import training
from slipway.doctor import source
from slipway.doctor.reading import parse_raw
from slipway.errors import PipelineError
from slipway.gate import dataset
from slipway.gate.scoring import choose_trivial, compute_losses, repeat_constant
from slipway.rules import load_thresholds

# So many rows tell how far two fits differ.
SAMPLE = 20_000
PARTS = 3


def finish_draft(folder: Path) -> list[str]:
    """Write data, expectations, floors and behaviour of a draft below a folder; returns notes for people. Raises PipelineError."""
    plan = read_plan(folder)
    path, reference = folder / "data" / "train.csv", folder / "validation" / "reference.csv"
    rows = dataset.load(path).refuse_misfits(PipelineError)
    margin = load_thresholds(folder / "validation" / "thresholds.toml").margin_fraction
    size, why = choose_size(rows, margin)
    held, how = _choose_held(rows, plan["order"], size)
    raw = parse_raw(path.read_bytes())
    assert raw
    write_rows(raw, pd.Series(held), reference)
    write_rows(raw, pd.Series(~held), path)
    trained = _learn(rows[~held].reset_index(drop=True), rows[held].reset_index(drop=True), path)
    notes = [f"held back: {held.sum():,} of {len(rows):,} rows, {how}; {why}", *_write_judges(folder, trained, plan)]
    if before := plan.get("answers"):
        notes.append(compare_answers(trained.answers(trained.held), trained.held[before], trained.classes))
    return notes


def _write_judges(folder: Path, trained: Trained, plan: Mapping[str, Any]) -> Iterator[str]:
    validation, model = folder / "validation", folder / "model"
    floors, note = choose_floors(trained)
    thresholds = (validation / "thresholds.toml").read_text(encoding="utf-8")
    (validation / "thresholds.toml").write_text(format_thresholds(thresholds, floors, plan["order"] or ""), encoding="utf-8")
    yield note
    suite = source.draft_suite([trained.rows, trained.held])
    (validation / "expectations.json").write_text(suite, encoding="utf-8")
    (model / "behaviour.py").write_text(format_cases(trained), encoding="utf-8")
    constants = dict(choose_constants(trained, plan["slices"]))
    edited = source.edit_features((model / "features.py").read_text(encoding="utf-8"), {}, [], constants)
    (model / "features.py").write_text(str(edited), encoding="utf-8")
    yield from (f"{name}: {text.partition(' = ')[2]}" for name, text in constants.items())


def _learn(rows: pd.DataFrame, held: pd.DataFrame, path: Path) -> Trained:
    return Trained(training.learn(rows, path), rows, held, dataset.read_classes(rows, path))


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


def main() -> int:
    """Finish the draft in the folder that this runs in. Returns the exit code."""

    def work() -> list[str]:
        with threadpool_limits(limits=1):
            notes = finish_draft(project.load(Path.cwd()).root)
        Path("notes.json").write_text(json.dumps(notes, ensure_ascii=False), encoding="utf-8")
        return notes

    return run_step(work)


if __name__ == "__main__":
    sys.exit(main())
