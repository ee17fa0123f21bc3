"""Candidates whose harm is known exactly, and simulated reference datasets, both from models trained on the example's data."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench import results
from model import estimator, features
from model import metrics as scores
from slipway.gate import comparison, dataset, gate
from slipway.gate.comparison import Mask, Sides
from slipway.gate.losses import Values
from slipway.rules import Thresholds

Rows = NDArray[np.intp]
CANDIDATES = 8


@dataclass(frozen=True)
class Material:
    """The reference dataset, the losses there of the trivial model and the champion, and each candidate's difference, 0 in truth."""

    reference: pd.DataFrame
    trivial: Values
    champion: Values
    differences: list[Values]

    def margin(self, rules: Thresholds, mask: Mask | slice = slice(None)) -> float:
        """Return the margin in some rows."""
        return gate.compute_margin(rules.margin_fraction, float(self.champion[mask].mean()), float(self.trivial[mask].mean()))


@dataclass(frozen=True)
class Drawn:
    """A simulated reference dataset: rows of the real one, and the day that each belongs to; a day drawn twice is two days."""

    rows: Rows
    days: Rows


def by_day(rows: pd.DataFrame) -> list[Rows]:
    """Return the row numbers of each day."""
    days = pd.factorize(rows[features.GROUP])[0]
    return [np.flatnonzero(days == day) for day in range(days.max() + 1)]


def draw(days: list[Rows], random: np.random.Generator) -> Drawn:
    """Draw as many whole days as there are, with replacement."""
    chosen = [days[i] for i in random.integers(len(days), size=len(days))]
    return Drawn(np.concatenate(chosen), np.repeat(np.arange(len(chosen)), [len(rows) for rows in chosen]))


def material(random: np.random.Generator) -> Material:
    """Train the champion on all training days and each candidate on a draw of them; take away what the candidates differ in truth."""
    rows, reference = dataset.read(results.ROOT / "data" / "train.csv"), dataset.read(results.ROOT / "validation" / "reference.csv")
    truth, columns, days = reference[features.TARGET].to_numpy(), list(features.Row.model_fields), by_day(rows)

    def losses(learnt: pd.DataFrame) -> Values:
        fitted = estimator.build().fit(learnt[columns], learnt[features.TARGET])
        return scores.loss(truth, fitted.predict(reference[columns]))

    champion, masks = losses(rows), comparison.mask_slices(reference)
    differences = [neutral(losses(rows.iloc[draw(days, random).rows]) - champion, masks) for _ in range(CANDIDATES)]
    trivial = scores.loss(truth, np.full(len(truth), rows[features.TARGET].mean()))
    return Material(reference, trivial, champion, differences)


def neutral(difference: Values, masks: dict[str, Mask]) -> Values:
    """Return what is left of a difference beside its projection on the slices: its mean is 0 in each slice and over all rows."""
    columns = np.column_stack([np.ones(len(difference)), *masks.values()])
    return np.asarray(difference - columns @ np.linalg.lstsq(columns, difference, rcond=None)[0])


def shifts(of: Material, rules: Thresholds) -> dict[str, Values]:
    """Return the kinds of candidates: how much worse each is, row by row; a slice that is never judged has none."""
    everywhere = np.full(len(of.reference), of.margin(rules))
    found = {"equal": 0 * everywhere} | {
        f"worse by {k} everywhere": by * everywhere for k, by in (("half a margin", 0.5), ("1 margin", 1), ("2 margins", 2))
    }
    for name, mask in comparison.mask_slices(of.reference).items():
        if mask.sum() >= rules.slices.min_rows and of.reference[features.GROUP][mask].nunique() >= rules.slices.min_groups:
            found[f"worse by 2 margins where {name}"] = 2 * of.margin(rules, mask) * mask
    return found


def fed(of: Material, difference: Values, drawn: Drawn) -> Sides:
    """Return sides whose losses differ by exactly a difference.

    An answer above the truth by some amount has that amount as its loss, so each side answers the truth and its loss. A candidate's loss
    that the difference would make negative is lifted above 0 together with those of the champion and the trivial model: what the gate
    looks at, the losses less each other, stays the same.
    """
    lift = max(0.0, -float((of.champion + difference).min()))
    reference = of.reference.iloc[drawn.rows].assign(**{str(features.GROUP): drawn.days})
    truth = reference[features.TARGET].to_numpy() + lift
    ours, theirs, trivial = (truth + loss[drawn.rows] for loss in (of.champion + difference, of.champion, of.trivial))
    return Sides(reference, ours, theirs, trivial)
