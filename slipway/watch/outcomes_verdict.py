"""Is the live release still better, now that the truth is known? `outcomes.json` and `outcomes.md`; the page is in `outcomes_page`."""

from collections.abc import Mapping
from dataclasses import replace

from slipway.gate import gate
from slipway.gate.comparison import Sides, compute_tolerated, describe_harm, measure, name_unit
from slipway.gate.losses import Values
from slipway.gate.scoring import compute_metrics
from slipway.report import Harm, Outcome, Part, format_figure
from slipway.rules import Thresholds

TRIVIAL = "a trivial model"
NEXT = {
    Outcome.PASS: "Nothing: what serves is what should serve.",
    Outcome.FAIL: "Worse than a release before: `./run rollback --to TAG` puts that back in seconds. Worse than a trivial model: the world "
    "has changed; add these rows to the training data, `./run train`, and let the gate judge.",
    Outcome.INCONCLUSIVE: "Wait for more rows whose truth is known, and ask again.",
}
ORDER = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)
HEAD = ["held against", "verdict", "its loss", "loss of the live release minus that", "margin"]


class Rival(Part):
    """What the live release is held against: a release before it, or a model that looks at nothing."""

    name: str
    verdict: Outcome
    reason: str
    loss: float
    harm: Harm


class Outcomes(Part):
    """The verdict, and every number behind it."""

    verdict: Outcome
    exit_code: int
    release: str
    source: str
    at: str
    rows: int
    loss: float
    metrics: dict[str, float]
    rivals: list[Rival]


def rival(name: str, sides: Sides, rules: Thresholds, seed: int) -> Rival:
    """Hold the live release against another one, by the gate's own rule; against the trivial model where there is no other in `sides`."""
    theirs = sides.trivial if sides.theirs is None else sides.theirs
    harm = measure(sides, theirs, rules, seed, None)
    margin = 0.0 if sides.theirs is None else compute_tolerated(sides, rules, None)
    said = gate.judge_harm(harm, margin, name, name_unit())
    return Rival(
        name=name, verdict=said.outcome, reason=said.reasons[0], loss=float(sides.losses(theirs).mean()), harm=describe_harm(harm, margin)
    )


def judge(live: str, answers: Values, before: Mapping[str, Values], sides: Sides, rules: Thresholds, source: str, at: str) -> Outcomes:
    """Judge the answers of the live release beside those of the releases before it; the worst verdict is that of all.

    `sides` has the rows with their truth, and what a trivial model answers.
    """
    seed = len(sides.reference)
    found = [rival(name, replace(sides, ours=answers, theirs=theirs), rules, seed) for name, theirs in before.items()]
    found.append(rival(TRIVIAL, replace(sides, ours=answers, theirs=None), rules, seed))
    verdict = next(each for each in ORDER if each in {one.verdict for one in found})
    return Outcomes(
        verdict=verdict,
        exit_code=verdict.exit_code,
        release=live,
        source=source,
        at=at,
        rows=len(sides.reference),
        loss=float(sides.losses(answers).mean()),
        metrics=compute_metrics(sides.truth, answers),
        rivals=found,
    )


def markdown(said: Outcomes) -> str:
    """Return the outcomes as text."""
    lines = [
        f"## {said.verdict.value}: {said.release}, now that the truth is known",
        "",
        f"On {said.rows} rows of {said.source}, {said.at}: loss {format_figure(said.loss)}, "
        + ", ".join(f"{name} {value:.4g}" for name, value in said.metrics.items())
        + ".",
        "",
        f"| {' | '.join(HEAD)} |",
        f"|{' --- |' * len(HEAD)}",
        *(f"| {' | '.join(cells(each))} |" for each in said.rivals),
        "",
        *(f"- {each.reason}" for each in said.rivals),
        "",
        f"Next: {NEXT[said.verdict]}",
    ]
    return "\n".join(lines)


def cells(each: Rival) -> list[str]:
    """Return the row of a rival."""
    harm = f"{each.harm.mean:+.4g} ({each.harm.low:+.4g} to {each.harm.high:+.4g})"
    return [each.name, each.verdict.value, format_figure(each.loss), harm, f"{each.harm.margin:.4g}"]
