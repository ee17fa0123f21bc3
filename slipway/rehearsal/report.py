"""The rehearsal's report: `report.json`, `report.md` and one page, `report.html`."""

import json
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from slipway.gate import markup
from slipway.gate.markup import Html
from slipway.gate.page import choose_mark
from slipway.operate.switch import Done
from slipway.say import table

EXPECTED = {"v1.0.0": "PASS", "v1.1.0": "PASS", "another unit": "FAIL", "nothing learnt": "FAIL"}
PAGE = Path(__file__).with_name("report.html")
WIDTH, HEIGHT = 800, 200
COLOURS = ("var(--first)", "var(--second)", "var(--third)")
PROOF = {"served digest": "served_digest", "manifest sha256": "manifest_sha256", "golden answers": "golden_answers"}


def write_report(
    folder: Path, target: str, steps: list[dict[str, Any]], verdicts: dict[str, Any], left_out: list[str], done: Done | None
) -> dict[str, Any]:
    """Write the three files and return the report."""
    assert done is not None
    requests = json.loads((folder / "load.json").read_bytes())
    proof = {PROOF[check.what]: check.holds for check in done.checks if check.what in PROOF}
    before = done.before.tag if done.before else None
    report = {
        "target": target,
        "steps": steps,
        "verdicts": verdicts,
        "left_out": left_out,
        "requests": requests,
        "rollback": {"seconds": round(done.seconds, 2), "from": before, "to": done.after.tag, "proof": proof},
    }
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    (folder / "report.md").write_text(format_markdown(report) + "\n", encoding="utf-8")
    (folder / "report.html").write_text(format_page(report, folder), encoding="utf-8")
    return report


def write_unfinished(folder: Path, target: str, steps: list[dict[str, Any]]) -> None:
    """Write only `report.md`, of a rehearsal that did not come to its end: the steps, of which the last has the reason."""
    rows = [[step["name"], f"{step['seconds']:.1f}", step["outcome"]] for step in steps]
    text = f"## Rehearsal on {target}: FAILED\n\n{table(['step', 'seconds', 'outcome'], rows)}\n"
    (folder / "report.md").write_text(text, encoding="utf-8")


def has_passed(report: dict[str, Any]) -> bool:
    """Tell whether the rehearsal passed: the verdicts that its data can give, no failed request, a proven rollback."""
    verdicts = {name: found["verdict"] for name, found in report["verdicts"].items()}
    expected = {name: verdict for name, verdict in EXPECTED.items() if name not in report["left_out"]}
    proven = all(report["rollback"]["proof"].get(name, False) for name in PROOF.values())
    return verdicts == expected and report["requests"]["failed"] == 0 and report["requests"]["total"] > 0 and proven


def format_markdown(report: dict[str, Any]) -> str:
    """Return the report as text."""
    requests, back = report["requests"], report["rollback"]
    verdicts = [[name, EXPECTED[name], found["verdict"], found["reasons"][0]] for name, found in report["verdicts"].items()]
    by_release = ", ".join(f"{count} by {release}" for release, count in requests["by_release"].items())
    return "\n".join(
        [
            f"## Rehearsal on {report['target']}: {'passed' if has_passed(report) else 'FAILED'}",
            "",
            table(["candidate", "expected", "verdict", "why"], [[*row[:3], row[3][:90]] for row in verdicts]),
            "",
            f"Requests: {requests['total']}, failed: {requests['failed']} ({by_release}).",
            f"Rollback: {back['from']} -> {back['to']} in {back['seconds']} s; proof: "
            + ", ".join(f"{name.replace('_', ' ')} {'yes' if holds else 'NO'}" for name, holds in back["proof"].items())
            + ".",
        ]
    )


def format_page(report: dict[str, Any], folder: Path) -> str:
    """Return the report as a page that needs nothing from outside; it names the pages of the gate that are in a folder."""
    requests, back = report["requests"], report["rollback"]
    verdicts = [
        [_link_verdict(name, folder), EXPECTED[name], found["verdict"], found["reasons"][0]] for name, found in report["verdicts"].items()
    ]
    ended = "passed" if has_passed(report) else "failed"
    body = Template(PAGE.read_text(encoding="utf-8")).substitute(
        target=escape(report["target"]),
        ended=ended,
        tone="pass" if ended == "passed" else "fail",
        total=requests["total"],
        failed=requests["failed"],
        seconds=back["seconds"],
        back=escape(f"{back['from']} → {back['to']}"),
        to=escape(back["to"]),
        picture=_draw_requests(requests["by_second"]),
        legend=" ".join(
            f'<span><i style="background:{colour}"></i>{escape(name)}: {requests["by_release"][name]}</span>'
            for name, colour in zip(requests["by_release"], COLOURS, strict=False)
        ),
        verdicts=markup.format_table(["candidate", "expected", "verdict", "why"], verdicts),
        proof=markup.format_table(
            ["what", "equal"], [[name.replace("_", " "), choose_mark(holds)] for name, holds in back["proof"].items()]
        ),
        steps=markup.format_table(
            ["step", "seconds", "outcome"], [[step["name"], f"{step['seconds']:.1f}", step["outcome"]] for step in report["steps"]]
        ),
    )
    return markup.frame_page(f"Rehearsal on {report['target']}: {ended}", body)


def _link_verdict(name: str, folder: Path) -> str:
    file = f"gate-{name.replace(' ', '-')}.html"
    return Html(f'<a href="{escape(file)}">{escape(name)}</a>') if (folder / file).is_file() else name


def _draw_requests(by_second: list[list[Any]]) -> str:
    """Draw stacked bars, one a second."""
    releases = sorted({release for _, release, _ in by_second})
    last = max((second for second, _, _ in by_second), default=0)
    totals = [sum(count for at, _, count in by_second if at == second) for second in range(last + 1)]
    across, up = WIDTH / (last + 1), HEIGHT / max([*totals, 1])
    bars, heights = [], [0.0] * (last + 1)
    for second, release, count in by_second:
        heights[second] += count * up
        x, y, colour = second * across, HEIGHT - heights[second], COLOURS[releases.index(release) % len(COLOURS)]
        title = f"<title>{second} s: {count} by {escape(release)}</title>"
        bars.append(f'<rect x="{x:.2f}" y="{y:.1f}" width="{across:.2f}" height="{count * up:.1f}" fill="{colour}">{title}</rect>')
    label = f'<text x="0" y="{HEIGHT + 18}">0 s</text><text x="{WIDTH}" y="{HEIGHT + 18}" text-anchor="end">{last} s</text>'
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 24}" role="img" aria-label="requests by release over time">{"".join(bars)}{label}</svg>'
