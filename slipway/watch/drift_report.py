"""Compare the requests with the training data: `drift.json` for machines, `drift.md` and `drift.html` for people."""

from dataclasses import dataclass
from enum import StrEnum
from html import escape

from slipway import say
from slipway.gate import drift_scores
from slipway.gate.drift_scores import FEWEST, Shares
from slipway.gate.markup import Html, draw_pairs, format_paragraph, format_section, format_table, frame_page
from slipway.report import Part

PREDICTIONS = "the predictions"
HEAD = ["", "verdict", "rows", "PSI", "drift above", "the last day", "what changed most"]
HOW_TO_READ = (
    "Each pair is a bin: left its share of the training data, right of the requests. q0 to q9 are tenths of the training data, < and > "
    "values below and above all of it, ? missing values. Empty bins are left out."
)
LEGEND = '<p class="legend"><span><i class="line0"></i>training data</span><span><i class="line1"></i>asked</span></p>'
BIN_SIGNS = {"below": "<", "above": ">", "missing": "?"}


class DriftVerdict(StrEnum):
    """The verdict on a feature, and on all together: the first of these that one of them has."""

    DRIFT = "DRIFT"
    TOO_EARLY = "TOO EARLY"
    NO_DRIFT = "NO DRIFT"
    TOO_FEW = "TOO FEW ROWS"


STYLES = {DriftVerdict.DRIFT: ("fail", "✗"), DriftVerdict.NO_DRIFT: ("pass", "✓")}
NEXT = {
    DriftVerdict.DRIFT: "Ask the callers first: did they change a unit, a default, how a field is filled in? Did it begin with a deploy? "
    "`./run rollback`. Has the world changed? Collect new rows, `./run train`, and let the gate judge.",
    DriftVerdict.NO_DRIFT: "Nothing. Are the answers right? Type `./run outcomes FILE` when the true values are known.",
    DriftVerdict.TOO_EARLY: "Wait until the release has answered for a week: a few days are no fair sample. "
    "Values that training never saw have alerts of their own.",
    DriftVerdict.TOO_FEW: f"Wait until there are {FEWEST} rows; fewer cannot be judged.",
}


@dataclass(frozen=True)
class BinCounts:
    """Rows of one feature, or answers, by bin, shape (bins,), beside the training data's shares.

    Of the last seven days and of the last one; of a file, which has no days, all rows and None.
    """

    name: str
    bins: list[str]
    reference: Shares
    usual: float
    week: Shares
    day: Shares | None


class Distance(Part):
    """How far rows are from the training data, and from where on that is drift."""

    rows: int
    psi: float
    threshold: float


class FeatureDrift(Part):
    """The verdict on one feature."""

    name: str
    verdict: DriftVerdict
    week: Distance
    day: Distance | None
    """Null where there are no days, as in a file."""
    bins: list[str]
    reference: list[float]
    """Shares of the training data, in the order of `bins`."""
    live: list[float]
    """Shares of what was asked."""

    @property
    def changes(self) -> str:
        """The two bins that changed most, in words."""
        gaps = sorted(zip(self.live, self.reference, self.bins, strict=True), key=lambda each: -abs(each[0] - each[1]))
        return ", ".join(f"{name} {reference:.1%} → {live:.1%}" for live, reference, name in gaps[:2])


class DriftReport(Part):
    """All features and the predictions, those first that are furthest beyond their threshold."""

    release: str
    source: str
    at: str
    reference_rows: int
    verdict: DriftVerdict
    findings: list[FeatureDrift]

    @property
    def drifted(self) -> list[str]:
        """The names of the features that have drifted."""
        return [each.name for each in self.findings if each.verdict is DriftVerdict.DRIFT]

    @property
    def basis(self) -> str:
        """What was compared with what, in a sentence."""
        return f"Requests ({self.source}, {self.at}), compared with the {self.reference_rows} rows of training data."


