"""The verdict as a document: `gate.json` for machines, `gate.md` for people; `gate.html` is in `slipway.gate.page`."""

from enum import Enum
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Outcome(Enum):
    """What the gate says. Only PASS lets a release through."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"

    @property
    def exit_code(self) -> int:
        """0, 1 and 3; 2 is kept for "could not judge"."""
        return {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.INCONCLUSIVE: 3}[self]


NEXT = {
    Outcome.PASS: "Next: `./run build`, then `./run push`.",
    Outcome.FAIL: "Nothing is promoted; the live release stays live. Look at the reasons, change the data or the model, and train again.",
    Outcome.INCONCLUSIVE: "Nothing is promoted. Collect more reference rows, or make a larger difference.",
}
MOST_LINES = 30


class Part(BaseModel):
    """Strict: what is written is what is read."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Side(Part):
    """One of the two that were compared."""

    tag: str
    """Of the release, or the commit of what has no tag yet."""
    digest: str
    manifest_sha256: str
    loss: float | None
    """Mean over the reference dataset, by `model/metrics.py`; null when its answers cannot be judged."""
    metrics: dict[str, float]


class Harm(Part):
    """The candidate's loss minus that of what it is held against; each bound holds with the confidence in the thresholds."""

    mean: float
    low: float
    high: float
    margin: float
    """The harm that is tolerated."""
    rows: int
    groups: int


class Slice(Harm):
    """The harm in a slice."""

    name: str
    p: float | None
    """One-sided, after Holm; null where there are too few rows or groups to judge."""
    failed: bool


class Best(Part):
    """The lowest loss that a release of this chain had on this reference dataset."""

    tag: str
    manifest_sha256: str
    loss: float
    reference_sha256: str


class Finding(Part):
    """An expectation that does not hold, with the numbers of some rows, from 0."""

    column: str
    expectation: str
    observed: str
    rows: list[int]


class Data(Part):
    """What was looked at in the data."""

    expectations: int
    """How many there are."""
    findings: list[Finding]
    """Those that the training data does not meet."""
    overlap: list[int] | None
    """Rows of the reference dataset, from 0, that are in the training data too; null where the candidate learnt from other data."""


class Case(Part):
    """One declared behaviour."""

    name: str
    kind: str
    holds: bool
    told: str
    """The rows and answers that break it, or how many rows hold."""


class Image(Part):
    """The built release, asked as callers will ask it."""

    golden_difference: float | None
    """Between its answers and those at training time; null when it did not start."""
    p99_ms: float | None
    """Of requests with one row."""
    size_mb: float
    base: str = ""
    """What it was built on, as NAME@DIGEST where the digest is known; empty for a folder."""
    answered: str = ""
    """By what, with which packages, and why."""
    failures: list[str]


class Judgement(Part):
    """`gate.json`: the verdict and every number behind it."""

    schema_version: Literal[1] = 1
    verdict: Outcome
    exit_code: int
    reasons: list[str]
    """A sentence each; why it is not PASS, or why it is."""
    notes: list[str] = []
    """What a person should know, whatever the verdict."""
    candidate: Side
    champion: Side | None
    """Null for a first release, which is held against the trivial model instead."""
    trivial_loss: float
    harm: Harm | None
    """Null when something refuses the candidate before it is compared."""
    slices: list[Slice] = []
    best: Best | None = None
    data: Data
    behaviour: list[Case] = []
    image: Image | None = None
    """Filled in by `build`."""
    reference_sha256: str
    reference_rows: int = 0
    reference_uses: int | None = None
    """How many candidates were judged on this reference dataset, this one included; null when the ledger cannot tell."""
    rules: str
    """Where thresholds, expectations and reference dataset are from: "this checkout", or a commit."""
    thresholds_sha256: str
    expectations_sha256: str
    checks_sha256: str | None = None
    """Of `validation/checks.py`; null without that file."""
    seed: int
    """Of the bootstrap; from model and reference dataset, so the same inputs get the same verdict."""
    at: str
    """When; empty in what a release carries."""
    task: Literal["regression", "binary", "multiclass"]
    sample: list[tuple[float, float, float | None]] = []
    """For the picture: what was true, what the candidate said, what the champion said. A classification: the number of the true class, and
    the probability of the second class (binary) or of the true class (multiclass)."""
    over_time: list[tuple[str, float, float | None]] = []
    """For the picture: first group (or row number) of a stretch of the reference dataset, mean loss of candidate and champion there."""


def add_failures(judged: Judgement, failures: list[str]) -> Judgement:
    """Return a judgement that is FAIL for more reasons."""
    reasons = [*(judged.reasons if judged.verdict is Outcome.FAIL else []), *failures]
    return judged.model_copy(update={"verdict": Outcome.FAIL, "exit_code": Outcome.FAIL.exit_code, "reasons": reasons})


def strip_circumstances(judged: Judgement) -> Judgement:
    """Return a judgement as the release carries it: without what depends on when and where: the same inputs give the same release."""
    return judged.model_copy(update={"at": "", "reference_uses": None, "notes": [], "image": None})


def format_markdown(judged: Judgement) -> str:
    """Return `gate.md`: the verdict first, then the figures, then what to do."""
    champion, image = judged.champion, judged.image
    against = f"{champion.tag} ({champion.digest[:19]})" if champion else "a trivial model (first release)"
    sides = f"{judged.candidate.tag} ({judged.candidate.manifest_sha256[:12]}) against {against}"
    blocks = [
        f"## Gate: {judged.verdict.value}",
        _list_sentences("- ", judged.reasons),
        _list_sentences("> ", judged.notes),
        f"{sides}, on the reference dataset {judged.reference_sha256[:12]}, by the rules of {judged.rules}.",
        "\n".join(["| metric | candidate | champion |", "|---|---|---|", *_list_metrics(judged)]),
        "\n".join(["| slice | rows | harm | margin | |", "|---|---|---|---|---|", *map(_format_slice, judged.slices[:MOST_LINES])])
        if judged.slices
        else "",
        _describe_image(image) if image else "",
        NEXT[judged.verdict],
    ]
    return "\n\n".join(block for block in blocks if block)


def _describe_image(image: Image) -> str:
    size = f"The release has {image.size_mb:.0f} MB; 99 of 100 requests took up to {format_figure(image.p99_ms)} ms."
    return f"{size} It is answered by {image.answered}." if image.answered else size


def _list_sentences(mark: str, sentences: list[str]) -> str:
    """Return sentences as lines; of very many the first."""
    more = [f"{mark}… and {len(sentences) - MOST_LINES} more, in gate.json"] if len(sentences) > MOST_LINES else []
    return "\n".join([*(mark + each for each in sentences[:MOST_LINES]), *more])


def _list_metrics(judged: Judgement) -> list[str]:
    champion = judged.champion
    theirs = {"loss": champion.loss, **champion.metrics} if champion else {}
    both = {"loss": judged.candidate.loss, **judged.candidate.metrics}
    rows = [f"| {name} | {format_figure(value)} | {format_figure(theirs.get(name))} |" for name, value in both.items()]
    return [*rows, f"| loss of a trivial model | {judged.trivial_loss:.4g} | |"]


def _format_slice(part: Slice) -> str:
    result = "not judged: too few" if part.p is None else "**worse**" if part.failed else "ok"
    name = part.name.replace("|", "\\|")
    return f"| {name} | {part.rows} | {part.mean:+.4g} ({part.low:+.4g} to {part.high:+.4g}) | {part.margin:.4g} | {result} |"


def format_figure(value: float | None) -> str:
    """Write a figure; a dash where there is none."""
    return "–" if value is None else f"{value:.4g}"
