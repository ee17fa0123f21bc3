"""What every page of the project has: frame, sections, tables, and pictures of figures as SVG.

Across a picture, positions are percentages and texts are in pixels, so that a phone shows readable ones.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

from slipway.report import Harm

FRAME = Path(__file__).with_name("page.html")


class Html(str):
    """Text that is HTML already."""


def frame_page(title: str, body: str) -> str:
    """Return a page that needs nothing from outside."""
    style = FRAME.with_suffix(".css").read_text(encoding="utf-8")
    return Template(FRAME.read_text(encoding="utf-8")).substitute(title=escape(title), style=style, body=body)


def escape_text(text: object) -> str:
    """Return text as HTML, what is between backticks as code; what is HTML already stays as it is."""
    return text if isinstance(text, Html) else re.sub("`([^`]+)`", r"<code>\1</code>", escape(str(text)))


def format_section(title: str, *parts: str) -> str:
    """Return a section with its heading."""
    return "\n".join([f"<section><h2>{escape(title)}</h2>", *filter(None, parts), "</section>"])


def format_paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph; of the kind "read" it says how to read a picture."""
    return f'<p class="{kind}">{escape_text(text)}</p>' if kind else f"<p>{escape_text(text)}</p>"


def format_list(texts: Sequence[str], kind: str) -> str:
    """Return texts as a list, nothing where there are none."""
    return f'<ul class="{kind}">' + "".join(f"<li>{escape_text(text)}</li>" for text in texts) + "</ul>" if texts else ""


def format_table(headings: Sequence[str], cells: Iterable[Sequence[object]]) -> str:
    """Return a table that scrolls by itself where it is too wide."""
    top = "<tr>" + "".join(f'<th scope="col">{escape(each)}</th>' for each in headings) + "</tr>" if headings else ""
    return f'<div class="wide"><table>{top}{format_rows(cells)}</table></div>'


def format_rows(cells: Iterable[Sequence[object]]) -> str:
    """Return table rows."""
    return "\n".join("<tr>" + "".join(f"<td>{escape_text(cell)}</td>" for cell in row) + "</tr>" for row in cells)


# The difference of larger ones may be infinite.
LARGEST = 1e100
# A scatter plot scales as a whole: its size, and the corner where its axes meet.
WIDTH, HEIGHT, LEFT, BOTTOM = 330, 310, 50, 262
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Scale:
    """An axis from a low to a higher value."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Return where a value is, in percent of the way; what is beyond an end is at that end."""
        return round(100 * min(1.0, max(0.0, (value - self.low) / (self.high - self.low))), 2)

    def beyond(self, value: float) -> bool:
        """Tell whether a value is not on the axis."""
        return not self.low <= value <= self.high

    def ticks(self) -> list[float]:
        """Return at most six round values."""
        least = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(least))
        step = next(power * each for each in (1, 2, 5, 10) if power * each >= least)
        return [step * each for each in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]


def make_scale(values: Iterable[float]) -> Scale:
    """Return a scale with room for all values that can be drawn."""
    drawn = [value for value in values if abs(value) < LARGEST] or [0.0]
    low, high = min(drawn), max(drawn)
    largest = max(abs(low), abs(high))
    room = (high - low) * 0.06 if high - low > largest * 1e-6 else largest * 0.1 or 1.0
    return Scale(low - room, high + room)


def draw_svg(label: str, size: str, *parts: str) -> str:
    """Return a picture that says what it is to those who do not see it."""
    return f'<svg {size} role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'


def _upright(kind: str, at: float, top: int = 0) -> str:
    return f'<line class="{kind}" x1="{at}%" x2="{at}%" y1="{top}" y2="100%"/>'


def draw_word(text: str, at: float, down: int, anchor: str) -> str:
    """Return a word at a percentage of the way: it starts, ends or has its middle there."""
    return f'<text x="{at}%" y="{down}" text-anchor="{anchor}">{escape(text)}</text>'


def draw_bar(harm: Harm, scale: Scale, label: str) -> str:
    """Return a row of a forest plot: interval, mean, zero, margin and the region below it; an arrow where the interval goes on."""
    low, high = scale.at(harm.low), scale.at(harm.high)
    return draw_svg(
        label,
        'height="28"',
        f'<rect class="zone" width="{scale.at(harm.margin)}%" height="28"/>',
        _upright("zero", scale.at(0)),
        _upright("margin", scale.at(harm.margin)),
        f'<line class="bar" x1="{low}%" x2="{high}%" y1="14" y2="14"/>',
        "" if scale.beyond(harm.mean) else f'<circle cx="{scale.at(harm.mean)}%" cy="14" r="5"/>',
        '<text x="0" y="19">◀</text>' if scale.beyond(harm.low) else "",
        '<text x="100%" y="19" text-anchor="end">▶</text>' if scale.beyond(harm.high) else "",
    )


