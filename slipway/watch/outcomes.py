"""When the truth is known: is the live release still better than those before it? Each answers in its own image."""

from collections.abc import Mapping
from dataclasses import replace
from html import escape
from pathlib import Path

import pandas as pd

from model import features
from slipway import rules, say
from slipway.errors import PipelineError
from slipway.gate import dataset, gate, markup
from slipway.gate.comparison import Sides, compute_tolerated, describe_harm, measure, name_unit
from slipway.gate.judge import align_classes, score_owner
from slipway.gate.losses import Values
from slipway.gate.markup import Html, format_list, format_paragraph, format_section, format_table, frame_page
from slipway.gate.page import SYMBOLS, format_harm
from slipway.gate.predictor import open_predictor
from slipway.gate.scoring import compute_metrics, repeat_constant
from slipway.operate import chain, targets
from slipway.operate.chain import Deployment
from slipway.operate.switch import KEPT, read_state
from slipway.operate.targets import Target
from slipway.project import Project
from slipway.report import Harm, Outcome, Part, format_figure
from slipway.rules import Thresholds
from slipway.serving.answers import Answers
from slipway.serving.manifest import Manifest
from slipway.watch import write_report

TRIVIAL = "a trivial model"
NEXT = {
    Outcome.PASS: "Nothing: the live release is still the right one.",
    Outcome.FAIL: "Worse than an earlier release: `./run rollback --to TAG` takes seconds. Worse than a trivial model: the world "
    "has changed; add these rows to the training data, `./run train`, and let the gate judge.",
    Outcome.INCONCLUSIVE: "Wait until more true values are known, then type the same again.",
}
SEVERITY = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)
HEAD = ["compared with", "verdict", "its loss", "loss of the live release minus that", "margin"]
HOW_TO_READ = "The dot is the measured difference; the true one lies within the bar. Up to the dashed line, the live release may be worse."


class Rival(Part):
    """What the live release is held against: a release before it, or a trivial model."""

    name: str
    verdict: Outcome
    reason: str
    loss: float
    harm: Harm


class OutcomesReport(Part):
    """`outcomes.json`: the verdict, and every number behind it."""

    verdict: Outcome
    exit_code: int
    release: str
    source: str
    at: str
    rows: int
    loss: float
    metrics: dict[str, float]
    rivals: list[Rival]


def outcomes(project: Project, file: str) -> OutcomesReport:
    """Judge the live release on rows whose truth is known, and write build/outcomes/. Raises PipelineError when it cannot be judged."""
    rows, target = _read_rows(Path(file)), targets.load_target(project)
    state = read_state(target)
    if state.live is None:
        raise PipelineError("No release is live to be judged. Next: ./run deploy TAG.")
    answers, manifest = _ask_release(project, target, state.live, rows)
    classes, earlier = manifest.model.classes, dict[str, Values]()
    for each in chain.select_kept(state.proven, state.live, KEPT):
        if each.digest == state.live.digest:
            continue
        try:
            theirs, its_manifest = _ask_release(project, target, each, rows)
            earlier[each.tag] = align_classes(theirs, its_manifest.model.classes, classes)
        except PipelineError as error:
            say.warn(f"{each.tag} is left out: {error}")
    sides = Sides(rows, answers, None, repeat_constant(manifest.trivial, len(rows)), classes)
    score_owner(sides, answers)
    report = judge_outcomes(
        state.live.tag, answers, earlier, sides, rules.load_rules(project).thresholds, Path(file).name, chain.format_now()
    )
    write_report(project.root / "build" / "outcomes", report, format_markdown(report), format_page(report))
    return report


def _read_rows(path: Path) -> pd.DataFrame:
    rows = dataset.read(path)
    if lacking := [name for name in dataset.list_columns() if name not in rows]:
        raise PipelineError(f"{path} has no {', '.join(lacking)}. Expected: the features, and what was true as {features.TARGET}.")
    known = rows[rows[features.TARGET].notna()].reset_index(drop=True)
    groups = known[features.GROUP].nunique() if features.GROUP else len(known)
    if wrong := gate.describe_too_few(known[features.TARGET].tolist(), groups, features.TARGET):
        raise PipelineError(f"{path} can judge nothing: {wrong}. Next: wait until more true values are known.")
    return known


def _ask_release(project: Project, target: Target, release: Deployment, rows: pd.DataFrame) -> tuple[Answers, Manifest]:
    target.fetch_release(release.digest)
    with open_predictor(project, target.locate_release(release.digest)) as predictor:
        return predictor.answer(rows), predictor.manifest


