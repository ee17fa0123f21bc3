"""The verdict as one page, `gate.html`: its sections in words, tables and pictures, each picture with a sentence on how to read it."""

from collections.abc import Sequence
from html import escape

from slipway.gate.gate import format_p
from slipway.gate.markup import (
    Html,
    Points,
    Scale,
    draw_axis,
    draw_bar,
    draw_lines,
    draw_marks,
    draw_scatter,
    format_list,
    format_paragraph,
    format_section,
    format_table,
    frame_page,
    make_scale,
    spread_points,
)
from slipway.report import NEXT, Data, Harm, Judgement, Outcome, Side, Slice, format_figure

SYMBOLS = {Outcome.PASS: "✓", Outcome.FAIL: "✗", Outcome.INCONCLUSIVE: "?"}
SHOWN = 50
BETTER = '<div class="ends"><span>← candidate is better</span><span>candidate is worse →</span></div>'
BAR = (
    "The dot is the measured difference. The true one lies within the bar: each of its ends holds with the confidence in "
    "`validation/thresholds.toml`, 95 of 100 times by default. "
)
CHAMPION = "The dashed line is the margin: the candidate may be worse up to there. If the whole bar is in the green, it is good enough."
TRIVIAL = "If the whole bar is in the green, left of zero, the candidate has learnt something."
MANY = (
    "Read these like the bar above. A slice rejects the candidate if its dot is right of its own dashed line and p is small, below 0.05 by "
    "default: that would hardly happen by chance. p allows for the number of slices. An arrow says that the bar continues."
)
DOT = "Each dot is a row of the reference dataset"
READ = {
    "regression": f"{DOT}. On the dashed line, the answer was right; above it, too high; below it, too low.",
    "binary": f"{DOT}: to the right its class, upwards the probability of class 1. Good is low on the left and high on the right.",
    "multiclass": f"{DOT}: to the right the number of its class, upwards the probability of that class. Good is high everywhere.",
}
PART = "Look for places where the lines differ: there, one of the two is worse."
RISE = "A line that rises at the end says that the model fits newer rows less well."


def format_page(judged: Judgement) -> str:
    """Return `gate.html`: the verdict first, then what is behind it, then what to do."""
    parts = (
        format_verdict,
        describe_sides,
        draw_difference,
        draw_slices,
        list_metrics,
        draw_answers,
        draw_losses,
        describe_data,
        list_behaviour,
        describe_image,
        describe_next,
    )
    return frame_page(f"{judged.verdict.value}: gate on {judged.candidate.tag}", "\n".join(filter(None, (part(judged) for part in parts))))


def format_verdict(judged: Judgement) -> str:
    """Return the verdict in large letters, why, and what a person should know."""
    outcome = judged.verdict
    large = f'<h1 class="verdict {outcome.value.lower()}"><small>Gate</small> {SYMBOLS[outcome]} {outcome.value}</h1>'
    return "\n".join([large, format_list(judged.reasons, "reasons"), format_list(judged.notes, "notes")])


def describe_sides(judged: Judgement) -> str:
    """Return who was held against whom, on what and by which rules."""
    uses, champion = judged.reference_uses, judged.champion
    used = "it is not known how often it was used" if uses is None else f"candidates judged on it, with this one: {uses}"
    rules = f"thresholds {shorten_hash(judged.thresholds_sha256)}, expectations {shorten_hash(judged.expectations_sha256)}"
    rules += f", checks {shorten_hash(judged.checks_sha256)}" if judged.checks_sha256 else ""
    groups = f" in {judged.harm.groups} groups" if judged.harm and judged.harm.groups != judged.harm.rows else ""
    facts = [
        ["candidate", name_side(judged.candidate)],
        ["compared with", name_side(champion) if champion else "a trivial model, with one answer for every row: this is a first release"],
        ["judged at", judged.at.replace("T", " ")],
        ["reference dataset", Html(f"{shorten_hash(judged.reference_sha256)}, {judged.reference_rows} rows{groups}; {used}")],
        ["rules", Html(f"from {escape(judged.rules)}: {rules}")],
    ]
    return format_section("What was compared", format_table([], facts))


def name_side(side: Side) -> Html:
    """Return the names of a side."""
    image = "no image yet" if side.digest == "none" else f"image {shorten_hash(side.digest)}"
    return Html(f"<b>{escape(side.tag)}</b>, {image}, manifest {shorten_hash(side.manifest_sha256)}")


