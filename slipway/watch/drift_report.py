"""What was asked lately against what was learnt from: `drift.json` for machines, `drift.md` for people; `drift.html` is in `drift_page`."""

from dataclasses import dataclass
from enum import StrEnum

from slipway.gate import drift_scores as drift
from slipway.gate.drift_scores import FEWEST, Shares
from slipway.report import Part

NAMED = "the predictions"
HEAD = ["", "verdict", "rows", "PSI", "drift above", "the last day", "what changed most"]


class Verdict(StrEnum):
    """What is said of a feature, and of all together: the first of these that one of them has."""

    DRIFT = "DRIFT"
    TOO_EARLY = "TOO EARLY"
    NO_DRIFT = "NO DRIFT"
    TOO_FEW = "TOO FEW ROWS"


NEXT = {
    Verdict.DRIFT: "Look at the callers first: a unit, a default, a field that is filled in otherwise. Did it begin with a deploy? "
    "`./run rollback`. Has the world changed? Collect new rows, `./run train`, and let the gate judge.",
    Verdict.NO_DRIFT: "Nothing. Whether the answers are right is another question: `./run outcomes FILE`, when the truth is known.",
    Verdict.TOO_EARLY: "Wait until the release has been asked for a week: a few days are no fair sample of one. "
    "Values that training never saw have alerts of their own.",
    Verdict.TOO_FEW: f"Wait until there are {FEWEST} rows; fewer say nothing.",
}


@dataclass(frozen=True)
class Counted:
    """Rows of one feature, or answers, by bin, shape (bins,), beside the training data's shares.

    Of the last seven days and of the last one; of a file, which has no days, all rows and None.
    """

    name: str
    bins: list[str]
    reference: Shares
    usual: float
    week: Shares
    day: Shares | None


class Measured(Part):
    """How far rows are from the training data, and from where on that is drift."""

    rows: int
    psi: float
    threshold: float


class Finding(Part):
    """What is said of one feature."""

    name: str
    verdict: Verdict
    week: Measured
    day: Measured | None
    """Null where there are no days, as in a file."""
    bins: list[str]
    reference: list[float]
    """Shares of the training data, in the order of `bins`."""
    live: list[float]
    """Shares of what was asked."""

    @property
    def told(self) -> str:
        """Return the bins that add most to it, in words."""
        gaps = sorted(zip(self.live, self.reference, self.bins, strict=True), key=lambda each: -abs(each[0] - each[1]))
        return ", ".join(f"{name} {reference:.1%} → {live:.1%}" for live, reference, name in gaps[:2])


class Report(Part):
    """All features and the predictions, those first that are furthest beyond their threshold."""

    release: str
    source: str
    at: str
    reference_rows: int
    verdict: Verdict
    findings: list[Finding]


def finding(counted: Counted, reference_rows: float, settled: bool) -> Finding:
    """Judge one feature; `settled` says that the release has been asked for a whole week."""
    week, day = (
        drift.window(counted.week if counts is None else counts, counted.reference, reference_rows, counted.usual)
        for counts in (counted.week, counted.day)
    )
    verdict = Verdict.NO_DRIFT if week.enough else Verdict.TOO_FEW
    if drift.drifted(week, day):
        verdict = Verdict.DRIFT if settled else Verdict.TOO_EARLY
    return Finding(
        name=counted.name,
        verdict=verdict,
        week=measured(week),
        day=None if counted.day is None else measured(day),
        bins=counted.bins,
        reference=counted.reference.tolist(),
        live=(counted.week / max(float(week.rows), 1)).tolist(),
    )


def measured(window: drift.Window) -> Measured:
    """Describe a window."""
    return Measured(rows=round(float(window.rows)), psi=float(window.psi), threshold=float(window.threshold))


def report(release: str, source: str, at: str, counted: list[Counted], reference_rows: float, settled: bool = True) -> Report:
    """Judge all, and put what is furthest beyond its threshold first."""
    found = sorted((finding(each, reference_rows, settled) for each in counted), key=lambda each: -each.week.psi / each.week.threshold)
    said = {each.verdict for each in found}
    verdict = next(each for each in Verdict if each in said)
    return Report(release=release, source=source, at=at, reference_rows=round(reference_rows), verdict=verdict, findings=found)


def markdown(said: Report) -> str:
    """Return the report as text."""
    lines = [
        f"## {said.verdict.value}: {said.release}",
        "",
        f"What was asked ({said.source}, {said.at}) against its {said.reference_rows} rows of training data.",
        "",
        f"| {' | '.join(HEAD)} |",
        f"|{' --- |' * len(HEAD)}",
        *(f"| {' | '.join(cells(each))} |" for each in said.findings),
        "",
        f"Next: {NEXT[said.verdict]}",
    ]
    return "\n".join(lines)


def cells(each: Finding) -> list[str]:
    """Return the row of a feature."""
    week, day = each.week, each.day
    last = f"{day.rows} rows, PSI {day.psi:.3f} of {day.threshold:.3f}" if day else "–"
    return [each.name, each.verdict.value, f"{week.rows}", f"{week.psi:.3f}", f"{week.threshold:.3f}", last, each.told]