def judge_outcomes(
    live: str, answers: Values, earlier: Mapping[str, Values], sides: Sides, rules: Thresholds, source: str, at: str
) -> OutcomesReport:
    """Judge the answers of the live release against those of earlier releases and of a trivial model; the worst verdict is that of all.

    `sides` has the rows with their truth, and the trivial model's answers.
    """
    rivals = [_judge_rival(name, replace(sides, ours=answers, theirs=theirs), rules) for name, theirs in earlier.items()]
    rivals.append(_judge_rival(TRIVIAL, replace(sides, ours=answers, theirs=None), rules))
    verdict = min((each.verdict for each in rivals), key=SEVERITY.index)
    return OutcomesReport(
        verdict=verdict,
        exit_code=verdict.exit_code,
        release=live,
        source=source,
        at=at,
        rows=len(sides.reference),
        loss=float(sides.losses(answers).mean()),
        metrics=compute_metrics(sides.truth, answers),
        rivals=rivals,
    )


def _judge_rival(name: str, sides: Sides, rules: Thresholds) -> Rival:
    """Judge by the gate's own rule; the rival is the trivial model where `sides` has no other."""
    theirs = sides.trivial if sides.theirs is None else sides.theirs
    harm = measure(sides, theirs, rules, len(sides.reference), None)
    margin = 0.0 if sides.theirs is None else compute_tolerated(sides, rules, None)
    verdict = gate.judge_harm(harm, margin, name, name_unit())
    loss = float(sides.losses(theirs).mean())
    return Rival(name=name, verdict=verdict.outcome, reason=verdict.reasons[0], loss=loss, harm=describe_harm(harm, margin))


def format_markdown(report: OutcomesReport) -> str:
    """Return `outcomes.md`."""
    metrics = ", ".join(f"{name} {value:.4g}" for name, value in report.metrics.items())
    blocks = [
        f"## {report.verdict.value}: {report.release}, by the true values",
        f"On {report.rows} rows of {report.source}, {report.at}: loss {format_figure(report.loss)}, {metrics}.",
        say.table(HEAD, [[each.name, *_cells(each)] for each in report.rivals]),
        "\n".join(f"- {each.reason}" for each in report.rivals),
        f"Next: {NEXT[report.verdict]}",
    ]
    return "\n\n".join(blocks)


def _cells(rival: Rival) -> list[str]:
    harm = f"{rival.harm.mean:+.4g} ({rival.harm.low:+.4g} to {rival.harm.high:+.4g})"
    return [rival.verdict.value, format_figure(rival.loss), harm, f"{rival.harm.margin:.4g}"]


def format_page(report: OutcomesReport) -> str:
    """Return `outcomes.html`: the verdict, the rivals, a bar for each, and what to do next."""
    kind, name = report.verdict.value.lower(), f"<small>Outcomes of {escape(report.release)}</small>"
    parts = [
        f'<h1 class="verdict {kind}">{name} {SYMBOLS[report.verdict]} {report.verdict.value}</h1>',
        format_list([each.reason for each in report.rivals], "reasons"),
        format_paragraph(
            f"On {report.rows} rows of {report.source}, {report.at}. The loss of {report.release} is {format_figure(report.loss)}."
        ),
        format_section(
            "Held against", format_table(HEAD, ([Html(f"<b>{escape(each.name)}</b>"), *_cells(each)] for each in report.rivals))
        ),
        format_section("Loss of the live release minus that", format_paragraph(HOW_TO_READ, "read"), _draw_bars(report.rivals)),
        format_section(
            "Metrics of the live release", format_table([], [[name, format_figure(value)] for name, value in report.metrics.items()])
        ),
        format_section("What to do next", format_paragraph(NEXT[report.verdict], "next")),
    ]
    return frame_page(f"{report.verdict.value}: outcomes of {report.release}", "\n".join(parts))


def _draw_bars(rivals: list[Rival]) -> str:
    scale = markup.make_scale([0.0, *(value for each in rivals for value in (each.harm.low, each.harm.high, each.harm.margin))])
    ends = '<div class="ends"><span>← the live release is better</span><span>it is worse →</span></div>'
    bars = "".join(_draw_rival(each, scale) for each in rivals)
    axis = f'<div class="axis"><span></span><div>{ends}{markup.draw_axis(scale)}</div><span></span></div>'
    return f'<figure class="forest">{axis}\n{bars}</figure>'


def _draw_rival(rival: Rival, scale: markup.Scale) -> str:
    harm = format_harm(rival.harm)
    name = f"<span>{escape(rival.name)} <b>{rival.verdict.value}</b></span>"
    bar = markup.draw_bar(rival.harm, scale, f"{rival.name}: {harm}")
    return f'<div class="{rival.verdict.value.lower()}">{name}{bar}<small>{escape(harm)}</small></div>'
