"""What judges, drafted from a fit: floors, slices, the range of answers, and behaviour by rows of the data."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model import features
from slipway.adopt.metrics import LOWER
from slipway.doctor import source
from slipway.doctor.draft import choose_limits, format_limit
from slipway.gate import dataset
from slipway.gate.losses import Values
from slipway.gate.scoring import choose_trivial, compute_metrics, repeat_constant
from slipway.serving.answers import answer
from slipway.serving.frames import records

# A floor gives up so much of what the baseline gains over a trivial model.
ROOM = 0.3
# A slice needs so many rows to be judged (validation/thresholds.toml), and a column has few.
SLICE_ROWS, SLICES, VALUES = 100, 3, 6


@dataclass(frozen=True)
class Trained:
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


def choose_floors(trained: Trained) -> tuple[dict[str, float], str]:
    """Return the floors: the baseline's figures on the rows held back, less a part of what it gains over a trivial model."""
    truth = trained.truth(trained.held)
    trivial = repeat_constant(choose_trivial(trained.truth(trained.rows), trained.classes), len(truth))
    figures, least = compute_metrics(truth, trained.answers(trained.held)), compute_metrics(truth, trivial)
    better = {name: value for name, value in figures.items() if (value < least[name]) == (name in LOWER) and value != least[name]}
    floors = {name: round_floor(value + ROOM * (least[name] - value), up=name in LOWER) for name, value in better.items()}
    found = ", ".join(f"{name} {value:.4g} (a trivial model: {least[name]:.4g})" for name, value in figures.items())
    return floors, f"the baseline on the rows held back: {found}"


def round_floor(value: float, up: bool) -> float:
    """Return a floor with two digits, on the side on which the value still holds."""
    if value == 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return float(f"{(math.ceil if up else math.floor)(value / unit) * unit:.6g}")


def choose_constants(trained: Trained, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield SLICES, and TARGET_RANGE where the answers go beyond it, with their lines in `model/features.py`."""
    slices = sorted((name for name in names if _has_slices(trained.held[name])), key=lambda name: trained.held[name].nunique())[:SLICES]
    written = ", ".join(f"{source.quote(name)}: None" for name in slices)
    yield "SLICES", f"SLICES: dict[str, tuple[float, ...] | None] = {{{written}}}"
    if features.TASK == "regression" and features.TARGET_RANGE is not None:
        answers = np.concatenate([trained.answers(trained.rows), trained.answers(trained.held)])
        if answers.min() < features.TARGET_RANGE[0] or answers.max() > features.TARGET_RANGE[1]:
            low, high = choose_limits({float(answers.min()): 1, float(answers.max()): 1})
            low, high = min(low, features.TARGET_RANGE[0]), max(high, features.TARGET_RANGE[1])
            yield "TARGET_RANGE", f"TARGET_RANGE: tuple[float, float] | None = ({format_limit(low)}, {format_limit(high)})"


def _has_slices(column: "pd.Series[Any]") -> bool:
    counts = column.value_counts()
    named = not pd.api.types.is_float_dtype(column) or bool((column.dropna() % 1 == 0).all())
    return named and 1 < len(counts) <= VALUES and int((counts >= SLICE_ROWS).sum()) > 1


CASES = '''"""How the model must behave, whatever its figures say. The gate asks it these rows and rejects it if a case does not hold.

invariance  the answers to `rows` and to the same rows with `change` differ by at most `within`
direction   with `change` the answers are "higher" or "lower" (`expect`), by at least `by`
minimum     the answers to `rows` are `at_least` and `at_most` so much

Of a classification with more than two classes, `label` says whose probability is meant.
The cases below are drafts of `./run adopt`: rows of data/train.csv that the baseline answers well. Each is for a person to judge.
"""

from typing import Any

CASES: list[dict[str, Any]] = [
'''


def format_cases(trained: Trained) -> str:
    """Return `model/behaviour.py` with rows of the training data, each for a person to sign."""
    rows = records(trained.rows[dataset.list_inputs()])
    return CASES + "".join(_format_case(rows[case.row], case, trained) for case in _choose_cases(trained)) + "]\n"


@dataclass(frozen=True)
class Case:
    """A row of the training data, and what its answer must keep to."""

    row: int
    name: str
    limit: str
    value: float
    label: Any = None


def _format_case(row: Mapping[str, Any], case: Case, trained: Trained) -> str:
    truth = trained.rows[features.TARGET].iloc[case.row]
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


def _choose_cases(trained: Trained) -> Iterator[Case]:
    truth, answers = trained.truth(trained.rows), trained.answers(trained.rows)
    target = features.TARGET
    if features.TASK == "multiclass":
        assert trained.classes
        for number, label in list(enumerate(trained.classes))[:2]:
            if case := _choose_case(truth == number, answers[:, number], max, f"a clear case of {label}", 1 / len(trained.classes)):
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