def judge_drift(release: str, source: str, at: str, counts: list[BinCounts], reference_rows: float, settled: bool = True) -> DriftReport:
    """Judge all features, the furthest beyond its threshold first; `settled` says that the release has been asked for a whole week."""
    findings = [_judge_feature(each, reference_rows, settled) for each in counts]
    findings.sort(key=lambda each: -each.week.psi / each.week.threshold)
    verdict = min((each.verdict for each in findings), key=list(DriftVerdict).index)
    return DriftReport(release=release, source=source, at=at, reference_rows=round(reference_rows), verdict=verdict, findings=findings)


def _judge_feature(counts: BinCounts, reference_rows: float, settled: bool) -> FeatureDrift:
    week, day = (
        drift_scores.score_window(rows, counts.reference, reference_rows, counts.usual)
        for rows in (counts.week, counts.week if counts.day is None else counts.day)
    )
    verdict = DriftVerdict.NO_DRIFT if week.enough else DriftVerdict.TOO_FEW
    if drift_scores.has_drifted(week, day):
        verdict = DriftVerdict.DRIFT if settled else DriftVerdict.TOO_EARLY
    return FeatureDrift(
        name=counts.name,
        verdict=verdict,
        week=_measure(week),
        day=None if counts.day is None else _measure(day),
        bins=counts.bins,
        reference=counts.reference.tolist(),
        live=(counts.week / max(float(week.rows), 1)).tolist(),
    )


def _measure(window: drift_scores.Window) -> Distance:
    return Distance(rows=round(float(window.rows)), psi=float(window.psi), threshold=float(window.threshold))


def format_markdown(report: DriftReport) -> str:
    """Return `drift.md`."""
    rows = [[each.name, *_cells(each)] for each in report.findings]
    title = f"## {report.verdict.value}: {report.release}"
    return "\n\n".join([title, report.basis, say.table(HEAD, rows), f"Next: {NEXT[report.verdict]}"])


def _cells(feature: FeatureDrift) -> list[str]:
    week, day = feature.week, feature.day
    last = f"{day.rows} rows, PSI {day.psi:.3f} of {day.threshold:.3f}" if day else "–"
    return [feature.verdict.value, f"{week.rows}", f"{week.psi:.3f}", f"{week.threshold:.3f}", last, feature.changes]


def format_page(report: DriftReport) -> str:
    """Return `drift.html`: the verdict, then each feature's bins beside those of the training data, the furthest first."""
    style, symbol = _style(report.verdict)
    parts = [
        f'<h1 class="verdict {style}"><small>Drift of {escape(report.release)}</small> {symbol} {report.verdict.value}</h1>',
        format_paragraph(report.basis),
        format_section("All, the furthest first", format_table(HEAD, ([_mark(each), *_cells(each)] for each in report.findings))),
        format_section(
            "By bin", LEGEND, format_paragraph(HOW_TO_READ, "read"), f'<div class="panels">{"".join(map(_panel, report.findings))}</div>'
        ),
        format_section("What to do next", format_paragraph(NEXT[report.verdict], "next")),
    ]
    return frame_page(f"{report.verdict.value}: {report.release}", "\n".join(parts))


def _style(verdict: DriftVerdict) -> tuple[str, str]:
    return STYLES.get(verdict, ("inconclusive", "?"))


def _mark(feature: FeatureDrift) -> Html:
    style, symbol = _style(feature.verdict)
    return Html(f'<b class="{style}">{symbol} {escape(feature.name)}</b>')


def _panel(feature: FeatureDrift) -> str:
    filled = [each for each in zip(feature.bins, feature.reference, feature.live, strict=True) if any(each[1:])]
    names, reference, live = zip(*filled, strict=True)
    label = f"{feature.name}: shares by bin, training data and requests"
    picture = draw_pairs([BIN_SIGNS.get(name, name) for name in names], reference, live, label)
    return f"<div><h3>{_mark(feature)}</h3><figure>{picture}</figure></div>"
