"""The sections of `gate.html` that are pictures, each with a sentence on how to read it."""

from collections.abc import Sequence
from html import escape

from slipway.gate import plots
from slipway.gate.gate import chance
from slipway.gate.markup import paragraph, section
from slipway.report import Harm, Judgement, Slice

BETTER = '<div class="ends"><span>← candidate is better</span><span>candidate is worse →</span></div>'
BAR = (
    "The dot is the difference that was measured, the bar is where the true one lies: each of its ends holds with the confidence in "
    "`validation/thresholds.toml`, 95 of 100 times by default. "
)
CHAMPION = "Up to the dashed line, the margin, being worse is tolerated: a bar that is wholly in the green is good enough."
TRIVIAL = "If the whole bar is in the green, left of zero, the candidate has learnt something."
MANY = (
    "To be read like the bar above. A slice refuses the candidate if its dot is right of its own dashed line and p is small, below 0.05 by "
    "default: chance alone would hardly show that. p allows for how many slices are looked at. An arrow says that the bar goes on."
)
DOT = "Each dot is a row of the reference dataset"
READ = {
    "regression": f"{DOT}. On the dashed line the answer was right, above it too high, below it too low.",
    "binary": f"{DOT}: across its class, up the probability that was given to class 1. Good is low on the left and high on the right.",
    "multiclass": f"{DOT}: across the number of its class, up the probability that was given to that class. Good is high everywhere.",
}

PART = "Look for where the lines part: there one of the two is worse."
RISE = "A line that rises at the end says that the model fits newer rows less well."


def span(harm: Harm) -> str:
    """Return a harm as text."""
    return f"{harm.mean:+.4g} (from {harm.low:+.4g} to {harm.high:+.4g}), margin {harm.margin:.4g}"


def difference(judged: Judgement) -> str:
    """Return the overall difference as a bar."""
    title, harm = f"Loss of the candidate minus that of the {'champion' if judged.champion else 'trivial model'}", judged.harm
    if not harm:
        return section(title, paragraph("Not compared: something refuses the candidate before that."))
    scale = plots.spanning([harm.low, harm.high, harm.margin, 0.0])
    drawn = plots.marks(harm, scale) + plots.bar(harm, scale, f"overall: {span(harm)}") + plots.axis(scale)
    tone = "pass" if harm.high < harm.margin else "fail" if harm.low > 0 else "inconclusive"
    picture = f'<figure><div class="{tone}">{drawn}</div>{BETTER}</figure>'
    return section(title, paragraph(span(harm)), picture, paragraph(BAR + (CHAMPION if judged.champion else TRIVIAL), "read"))


def slices(judged: Judgement) -> str:
    """Return the slices as a forest plot, those that refuse the candidate first; nothing where there are none."""
    if not judged.slices:
        return ""
    # Those that are too small to be judged have the widest bars, which would squeeze the others.
    wide = [each for each in judged.slices if each.p is not None] or judged.slices
    scale = plots.spanning([0.0, *(value for each in wide for value in (each.low, each.high, each.margin))])
    ends = f'<div class="axis"><span></span><div>{BETTER}{plots.axis(scale)}</div><span></span></div>'
    drawn = "\n".join(row(each, scale) for each in sorted(judged.slices, key=lambda each: not each.failed))
    return section("The same in each slice", paragraph(MANY, "read"), f'<figure class="forest">{ends}\n{drawn}</figure>')


def row(of: Slice, scale: plots.Scale) -> str:
    """Return a slice as a row of the forest plot."""
    tone, said = ("unjudged", "not judged: too few") if of.p is None else ("fail", "✗ worse") if of.failed else ("judged", "ok")
    told = span(of) + ("" if of.p is None else f", {chance(of.p)}") + f", {of.rows} rows"
    picture = plots.bar(of, scale, f"{of.name}: {said}")
    return f'<div class="{tone}"><span>{escape(of.name)} <b>{said}</b></span>{picture}<small>{escape(told)}</small></div>'


def answers(judged: Judgement) -> str:
    """Return what was said over what was true, a panel for each side; nothing without a sample."""
    ours = [(true, said) for true, said, _ in judged.sample]
    theirs = [(true, said) for true, _, said in judged.sample if said is not None]
    if not ours:
        return ""
    sides = [("candidate", "first", ours), ("champion", "second", theirs)]
    drawn = "".join(panel(*each, judged.task, [*ours, *theirs]) for each in sides if each[2])
    title = "Predicted against actual" if judged.task == "regression" else "Probability against class"
    read = f"{READ[judged.task]} {len(ours)} rows are shown."
    return section(title, f'<figure class="panels">{drawn}</figure>', paragraph(read, "read"))


def panel(side: str, colour: str, points: plots.Points, task: str, every: plots.Points) -> str:
    """Return the picture of one side, on the scales of both."""
    if task == "regression":
        both = plots.spanning(value for point in every for value in point)
        picture = plots.scatter(points, both, both, ("actual", "predicted"), False)
    else:
        classes = [true for true, _ in every]
        across = plots.Scale(min(classes) - 0.5, max(classes) + 0.5)
        names = ("class", "probability of class 1" if task == "binary" else "probability of that class")
        picture = plots.scatter(plots.beside(points), across, plots.Scale(-0.03, 1.03), names, True)
    return f'<div class="{colour}"><h3>{side}</h3>{picture}</div>'


def over_time(judged: Judgement) -> str:
    """Return the losses along the reference dataset; nothing where there are no two stretches of it."""
    if len(judged.over_time) < 2:
        return ""
    ours = [loss for _, loss, _ in judged.over_time]
    theirs = [loss for _, _, loss in judged.over_time if loss is not None]
    first, last = judged.over_time[0][0], judged.over_time[-1][0]
    picture = plots.lines([each for each in (ours, theirs) if each], f"mean loss from {first} to {last}")
    ends = f'<div class="ends"><span>{escape(first)}</span><span>{escape(last)}</span></div>'
    read = "How wrong the answers are on average, in the order of the reference dataset; lower is better. " + (PART if theirs else RISE)
    names = legend(["candidate", "champion"] if theirs else ["candidate"])
    return section("Error over time", names, f"<figure>{picture}{ends}</figure>", paragraph(read, "read"))


def legend(names: Sequence[str]) -> str:
    """Return which line is whose."""
    return (
        '<div class="legend">' + "".join(f'<span><i class="line{number}"></i>{name}</span>' for number, name in enumerate(names)) + "</div>"
    )
