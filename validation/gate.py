"""The verdict: numbers in, verdict out. Nothing here touches a model, a file or the network."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from validation.statistics import Interval, groups_to_decide
from validation.thresholds import Floor


class Outcome(Enum):
    """What the gate says. Only PASS lets a release through."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"

    @property
    def exit_code(self) -> int:
        """0, 1 and 3; 2 is kept for "could not judge"."""
        return {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.INCONCLUSIVE: 3}[self]


@dataclass(frozen=True)
class Verdict:
    """The outcome and why, a sentence each."""

    outcome: Outcome
    reasons: list[str]


def margin(fraction: float, champion_loss: float, trivial_loss: float) -> float:
    """Return the harm that is tolerated: a fraction of what the champion gains over a trivial model."""
    return max(0.0, fraction * (trivial_loss - champion_loss))


def floor_missed(name: str, value: float, floor: Floor) -> str | None:
    """Say how a metric misses its floor, None if it does not."""
    if floor.max is not None and not value <= floor.max:
        return f"{name} is {value:.4g}, the floor in validation/thresholds.toml is at most {floor.max:g}."
    if floor.min is not None and not value >= floor.min:
        return f"{name} is {value:.4g}, the floor in validation/thresholds.toml is at least {floor.min:g}."
    return None


def judge(harm: Interval, tolerated: float, against: str, failures: Sequence[str]) -> Verdict:
    """Judge a candidate.

    `harm` is its loss minus that of what it is held against, `tolerated` the margin in the same unit, `failures` what alone refuses it.
    PASS only if the upper bound of the harm is below the margin; FAIL if it is not and the lower bound is above zero.
    """
    if failures:
        return Verdict(Outcome.FAIL, list(failures))
    span = f"{harm.mean:+.4g} (from {harm.low:+.4g} to {harm.high:+.4g})"
    if harm.high < tolerated:
        inside = " It is worse, but inside the margin." if harm.low > 0 else ""
        return Verdict(Outcome.PASS, [f"Loss minus that of {against}: {span}, inside the margin of {tolerated:.4g}.{inside}"])
    if harm.low > 0:
        return Verdict(Outcome.FAIL, [f"Loss minus that of {against}: {span}: it is worse, and not inside the margin of {tolerated:.4g}."])
    needed = groups_to_decide(harm, tolerated)
    decide = f"About {needed} groups of rows would decide; there are {harm.groups}." if needed else "More rows would not decide."
    return Verdict(Outcome.INCONCLUSIVE, [f"Loss minus that of {against}: {span}, margin {tolerated:.4g}: cannot tell. {decide}"])


def unusable(answers: Sequence[float]) -> str | None:
    """Say why answers cannot be judged at all, None if they can."""
    broken = sum(not math.isfinite(value) for value in answers)
    return f"{broken} of {len(answers)} answers are not finite numbers." if broken else None
