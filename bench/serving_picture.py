"""The picture of what the servers give: two rows of bars, as an SVG that needs nothing from outside."""

from collections.abc import Mapping, Sequence
from html import escape

from bench import results
from bench.serving_figures import Measured, middle
from bench.serving_peers.servers import FLOOR, OURS

WIDTH, NAMES, VALUES, BAR, STEP, TOP = 760, 90, 70, 20, 30, 64
PANELS = (
    ("rps_32", "requests a second, 32 clients (more is better)", ",.0f"),
    ("p50_ms_1", "p50 with 1 client, ms (less is better)", ".2f"),
)
STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #24292f } .title { font-weight: 600 } .value { font-variant-numeric: tabular-nums }
rect { fill: #a8b3bf } .ours { fill: #1a7f5a } .page { fill: #ffffff }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } rect { fill: #57606a } .ours { fill: #3fb68b } .page { fill: #0d1117 } }
</style>"""


def bar(name: str, value: float, most: float, form: str, left: float, top: int) -> str:
    """Return a server's name, its bar and its figure."""
    room = WIDTH / 2 - NAMES - VALUES
    width = max(1.0, room * value / most)
    kind = ' class="ours"' if name == OURS else ""
    return (
        f'<text x="{left + NAMES - 8:.0f}" y="{top + 15}" text-anchor="end">{escape(name)}</text>'
        f'<rect{kind} x="{left + NAMES:.0f}" y="{top}" width="{width:.1f}" height="{BAR}" rx="2"/>'
        f'<text class="value" x="{left + NAMES + width + 6:.1f}" y="{top + 15}">{value:{form}}</text>'
    )


def panel(told: Mapping[str, Sequence[Measured]], figure: str, title: str, form: str, left: float) -> str:
    """Return the bars of a figure; the medians."""
    values = {name: middle(rounds, figure) for name, rounds in told.items() if name != FLOOR}
    bars = [bar(name, value, max(values.values()), form, left, TOP + STEP * at) for at, (name, value) in enumerate(values.items())]
    return f'<text class="title" x="{left + 16:.0f}" y="40">{escape(title)}</text>' + "".join(bars)


def draw(told: Mapping[str, Sequence[Measured]]) -> str:
    """Return the picture. The floor is left out: beside it all others would look alike."""
    height = TOP + STEP * sum(name != FLOOR for name in told) + 10
    panels = [panel(told, *each, left=WIDTH / 2 * at) for at, each in enumerate(PANELS)]
    label = "Requests a second and p50 by server"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">'
    page = f'<rect class="page" width="{WIDTH}" height="{height}" rx="6"/>'
    return "\n".join([head, STYLE, page, *panels, "</svg>", ""])


def write(told: Mapping[str, Sequence[Measured]]) -> None:
    """Write `bench/results/serving.svg`."""
    (results.RESULTS / "serving.svg").write_text(draw(told), encoding="utf-8")
