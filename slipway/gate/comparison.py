"""From the answers of both sides to the verdict and all its numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model import features
from slipway import report
from slipway.gate import gate
from slipway.gate.gate import Interval, Slice, Verdict, bootstrap_mean
from slipway.gate.losses import Values
from slipway.gate.scoring import compute_losses, compute_metrics, encode
from slipway.report import Outcome
from slipway.rules import Thresholds

Mask = NDArray[np.bool_]
# What the pictures show, whatever the size of the reference dataset.
POINTS, STRETCHES = 400, 60


@dataclass(frozen=True)
class Sides:
    """The reference dataset, and what candidate, champion and a model that looks at nothing answer; shapes (n,) or (n, classes).

    `classes` are those of a classification, in the order of the answers' columns.
    """

    reference: pd.DataFrame
    ours: Values
    theirs: Values | None
    trivial: Values
    classes: Sequence[Any] | None = None

    @cached_property
    def truth(self) -> Values:
        """What was true, in the form of `slipway.gate.scoring`. Raises TargetError."""
        return encode(self.reference[features.TARGET], self.classes)

    @cached_property
    def groups(self) -> "np.typing.NDArray[np.intp] | None":
        """The number of each row's group, in the order of the groups; None where each row is by itself."""
        return pd.factorize(self.reference[features.GROUP], sort=True)[0] if features.GROUP else None

    def losses(self, answers: Values) -> Values:
        """Return the loss of each row. Raises ValueError when `model/metrics.py` gives no such thing."""
        return compute_losses(self.truth, answers)


@dataclass(frozen=True)
class Compared:
    """The verdict and the numbers behind it."""

    verdict: Verdict
    harm: report.Harm | None = None
    slices: list[report.Slice] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def compare(sides: Sides, rules: Thresholds, failures: Sequence[str], seed: int, gap: float) -> Compared:
    """Compare both sides. `failures` are what alone refuses already, `gap` what the champion is worse than the best of its chain."""
    limits = features.TARGET_RANGE if features.TASK == "regression" else (0.0, 1.0)
    if insane := gate.describe_implausible(sides.ours, limits):
        return Compared(Verdict(Outcome.FAIL, [*failures, insane]))
    failures = [*failures, *_find_missed_floors(sides, rules)]
    if sides.theirs is None:
        harm, margin = measure(sides, sides.trivial, rules, seed, None), 0.0
        return Compared(gate.judge(harm, margin, "a trivial model", failures, name_unit()), describe_harm(harm, margin))
    harm, margin = measure(sides, sides.theirs, rules, seed, None), compute_tolerated(sides, rules, None)
    looked_at = _compare_slices(sides, rules, seed)
    worse = gate.describe_regressions(looked_at, rules.confidence)
    failures, notes = [*failures, *worse.values()], list[str]()
    if creep := gate.describe_creep(harm, gap, margin):
        (failures if creep[0] is Outcome.FAIL else notes).append(creep[1])
    verdict = gate.judge(harm, margin, "the champion", failures, name_unit())
    slices = [
        report.Slice(**describe_harm(each.harm, each.margin).model_dump(), name=each.name, p=each.p, failed=each.name in worse)
        for each in looked_at
    ]
    return Compared(verdict, describe_harm(harm, margin), slices, notes)


def measure(sides: Sides, against: Values, rules: Thresholds, seed: int, chosen: Mask | None) -> Interval:
    """Return the candidate's loss minus that of another, in all rows or in some."""
    mask = slice(None) if chosen is None else chosen
    difference = (sides.losses(sides.ours) - sides.losses(against))[mask]
    groups = None if sides.groups is None else sides.groups[mask]
    return bootstrap_mean(difference, groups, rules.confidence, rules.resamples, seed)


def compute_tolerated(sides: Sides, rules: Thresholds, chosen: Mask | None) -> float:
    """Return the margin, in all rows or in some."""
    assert sides.theirs is not None
    mask = slice(None) if chosen is None else chosen
    theirs, trivial = (float(sides.losses(answers)[mask].mean()) for answers in (sides.theirs, sides.trivial))
    return gate.compute_margin(rules.margin_fraction, theirs, trivial)


