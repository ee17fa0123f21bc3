"""`outcomes.html`: the verdict, whom the live release was held against, a bar for each, and what to do."""

from html import escape

from slipway.gate import markup
from slipway.gate.markup import Html, frame, listed, paragraph, section, table
from slipway.gate.page import SYMBOLS, format_harm
from slipway.report import format_figure
from slipway.watch.outcomes_verdict import HEAD, NEXT, Outcomes, cells


def page(said: Outcomes) -> str:
    """Return the page: the verdict, the table, a bar for each rival, what to do."""
    kind = said.verdict.value.lower()
    large = (
        f'<h1 class="verdict {kind}"><small>Outcomes of {escape(said.release)}</small> {SYMBOLS[said.verdict]} {said.verdict.value}</h1>'
    )
    told = paragraph(f"On {said.rows} rows of {said.source}, {said.at}. The loss of {said.release} is {format_figure(said.loss)}.")
    figures = section("Metrics of the live release", table([], [[name, format_figure(value)] for name, value in said.metrics.items()]))
    held = section("Held against", table(HEAD, ([Html(f"<b>{escape(each.name)}</b>"), *cells(each)[1:]] for each in said.rivals)))
    following = section("What to do next", paragraph(NEXT[said.verdict], "next"))
    parts = [large, listed([each.reason for each in said.rivals], "reasons"), told, held, bars(said), figures, following]
    return frame(f"{said.verdict.value}: outcomes of {said.release}", "\n".join(parts))


def bars(said: Outcomes) -> str:
    """Return the differences as bars over a common scale."""
    scale = markup.spanning([0.0, *(value for each in said.rivals for value in (each.harm.low, each.harm.high, each.harm.margin))])
    ends = '<div class="ends"><span>← the live release is better</span><span>it is worse →</span></div>'
    drawn = "".join(
        f'<div class="{each.verdict.value.lower()}"><span>{escape(each.name)} <b>{each.verdict.value}</b></span>'
        f"{markup.bar(each.harm, scale, f'{each.name}: {format_harm(each.harm)}')}<small>{escape(format_harm(each.harm))}</small></div>"
        for each in said.rivals
    )
    axis = f'<div class="axis"><span></span><div>{ends}{markup.axis(scale)}</div><span></span></div>'
    read = (
        "The dot is the difference that was measured, the bar is where the true one lies. Up to the dashed line being worse is tolerated."
    )
    return section("Loss of the live release minus that", paragraph(read, "read"), f'<figure class="forest">{axis}\n{drawn}</figure>')