def shorten_hash(sha: str) -> str:
    """Return the beginning of a hash, which names it well enough; the whole one is in `gate.json`."""
    return f'<code title="{escape(sha)}">{escape(sha.removeprefix("sha256:")[:12])}</code>'


def list_metrics(judged: Judgement) -> str:
    """Return the figures of both sides."""
    ours, champion, best = judged.candidate, judged.champion, judged.best
    sides = [ours, champion] if champion else [ours]
    names = dict.fromkeys(name for side in sides for name in side.metrics)
    cells = [["loss (lower is better)", *(format_figure(side.loss) for side in sides)]]
    cells += [[name, *(format_figure(side.metrics.get(name)) for side in sides)] for name in names]
    read = f"The loss of a trivial model is {judged.trivial_loss:.4g}"
    read += f"; that of {best.tag}, the best release so far on this dataset, is {best.loss:.4g}." if best else "."
    return format_section(
        "Metrics on the reference dataset",
        format_table(["metric", "candidate", "champion"][: 1 + len(sides)], cells),
        format_paragraph(read, "read"),
    )


def describe_data(judged: Judgement) -> str:
    """Return what the checks of the data found."""
    checked = judged.data
    failed = f"{len(checked.findings)} of {checked.expectations} expectations on the training data do not hold:"
    summary = failed if checked.findings else f"All {checked.expectations} expectations on the training data hold."
    cells = [[each.column, each.expectation, each.observed, list_numbers(each.rows)] for each in checked.findings]
    found = format_table(["column", "expectation", "observed", "rows"], cells) if cells else ""
    return format_section("Data checks", format_paragraph(summary), found, format_paragraph(describe_overlap(checked)))


def describe_overlap(checked: Data) -> str:
    """Say which reference rows were learnt from."""
    if checked.overlap is None:
        return "It is not known whether reference rows are in the training data: the candidate was trained on other data than is here."
    if not checked.overlap:
        return "No row of the reference dataset is in the training data."
    return (
        f"Rows of the reference dataset that are also in the training data: {len(checked.overlap)}, so their answers may be remembered and "
        f"not predicted. Counted from 0: {list_numbers(checked.overlap)}."
    )


def list_numbers(found: list[int]) -> str:
    """Name rows, not too many."""
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(map(str, found[:SHOWN])) + more


def list_behaviour(judged: Judgement) -> str:
    """Return the declared behaviour; nothing where none is."""
    cells = [[case.name, case.kind, choose_mark(case.holds), case.told] for case in judged.behaviour]
    return format_section("Behaviour", format_table(["case", "kind", "holds", "what was answered"], cells)) if cells else ""


def choose_mark(holds: bool) -> Html:
    """Return whether something holds, by colour and by word."""
    return Html('<b class="pass">✓ yes</b>' if holds else '<b class="fail">✗ no</b>')


def describe_image(judged: Judgement) -> str:
    """Return what the built release did; nothing before it is built."""
    built = judged.image
    if not built:
        return ""
    differ = "not known: it did not start" if built.golden_difference is None else f"{built.golden_difference:.3g}"
    slow = "not known" if built.p99_ms is None else f"{built.p99_ms:.1f} ms"
    facts = [["largest difference from the answers at training time", differ], ["99 of 100 requests take at most", slow]]
    facts += [["size", f"{built.size_mb:.0f} MB"], *([["built on", built.base]] if built.base else [])]
    facts += [["answered by", built.answered]] if built.answered else []
    failures = format_list(built.failures, "fail") if built.failures else format_paragraph("Nothing is wrong with it.")
    return format_section("The built image", format_table([], facts), failures)


def describe_next(judged: Judgement) -> str:
    """Return what to do next."""
    return format_section("What to do next", format_paragraph(NEXT[judged.verdict], "next"))


def format_harm(harm: Harm) -> str:
    """Return a harm as text."""
    return f"{harm.mean:+.4g} (from {harm.low:+.4g} to {harm.high:+.4g}), margin {harm.margin:.4g}"


def draw_difference(judged: Judgement) -> str:
    """Return the overall difference as a bar."""
    title, harm = f"Loss of the candidate minus that of the {'champion' if judged.champion else 'trivial model'}", judged.harm
    if not harm:
        return format_section(title, format_paragraph("Not compared: the candidate was rejected before that."))
    scale = make_scale([harm.low, harm.high, harm.margin, 0.0])
    drawn = draw_marks(harm, scale) + draw_bar(harm, scale, f"overall: {format_harm(harm)}") + draw_axis(scale)
    tone = "pass" if harm.high < harm.margin else "fail" if harm.low > 0 else "inconclusive"
    picture = f'<figure><div class="{tone}">{drawn}</div>{BETTER}</figure>'
    return format_section(
        title, format_paragraph(format_harm(harm)), picture, format_paragraph(BAR + (CHAMPION if judged.champion else TRIVIAL), "read")
    )