def _compare_slices(sides: Sides, rules: Thresholds, seed: int) -> list[Slice]:
    assert sides.theirs is not None
    theirs = sides.theirs
    found = [
        Slice(name, measure(sides, theirs, rules, seed, chosen), compute_tolerated(sides, rules, chosen))
        for name, chosen in mask_slices(sides.reference).items()
        if chosen.any()
    ]
    return gate.adjust_slices(found, rules.slices.min_rows, rules.slices.min_groups)


def _find_missed_floors(sides: Sides, rules: Thresholds) -> list[str]:
    """Return the floors that are missed. Raises ValueError for a floor on a metric that does not exist."""
    values = compute_metrics(sides.truth, sides.ours)
    if unknown := set(rules.floors) - set(values):
        raise ValueError(
            f"validation/thresholds.toml has floors for {', '.join(sorted(unknown))}; model/metrics.py has only {', '.join(values)}."
        )
    missed = (gate.describe_missed_floor(name, values[name], floor) for name, floor in rules.floors.items())
    return [each for each in missed if each]


def describe_harm(harm: Interval, margin: float) -> report.Harm:
    """Return a harm for the report."""
    return report.Harm(mean=harm.mean, low=harm.low, high=harm.high, margin=margin, rows=harm.rows, groups=harm.groups)


def name_unit() -> str:
    """Say what is counted: rows, or groups of them."""
    return f"groups (values of {features.GROUP})" if features.GROUP else "rows"


def mask_slices(rows: pd.DataFrame) -> dict[str, Mask]:
    """Return which rows are in which slice, by the slice's name; what is missing is a slice of its own."""
    found: dict[str, Mask] = {}
    for column, cuts in features.SLICES.items():
        values = rows[column]
        found |= _mask_values(column, values) if cuts is None else _mask_ranges(column, values, cuts)
        if values.isna().any():
            found[f"{column} missing"] = values.isna().to_numpy()
    return found


def _mask_values(column: str, values: "pd.Series[Any]") -> dict[str, Mask]:
    return {f"{column} = {value}": (values == value).to_numpy() for value in sorted(values.dropna().unique())}


def _mask_ranges(column: str, values: "pd.Series[float]", cuts: tuple[float, ...]) -> dict[str, Mask]:
    edges = [-np.inf, *cuts, np.inf]
    found = {}
    for low, high in pairwise(edges):
        below = "" if np.isinf(low) else f"{low:g} <= "
        above = "" if np.isinf(high) else f" < {high:g}"
        found[f"{below}{column}{above}"] = ((values >= low) & (values < high)).to_numpy()
    return found


def sample_points(sides: Sides) -> list[tuple[float, float, float | None]]:
    """Return truth, candidate and champion of rows at even distances; of a classification the class' number and a probability."""
    chosen = np.unique(np.linspace(0, len(sides.truth) - 1, POINTS).astype(int))
    truth = sides.truth[chosen]
    ours, theirs = (None if answers is None else _pick_answers(answers[chosen], truth) for answers in (sides.ours, sides.theirs))
    assert ours is not None
    return [(float(truth[i]), float(ours[i]), None if theirs is None else float(theirs[i])) for i in range(len(chosen))]


def _pick_answers(answers: Values, truth: Values) -> Values:
    return answers if answers.ndim == 1 else answers[np.arange(len(answers)), truth]


def average_over_time(sides: Sides) -> list[tuple[str, float, float | None]]:
    """Return the mean losses of both sides in stretches of groups in their order, or of rows; each by its first group or row."""
    order = np.arange(len(sides.truth)) if sides.groups is None else sides.groups
    stretch = order * min(STRETCHES, order.max() + 1) // (order.max() + 1)
    sizes = np.bincount(stretch)
    means = [None if each is None else np.bincount(stretch, weights=sides.losses(each)) / sizes for each in (sides.ours, sides.theirs)]
    ours, theirs = means
    assert ours is not None
    first = np.unique(stretch, return_index=True)[1]
    names = [f"row {row}" for row in first] if features.GROUP is None else [str(each) for each in _name_stretches(sides, stretch)]
    return [(names[i], float(ours[i]), None if theirs is None else float(theirs[i])) for i in range(len(sizes))]


def _name_stretches(sides: Sides, stretch: "np.typing.NDArray[np.intp]") -> list[object]:
    names: list[object] = sides.reference[features.GROUP].groupby(stretch).min().tolist()
    return names
