"""The verdict: numbers in, verdict out, with the statistics behind it. Nothing here touches a model, a file or the network."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr

from slipway.gate.losses import Values
from slipway.report import Outcome
from slipway.rules import Floor

# More groups than this are put together at random into so many, which keeps their spread and bounds the memory.
MOST_GROUPS = 2000


@dataclass(frozen=True)
class Interval:
    """A mean over rows, and bounds that each hold with the asked confidence; `p` is how likely it would be so high were it not above 0."""

    mean: float
    low: float
    high: float
    p: float
    rows: int
    groups: int

    def shift(self, by: float) -> "Interval":
        """Move it by a constant; its `p` is then not known."""
        return Interval(self.mean + by, self.low + by, self.high + by, float("nan"), self.rows, self.groups)


def bootstrap_mean(values: Values, groups: ArrayLike | None, confidence: float, resamples: int, seed: int) -> Interval:
    """Return the mean of per-row values, shape (n,), with its bootstrap interval and one-sided p-value.

    Percentile bootstrap that resamples whole groups (rows where `groups` is None); the mean of a resample is the ratio of its sum to
    its row count. Sources: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13; Field and Welsh,
    "Bootstrapping clustered data", JRSS B 69 (2007); for more than MOST_GROUPS groups the random group method, Wolter, Introduction to
    Variance Estimation (2007), chapter 2. The p-value sets the mean over the bootstrap's standard error against Student's t with one
    degree of freedom less than there are groups: Cameron, Gelbach and Miller, "Bootstrap-based improvements for inference with
    clustered errors" (2008), section III.
    """
    random = np.random.default_rng(seed)
    labels = np.arange(len(values)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    count = int(labels.max()) + 1
    if count > MOST_GROUPS:
        labels = random.permutation(count)[labels] % MOST_GROUPS
    sums, sizes = np.bincount(labels, weights=values), np.bincount(labels)
    draws = random.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=resamples)
    means = (draws @ sums) / (draws @ sizes)
    low, high = np.quantile(means, [1 - confidence, confidence])
    mean = float(values.mean())
    return Interval(mean, float(low), float(high), compute_p_value(mean, float(means.std(ddof=1)), len(sums) - 1), len(values), count)


def compute_p_value(mean: float, error: float, freedom: int) -> float:
    """Return the one-sided p-value of a mean with a standard error."""
    if not error > 0 or freedom < 1:
        return 0.0 if error == 0 and freedom >= 1 and mean > 0 else 1.0
    return float(stdtr(freedom, -mean / error))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for how many are looked at.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def estimate_groups(harm: Interval, margin: float) -> int | None:
    """Return about how many groups would settle whether a harm is inside the margin, None when no number would.

    An interval's half-width shrinks with the square root of the number of groups, so n' = n * (half-width / distance)**2.
    """
    if harm.mean < margin:
        width, distance = harm.high - harm.mean, margin - harm.mean
    else:
        width, distance = harm.mean - harm.low, harm.mean
    if not distance > 0:  # also where it is not a number
        return None
    return max(harm.groups + 1, round(harm.groups * (width / distance) ** 2))


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


def compute_margin(fraction: float, champion_loss: float, trivial_loss: float) -> float:
    """Return the harm that is tolerated: a fraction of what the champion gains over a trivial model.

    Source: the fixed-margin method for active controls, FDA, Non-Inferiority Clinical Trials to Establish Effectiveness (2016).
    """
    return max(0.0, fraction * (trivial_loss - champion_loss))


def describe_missed_floor(name: str, value: float, floor: Floor) -> str | None:
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
    verdict = judge_harm(harm, tolerated, against, unit)
    if not failures:
        return verdict
    return Verdict(Outcome.FAIL, [*(verdict.reasons if verdict.outcome is Outcome.FAIL else []), *failures])


def judge_harm(harm: Interval, tolerated: float, against: str, unit: str) -> Verdict:
    """Judge a harm alone."""
    measured = f"Loss minus that of {against}: {_format_interval(harm)}"
    if harm.high < tolerated:
        within = f"inside the margin of {tolerated:.4g}"
        result = "it is better" if harm.high < 0 else f"it is worse, but {within}" if harm.low > 0 else within
        return Verdict(Outcome.PASS, [f"{measured}: {result}."])
    if harm.low > 0:
        return Verdict(Outcome.FAIL, [f"{measured}: it is worse, and not inside the margin of {tolerated:.4g}."])
    needed = estimate_groups(harm, tolerated)
    decide = f"About {needed} {unit} would decide; there are {harm.groups}." if needed else f"More {unit} would not decide."
    return Verdict(Outcome.INCONCLUSIVE, [f"{measured}, margin {tolerated:.4g}: cannot tell. {decide}"])


def _format_interval(harm: Interval) -> str:
    return f"{harm.mean:+.4g} (from {harm.low:+.4g} to {harm.high:+.4g})"


def adjust_slices(slices: Sequence[Slice], min_rows: int, min_groups: int) -> list[Slice]:
    """Return the slices with their p-values after Holm over those that are large enough to be judged."""
    enough = [each.harm.rows >= min_rows and each.harm.groups >= min_groups for each in slices]
    adjusted = iter(holm([each.harm.p for each, judged in zip(slices, enough, strict=True) if judged]))
    return [
        Slice(each.name, each.harm, each.margin, next(adjusted) if judged else None) for each, judged in zip(slices, enough, strict=True)
    ]


def describe_regressions(slices: Sequence[Slice], confidence: float) -> dict[str, str]:
    """Say which slices alone refuse, by their names: worse, surely after Holm, and beyond the margin there."""
    return {
        each.name: f"{each.name}: loss minus that of the champion {_format_interval(each.harm)}, worse ({format_p(each.p)} after Holm) "
        f"and beyond the margin of {each.margin:.4g} there."
        for each in slices
        if each.p is not None and each.p < 1 - confidence and each.harm.mean > each.margin
    }


def format_p(p: float) -> str:
    """Write a p-value."""
    return "p < 0.001" if p < 0.001 else f"p {p:.2g}"


def describe_creep(harm: Interval, gap: float, tolerated: float) -> tuple[Outcome, str] | None:
    """Say how far a candidate is below the best release of the chain: None within the margin, FAIL when not surely within two.

    `gap` is what the champion's loss is above the best one's on the same rows, so the candidate's harm against that is `harm` and `gap`.
    Source: "biocreep" in D'Agostino, Massaro and Sullivan, "Non-inferiority trials", Statistics in Medicine 22 (2003).
    """
    if gap <= 0:
        return None
    total = harm.shift(gap)
    measured = f"Loss minus that of the best release of the chain: {_format_interval(total)}"
    if total.low > 0 and total.high >= 2 * tolerated:
        return Outcome.FAIL, f"{measured}: small losses have added up, and it is not inside two margins ({2 * tolerated:.4g})."
    if total.mean > tolerated:
        return Outcome.PASS, f"{measured}: small losses are adding up; beyond two margins ({2 * tolerated:.4g}) a candidate is rejected."
    return None


def describe_not_finite(answers: Values) -> str | None:
    """Say which answers are no numbers, None if all are; shape (n,) or (n, classes)."""
    found = np.flatnonzero(~np.isfinite(_reshape_rows(answers)).all(axis=1))
    return f"{len(found)} of {len(answers)} answers are not finite numbers, {list_rows(found)}." if len(found) else None


def describe_implausible(answers: Values, limits: tuple[float, float] | None) -> str | None:
    """Say why answers cannot be a model's at all, None if they can; shape (n,) or (n, classes)."""
    if wrong := describe_not_finite(answers):
        return wrong
    values = _reshape_rows(answers)
    if limits and len(outside := np.flatnonzero(((values < limits[0]) | (values > limits[1])).any(axis=1))):
        some = ", ".join(f"{value:.4g}" for value in values[outside[:3]].ravel()[:3])
        return (
            f"{len(outside)} of {len(answers)} answers are outside {limits[0]:g} to {limits[1]:g} (such as {some}), {list_rows(outside)}."
        )
    if not np.ptp(values, axis=0).any():
        return f"All {len(answers)} answers are {', '.join(f'{value:.4g}' for value in values[0])}: the model ignores its input."
    return None


def _reshape_rows(answers: Values) -> Values:
    return answers.reshape(len(answers), -1)


def list_rows(numbers: Sequence[int] | NDArray[np.intp]) -> str:
    """Name some rows."""
    more = " and others" if len(numbers) > 5 else ""
    return f"row{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers[:5]))}{more}"


def describe_too_few(truth: Sequence[float], groups: int, name: str) -> str | None:
    """Say why a reference dataset can judge nothing, None if it can."""
    if len(set(truth)) < 2:
        return f"it has {len(truth)} rows with {len(set(truth))} different values of {name}; at least 2 are needed"
    if groups < 2:
        return "all its rows are of one group; at least 2 groups are needed"
    return None