def draw_slices(judged: Judgement) -> str:
    """Return the slices as a forest plot, those that refuse the candidate first; nothing where there are none."""
    if not judged.slices:
        return ""
    # Those that are too small to be judged have the widest bars, which would squeeze the others.
    wide = [each for each in judged.slices if each.p is not None] or judged.slices
    scale = make_scale([0.0, *(value for each in wide for value in (each.low, each.high, each.margin))])
    ends = f'<div class="axis"><span></span><div>{BETTER}{draw_axis(scale)}</div><span></span></div>'
    drawn = "\n".join(draw_slice(each, scale) for each in sorted(judged.slices, key=lambda each: not each.failed))
    return format_section("The same in each slice", format_paragraph(MANY, "read"), f'<figure class="forest">{ends}\n{drawn}</figure>')


def draw_slice(slice_: Slice, scale: Scale) -> str:
    """Return a slice as a row of the forest plot."""
    tone, result = ("unjudged", "not judged: too few") if slice_.p is None else ("fail", "✗ worse") if slice_.failed else ("judged", "ok")
    figures = format_harm(slice_) + ("" if slice_.p is None else f", {format_p(slice_.p)}") + f", {slice_.rows} rows"
    picture = draw_bar(slice_, scale, f"{slice_.name}: {result}")
    return f'<div class="{tone}"><span>{escape(slice_.name)} <b>{result}</b></span>{picture}<small>{escape(figures)}</small></div>'


def draw_answers(judged: Judgement) -> str:
    """Return what was said over what was true, a panel for each side; nothing without a sample."""
    ours = [(true, answer) for true, answer, _ in judged.sample]
    theirs = [(true, answer) for true, _, answer in judged.sample if answer is not None]
    if not ours:
        return ""
    sides = [("candidate", "first", ours), ("champion", "second", theirs)]
    drawn = "".join(draw_panel(*each, judged.task, [*ours, *theirs]) for each in sides if each[2])
    title = "Predicted against actual" if judged.task == "regression" else "Probability against class"
    read = f"{READ[judged.task]} {len(ours)} rows are shown."
    return format_section(title, f'<figure class="panels">{drawn}</figure>', format_paragraph(read, "read"))


def draw_panel(side: str, colour: str, points: Points, task: str, every: Points) -> str:
    """Return the picture of one side, on the scales of both."""
    if task == "regression":
        both = make_scale(value for point in every for value in point)
        picture = draw_scatter(points, both, both, ("actual", "predicted"), False)
    else:
        classes = [true for true, _ in every]
        across = Scale(min(classes) - 0.5, max(classes) + 0.5)
        names = ("class", "probability of class 1" if task == "binary" else "probability of that class")
        picture = draw_scatter(spread_points(points), across, Scale(-0.03, 1.03), names, True)
    return f'<div class="{colour}"><h3>{side}</h3>{picture}</div>'


def draw_losses(judged: Judgement) -> str:
    """Return the losses along the reference dataset; nothing where there are no two stretches of it."""
    if len(judged.over_time) < 2:
        return ""
    ours = [loss for _, loss, _ in judged.over_time]
    theirs = [loss for _, _, loss in judged.over_time if loss is not None]
    first, last = judged.over_time[0][0], judged.over_time[-1][0]
    picture = draw_lines([each for each in (ours, theirs) if each], f"mean loss from {first} to {last}")
    ends = f'<div class="ends"><span>{escape(first)}</span><span>{escape(last)}</span></div>'
    read = "How wrong the answers are on average, in the order of the reference dataset; lower is better. " + (PART if theirs else RISE)
    names = draw_legend(["candidate", "champion"] if theirs else ["candidate"])
    return format_section("Error over time", names, f"<figure>{picture}{ends}</figure>", format_paragraph(read, "read"))


def draw_legend(names: Sequence[str]) -> str:
    """Return which line is whose."""
    return (
        '<div class="legend">' + "".join(f'<span><i class="line{number}"></i>{name}</span>' for number, name in enumerate(names)) + "</div>"
    )
