"""Hold the answers of the model that was fitted anew against those of the model before. A difference is no failure by itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from slipway.gate.losses import Values

# From here on two models answer nearly the same, and much the same: correlation, or the share of classes that agree.
NEARLY, MUCH = 0.99, 0.9
NEXT = "check its parameters, the columns and the versions before you trust it"
MEANINGS = {
    NEARLY: "its answers are nearly the same as before",
    MUCH: "its answers are similar, but not the same: it was trained on other rows, or with other defaults",
    0.0: f"its answers differ from before: {NEXT}",
}
NEW = "These rows are new to it; the former model may have been trained on them."


def compare_answers(answers: Values, before: "pd.Series[Any]", classes: Sequence[Any] | None) -> str:
    """Return how far the answers to some rows differ from those of the model before, and what that means."""
    known = (before.notna() & (before.astype(str).str.strip() != "")).to_numpy()
    head = f"answers in {before.name}, on {int(known.sum()):,} rows held back"
    numbers = pd.to_numeric(before[known], errors="coerce")
    if not known.any():
        return f"{head}: there are none, so nothing is compared"
    if classes is not None and (theirs := _read_classes(before[known], classes)) is not None:
        return f"{head}: {_compare_classes(_choose_classes(answers[known]), theirs, classes)} {NEW}"
    if answers.ndim > 1 or numbers.isna().any():
        found = ", ".join(map(repr, before[known].unique()[:3]))
        expected = f"one of {', '.join(map(repr, list(classes)[:5]))}" if classes is not None else "numbers"
        return f"{head}: not compared, since they are {found}. Expected: {expected}"
    return f"{head}: {_compare_numbers(answers[known], numbers.to_numpy(dtype=float), classes)} {NEW}"


def _read_classes(before: "pd.Series[Any]", classes: Sequence[Any]) -> Values | None:
    """Return the number of each row's class, None where the answers are none of the classes."""
    labels = {str(label): number for number, label in enumerate(classes)}
    numbers = before.map(lambda each: labels.get(str(int(each) if isinstance(each, float) and each.is_integer() else each)))
    return None if numbers.isna().any() else numbers.to_numpy(dtype=int)


def _choose_classes(answers: Values) -> Values:
    return answers.argmax(axis=1) if answers.ndim > 1 else (answers > 0.5).astype(int)


def _compare_classes(ours: Values, theirs: Values, classes: Sequence[Any]) -> str:
    share = float(np.mean(ours == theirs))
    worst = max(range(len(classes)), key=lambda number: int(np.sum((theirs == number) & (ours != number))))
    count = int(np.sum((theirs == worst) & (ours != worst)))
    most = f", most often where it was {classes[worst]!r} ({count:,} rows)" if count else ""
    return f"{share:.1%} get the same class{most}: {_explain(share)}."


def _compare_numbers(ours: Values, theirs: Values, classes: Sequence[Any] | None) -> str:
    differences = np.abs(ours - theirs)
    flat = len(ours) < 2 or np.ptp(ours) == 0 or np.ptp(theirs) == 0
    correlation = float(differences.max() == 0) if flat else float(np.corrcoef(ours, theirs)[0, 1])
    largest, median = float(differences.max()), float(np.median(differences))
    spread = float(np.std(theirs))
    share = f" ({median / spread:.1%} of their spread)" if spread else ""
    figures = f"largest difference {largest:.4g}, median {median:.4g}{share}, correlation {correlation:.4f}"
    if classes is not None:
        figures += f"; {np.mean((ours > 0.5) == (theirs > 0.5)):.1%} get the same class"
    shifted = correlation >= MUCH and abs(float(np.mean(ours - theirs))) > max(spread / 2, 1e-12)
    meaning = f"it answers in the same order, on another scale: {NEXT}" if shifted else _explain(correlation)
    return f"{figures}: {meaning}."


def _explain(agreement: float) -> str:
    return next((meaning for least, meaning in MEANINGS.items() if agreement >= least), MEANINGS[0.0])
