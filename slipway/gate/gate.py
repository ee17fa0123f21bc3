"""The verdict: numbers in, verdict out. Nothing here touches a model, a file or the network."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slipway.gate.statistics import Interval, Values, groups_to_decide, holm
from slipway.report import Outcome
from slipway.thresholds import Floor


@dataclass(frozen=True)
class Verdict:
    """The outcome and why, a sentence each."""

    outcome: Outcome
    reasons: list[str]


@dataclass(frozen=True)
class Slice:
    """The harm in some of the rows, and the margin there; `p` is that of the harm after Holm, None where it is not judged."""

    name: str
    harm: Interval
    margin: float
    p: float | None = None


def margin(fraction: float, champion_loss: float, trivial_loss: float) -> float:
    """Return the harm that is tolerated: a fraction of what the champion gains over a trivial model.

    Source: the fixed-margin method for active controls, FDA, Non-Inferiority Clinical Trials to Establish Effectiveness (2016).
    """
    return max(0.0, fraction * (trivial_loss - champion_loss))


def floor_missed(name: str, value: float, floor: Floor) -> str | None:
    """Say how a metric misses its floor, None if it does not."""
    if floor.max is not None and not value <= floor.max:
        return f"{name} is {value:.4g}, the floor in validation/thresholds.toml is at most {floor.max:g}."
    if floor.min is not None and not value >= floor.min:
        return f"{name} is {value:.4g}, the floor in validation/thresholds.toml is at least {floor.min:g}."
    return None


def judge(harm: Interval, tolerated: float, against: str, failures: Sequence[str], unit: str = "groups") -> Verdict:
    """Judge a candidate.

    `harm` is its loss minus that of what it is held against, `tolerated` the margin in the same unit, `failures` what alone refuses it.
    PASS only if the upper bound of the harm is below the margin; FAIL if it is not and the lower bound is above zero. Source: Piaggio
    et al., "Reporting of noninferiority and equivalence randomized trials", JAMA 308 (2012), figure 1.
    """
    verdict = compared(harm, tolerated, against, unit)
    if not failures:
        return verdict
    return Verdict(Outcome.FAIL, [*(verdict.reasons if verdict.outcome is Outcome.FAIL else []), *failures])


def compared(harm: Interval, tolerated: float, against: str, unit: str) -> Verdict:
    """Judge a harm alone."""
    said = f"Loss minus that of {against}: {span(harm)}"
    if harm.high < tolerated:
        within = f"inside the margin of {tolerated:.4g}"
        told = "it is better" if harm.high < 0 else f"it is worse, but {within}" if harm.low > 0 else within
        return Verdict(Outcome.PASS, [f"{said}: {told}."])
    if harm.low > 0:
        return Verdict(Outcome.FAIL, [f"{said}: it is worse, and not inside the margin of {tolerated:.4g}."])
    needed = groups_to_decide(harm, tolerated)
    decide = f"About {needed} {unit} would decide; there are {harm.groups}." if needed else f"More {unit} would not decide."
    return Verdict(Outcome.INCONCLUSIVE, [f"{said}, margin {tolerated:.4g}: cannot tell. {decide}"])


def span(harm: Interval) -> str:
    """Write a harm with its bounds."""
    return f"{harm.mean:+.4g} (from {harm.low:+.4g} to {harm.high:+.4g})"


def adjust(slices: Sequence[Slice], min_rows: int, min_groups: int) -> list[Slice]:
    """Return the slices with their p-values after Holm over those that are large enough to be judged."""
    enough = [each.harm.rows >= min_rows and each.harm.groups >= min_groups for each in slices]
    adjusted = iter(holm([each.harm.p for each, judged in zip(slices, enough, strict=True) if judged]))
    return [
        Slice(each.name, each.harm, each.margin, next(adjusted) if judged else None) for each, judged in zip(slices, enough, strict=True)
    ]


def regressions(slices: Sequence[Slice], confidence: float) -> dict[str, str]:
    """Say which slices alone refuse, by their names: worse, surely after Holm, and beyond the margin there."""
    return {
        each.name: f"{each.name}: loss minus that of the champion {span(each.harm)}, worse ({chance(each.p)} after Holm) and beyond "
        f"the margin of {each.margin:.4g} there."
        for each in slices
        if each.p is not None and each.p < 1 - confidence and each.harm.mean > each.margin
    }


def chance(p: float) -> str:
    """Write a p-value."""
    return "p < 0.001" if p < 0.001 else f"p {p:.2g}"


def crept(harm: Interval, gap: float, tolerated: float) -> tuple[Outcome, str] | None:
    """Say how far a candidate is below the best release of the chain: None within the margin, FAIL when not surely within two.

    `gap` is what the champion's loss is above the best one's on the same rows, so the candidate's harm against that is `harm` and `gap`.
    Source: "biocreep" in D'Agostino, Massaro and Sullivan, "Non-inferiority trials", Statistics in Medicine 22 (2003).
    """
    if gap <= 0:
        return None
    total = harm.shifted(gap)
    said = f"Loss minus that of the best release of the chain: {span(total)}"
    if total.low > 0 and total.high >= 2 * tolerated:
        return Outcome.FAIL, f"{said}: small losses have added up, and it is not inside two margins ({2 * tolerated:.4g})."
    if total.mean > tolerated:
        return Outcome.PASS, f"{said}: small losses add up; beyond two margins ({2 * tolerated:.4g}) it is refused."
    return None


def broken(answers: Values) -> str | None:
    """Say which answers are no numbers, None if all are; shape (n,) or (n, classes)."""
    found = np.flatnonzero(~np.isfinite(by_row(answers)).all(axis=1))
    return f"{len(found)} of {len(answers)} answers are not finite numbers, {rows(found)}." if len(found) else None


def insane(answers: Values, limits: tuple[float, float] | None) -> str | None:
    """Say why answers cannot be a model's at all, None if they can; shape (n,) or (n, classes)."""
    if said := broken(answers):
        return said
    values = by_row(answers)
    if limits and len(outside := np.flatnonzero(((values < limits[0]) | (values > limits[1])).any(axis=1))):
        some = ", ".join(f"{value:.4g}" for value in values[outside[:3]].ravel()[:3])
        return f"{len(outside)} of {len(answers)} answers are outside {limits[0]:g} to {limits[1]:g} (such as {some}), {rows(outside)}."
    if not np.ptp(values, axis=0).any():
        return f"All {len(answers)} answers are {', '.join(f'{value:.4g}' for value in values[0])}: the model looks at nothing."
    return None


def by_row(answers: Values) -> Values:
    """Return answers with a row for each row; shape (n, 1) or (n, classes)."""
    return answers.reshape(len(answers), -1)


def rows(numbers: Sequence[int] | NDArray[np.intp]) -> str:
    """Name some rows."""
    more = " and others" if len(numbers) > 5 else ""
    return f"row{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers[:5]))}{more}"


def few(truth: Sequence[float], groups: int, name: str) -> str | None:
    """Say why a reference dataset can judge nothing, None if it can."""
    if len(set(truth)) < 2:
        return f"it has {len(truth)} rows with {len(set(truth))} different values of {name}; at least 2 are needed"
    if groups < 2:
        return "all its rows are of one group; at least 2 groups are needed"
    return None