def draw_marks(harm: Harm, scale: Scale) -> str:
    """Return the names of zero and margin, to stand above a bar; no name crosses a line."""
    margin, zero = scale.at(harm.margin), scale.at(0)
    if not harm.margin:
        return draw_svg(
            "zero, which is the margin here", 'height="20"', draw_word("no difference", zero, 14, "start" if zero < 50 else "end")
        )
    left = margin < 50
    first, second = (14, 34) if left else (34, 14)
    lines = _upright("zero", zero, first + 4), _upright("margin", margin, second + 4)
    no_difference = draw_word("no difference", zero, first, "start" if left or zero < 30 else "end")
    named = draw_word(f"margin {harm.margin:+.4g}", margin, second, "start" if left else "end")
    return draw_svg("zero and margin", 'height="40"', *lines, no_difference, named)


def draw_axis(scale: Scale) -> str:
    """Return the values along a forest plot; those at its ends are not cut."""
    ticks = [(f"{tick:.6g}", scale.at(tick)) for tick in scale.ticks()]
    words = (draw_word(text, at, 15, "start" if at < 10 else "end" if at > 90 else "middle") for text, at in ticks)
    return draw_svg("axis", 'height="20"', *words)


def draw_scatter(points: Points, across: Scale, up: Scale, names: tuple[str, str], whole: bool) -> str:
    """Return points over two named axes; `whole` when only whole numbers mean something across, and else with the diagonal."""

    def x(value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - 6) * across.at(value) / 100, 1)

    def y(value: float) -> float:
        return round(BOTTOM - (BOTTOM - 24) * up.at(value) / 100, 1)

    lines = [f'<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{y(tick)}" y2="{y(tick)}"/>' for tick in up.ticks()]
    low, high = max(across.low, up.low), min(across.high, up.high)
    lines += [] if whole else [f'<line class="margin" x1="{x(low)}" y1="{y(low)}" x2="{x(high)}" y2="{y(high)}"/>']
    dots = [f'<circle cx="{x(a)}" cy="{y(b)}" r="2.5"/>' for a, b in points if not (across.beyond(a) or up.beyond(b))]
    ticks = [tick for tick in across.ticks() if not whole or tick == round(tick)]
    texts = [f'<text x="{x(tick)}" y="{BOTTOM + 18}" text-anchor="middle">{tick:.6g}</text>' for tick in ticks]
    texts += [f'<text x="{LEFT - 6}" y="{y(tick) + 4}" text-anchor="end">{tick:.6g}</text>' for tick in up.ticks()]
    texts += [f'<text x="{WIDTH}" y="{HEIGHT - 8}" text-anchor="end">{escape(names[0])} →</text>']
    texts += [f'<text x="0" y="12">↑ {escape(names[1])}</text>']
    label = f"{names[1]} over {names[0]}, {len(dots)} points"
    return draw_svg(label, f'viewBox="0 0 {WIDTH} {HEIGHT}"', *lines, '<g class="dots">', *dots, "</g>", *texts)


def spread_points(points: Points) -> list[tuple[float, float]]:
    """Move points a little across, each in its own way, so that those of one class do not hide each other."""
    golden = (math.sqrt(5) - 1) / 2
    return [(a + 0.7 * (number * golden % 1 - 0.5), b) for number, (a, b) in enumerate(points)]


def draw_lines(series: Sequence[Sequence[float]], label: str) -> str:
    """Return lines over the same steps, the first one in front."""
    scale = make_scale([0.0, *(value for each in series for value in each)])
    grid = [f'<line class="grid" x2="100%" y1="{100 - scale.at(tick)}%" y2="{100 - scale.at(tick)}%"/>' for tick in scale.ticks()]
    texts = [f'<text y="{100 - scale.at(tick)}%" dy="-4">{tick:.6g}</text>' for tick in scale.ticks()]
    drawn = [f'<polyline class="line{number}" points="{_way(each, scale)}"/>' for number, each in enumerate(series)]
    inner = f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" height="220">{"".join(reversed(drawn))}</svg>'
    return draw_svg(label, 'height="220"', *grid, inner, *texts)


def _way(values: Sequence[float], scale: Scale) -> str:
    steps = max(1, len(values) - 1)
    return " ".join(f"{100 * step / steps:.2f},{100 - scale.at(value):.2f}" for step, value in enumerate(values))


def draw_pairs(names: Sequence[str], first: Sequence[float], second: Sequence[float], label: str) -> str:
    """Return two bars for each name, the first and the second share of it, over a common scale."""
    step, top = 100 / max(len(names), 1), max([*first, *second, 0.01])
    parts = []
    for number, (name, *shares) in enumerate(zip(names, first, second, strict=True)):
        for side, share in enumerate(shares):
            height = 140 * share / top
            at = step * (number + 0.1 + 0.4 * side)
            parts.append(
                f'<rect class="share{side}" x="{at:.2f}%" y="{150 - height:.1f}" width="{0.38 * step:.2f}%" height="{height:.1f}"/>'
            )
        parts.append(draw_word(name, round(step * (number + 0.5), 2), 168, "middle"))
    return draw_svg(label, 'height="176"', *parts, draw_word(f"{top:.0%}", 0, 12, "start"))
