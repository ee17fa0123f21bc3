"""The verdict as one page, `gate.html`: what stands in which order, and what is said in words and tables."""

from html import escape

from slipway.gate.markup import Html, frame, listed, paragraph, section, table
from slipway.gate.page_pictures import answers, difference, over_time, slices
from slipway.report import NEXT, Data, Judgement, Outcome, Side, figure

SYMBOLS = {Outcome.PASS: "✓", Outcome.FAIL: "✗", Outcome.INCONCLUSIVE: "?"}
SHOWN = 50


def page(judged: Judgement) -> str:
    """Return `gate.html`: the verdict first, then what is behind it, then what to do."""
    parts = (verdict, compared, difference, slices, metrics, answers, over_time, data, behaviour, image, following)
    return frame(f"{judged.verdict.value}: gate on {judged.candidate.tag}", "\n".join(filter(None, (part(judged) for part in parts))))


def verdict(judged: Judgement) -> str:
    """Return the verdict in large letters, why, and what a person should know."""
    said = judged.verdict
    large = f'<h1 class="verdict {said.value.lower()}"><small>Gate</small> {SYMBOLS[said]} {said.value}</h1>'
    return "\n".join([large, listed(judged.reasons, "reasons"), listed(judged.notes, "notes")])


def compared(judged: Judgement) -> str:
    """Return who was held against whom, on what and by which rules."""
    uses, champion = judged.reference_uses, judged.champion
    used = "how often it was used is not known" if uses is None else f"candidates judged on it, with this one: {uses}"
    rules = f"thresholds {short(judged.thresholds_sha256)}, expectations {short(judged.expectations_sha256)}"
    groups = f" in {judged.harm.groups} groups" if judged.harm and judged.harm.groups != judged.harm.rows else ""
    facts = [
        ["candidate", named(judged.candidate)],
        ["held against", named(champion) if champion else "a trivial model, which answers every row alike: this is a first release"],
        ["judged at", judged.at.replace("T", " ")],
        ["reference dataset", Html(f"{short(judged.reference_sha256)}, {judged.reference_rows} rows{groups}; {used}")],
        ["rules", Html(f"from {escape(judged.rules)}: {rules}")],
    ]
    return section("What was compared", table([], facts))


def named(side: Side) -> Html:
    """Return the names of a side."""
    image = "no image yet" if side.digest == "none" else f"image {short(side.digest)}"
    return Html(f"<b>{escape(side.tag)}</b>, {image}, manifest {short(side.manifest_sha256)}")


def short(sha: str) -> str:
    """Return the beginning of a hash, which names it well enough; the whole one is in `gate.json`."""
    return f'<code title="{escape(sha)}">{escape(sha.removeprefix("sha256:")[:12])}</code>'


def metrics(judged: Judgement) -> str:
    """Return the figures of both sides."""
    ours, champion, best = judged.candidate, judged.champion, judged.best
    sides = [ours, champion] if champion else [ours]
    names = dict.fromkeys(name for side in sides for name in side.metrics)
    cells = [["loss (lower is better)", *(figure(side.loss) for side in sides)]]
    cells += [[name, *(figure(side.metrics.get(name)) for side in sides)] for name in names]
    told = f"The loss of a trivial model is {judged.trivial_loss:.4g}"
    told += f"; that of {best.tag}, the best release so far on this dataset, is {best.loss:.4g}." if best else "."
    return section(
        "Metrics on the reference dataset", table(["metric", "candidate", "champion"][: 1 + len(sides)], cells), paragraph(told, "read")
    )


def data(judged: Judgement) -> str:
    """Return what the checks of the data found."""
    checked = judged.data
    failed = f"{len(checked.findings)} of {checked.expectations} expectations on the training data do not hold:"
    said = failed if checked.findings else f"All {checked.expectations} expectations on the training data hold."
    cells = [[each.column, each.expectation, each.observed, numbers(each.rows)] for each in checked.findings]
    found = table(["column", "expectation", "observed", "rows"], cells) if cells else ""
    return section("Data checks", paragraph(said), found, paragraph(overlap(checked)))


def overlap(checked: Data) -> str:
    """Say which reference rows were learnt from."""
    if checked.overlap is None:
        return "Whether reference rows are in the training data could not be told: the candidate learnt from other data than is here."
    if not checked.overlap:
        return "No row of the reference dataset is in the training data."
    return (
        f"Rows of the reference dataset that are in the training data too: {len(checked.overlap)}, so their answers may be remembered and "
        f"not predicted. Counted from 0: {numbers(checked.overlap)}."
    )


def numbers(found: list[int]) -> str:
    """Name rows, not too many."""
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(map(str, found[:SHOWN])) + more


def behaviour(judged: Judgement) -> str:
    """Return the declared behaviour; nothing where none is."""
    cells = [[case.name, case.kind, mark(case.holds), case.told] for case in judged.behaviour]
    return section("Behaviour", table(["case", "kind", "holds", "what was answered"], cells)) if cells else ""


def mark(holds: bool) -> Html:
    """Return whether something holds, by colour and by word."""
    return Html('<b class="pass">✓ yes</b>' if holds else '<b class="fail">✗ no</b>')


def image(judged: Judgement) -> str:
    """Return what the built release did; nothing before it is built."""
    built = judged.image
    if not built:
        return ""
    differ = "not known: it did not start" if built.golden_difference is None else f"{built.golden_difference:.3g}"
    slow = "not known" if built.p99_ms is None else f"{built.p99_ms:.1f} ms"
    facts = [["largest difference from the answers at training time", differ], ["99 of 100 requests take at most", slow]]
    failures = listed(built.failures, "fail") if built.failures else paragraph("Nothing is wrong with it.")
    return section("The built image", table([], [*facts, ["size", f"{built.size_mb:.0f} MB"]]), failures)


def following(judged: Judgement) -> str:
    """Return what to do next."""
    return section("What to do next", paragraph(NEXT[judged.verdict], "next"))
