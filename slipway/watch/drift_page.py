"""`drift.html`: the verdict, then each feature's bins beside those of the training data, those first that have drifted most."""

from html import escape

from slipway.gate.markup import Html, frame, pairs, paragraph, section, table
from slipway.watch.drift_report import HEAD, NEXT, Finding, Report, Verdict, cells

KIND = {Verdict.DRIFT: "fail", Verdict.TOO_EARLY: "inconclusive", Verdict.NO_DRIFT: "pass", Verdict.TOO_FEW: "inconclusive"}
SYMBOL = {Verdict.DRIFT: "✗", Verdict.TOO_EARLY: "?", Verdict.NO_DRIFT: "✓", Verdict.TOO_FEW: "?"}
READ = (
    "Left of each pair a bin's share of the training data, right of what was asked. q0 to q9 are the tenths of the training data, < and > "
    "what is below and above all of it, ? what is missing. Bins that nothing is in are left out."
)
SHORT = {"below": "<", "above": ">", "missing": "?"}


def page(said: Report) -> str:
    """Return the page."""
    verdict = f"<small>Drift of {escape(said.release)}</small> {SYMBOL[said.verdict]} {said.verdict.value}"
    large = f'<h1 class="verdict {KIND[said.verdict]}">{verdict}</h1>'
    told = f"What was asked ({said.source}, {said.at}) against its {said.reference_rows} rows of training data."
    ranked = section("All, the furthest first", table(HEAD, ([mark(each), *cells(each)[1:]] for each in said.findings)))
    legend = '<p class="legend"><span><i class="line0"></i>training data</span><span><i class="line1"></i>asked</span></p>'
    drawn = section("By bin", legend, paragraph(READ, "read"), f'<div class="panels">{"".join(map(panel, said.findings))}</div>')
    return frame(f"{said.verdict.value}: {said.release}", "\n".join([large, paragraph(told), ranked, drawn, following(said)]))


def mark(each: Finding) -> Html:
    """Return a feature's name in the colour of its verdict."""
    return Html(f'<b class="{KIND[each.verdict]}">{SYMBOL[each.verdict]} {escape(each.name)}</b>')


def panel(each: Finding) -> str:
    """Return a feature's picture."""
    bins = [bin_ for bin_ in zip(each.bins, each.reference, each.live, strict=True) if any(bin_[1:])]
    names, reference, live = zip(*bins, strict=True)
    drawn = pairs([SHORT.get(name, name) for name in names], reference, live, f"{each.name}: shares by bin, training data and asked")
    return f"<div><h3>{mark(each)}</h3><figure>{drawn}</figure></div>"


def following(said: Report) -> str:
    """Return what to do next."""
    return section("What to do next", paragraph(NEXT[said.verdict], "next"))
