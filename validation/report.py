"""The verdict as a document: `gate.json` for machines, `gate.md` for people."""

from pydantic import BaseModel, ConfigDict

from validation.gate import Outcome

NEXT = {
    Outcome.PASS: "Next: `./run build`.",
    Outcome.FAIL: "Nothing is promoted; what serves now goes on serving. Look at the reasons, change the data or the model, train again.",
    Outcome.INCONCLUSIVE: "Nothing is promoted. Collect more reference rows, or make a difference that shows.",
}


class Side(BaseModel):
    """One of the two that were compared."""

    model_config = ConfigDict(extra="forbid")
    tag: str
    digest: str
    manifest_sha256: str
    loss: float | None
    metrics: dict[str, float]


class Harm(BaseModel):
    """The candidate's loss minus that of what it is held against; each bound holds with the confidence in the thresholds."""

    model_config = ConfigDict(extra="forbid")
    mean: float
    low: float
    high: float
    margin: float
    rows: int
    groups: int


class Judgement(BaseModel):
    """`gate.json`. `champion` is null for a first release, which is held against the trivial model instead."""

    model_config = ConfigDict(extra="forbid")
    schema_version: int = 1
    verdict: Outcome
    exit_code: int
    reasons: list[str]
    candidate: Side
    champion: Side | None
    trivial_loss: float
    harm: Harm | None
    reference_sha256: str
    thresholds_sha256: str
    expectations_sha256: str
    seed: int
    at: str


def markdown(judged: Judgement) -> str:
    """Return `gate.md`: the verdict first, then the figures, then what to do."""
    champion = judged.champion
    against = f"{champion.tag} ({champion.digest[:19]})" if champion else "a trivial model (first release)"
    lines = [f"## Gate: {judged.verdict.value}", "", *(f"- {reason}" for reason in judged.reasons), ""]
    lines += [
        f"Candidate {judged.candidate.manifest_sha256[:12]} against {against}, on the reference dataset {judged.reference_sha256[:12]}.",
        "",
    ]
    lines += ["| metric | candidate | champion |", "|---|---|---|"]
    theirs = {"loss": champion.loss, **champion.metrics} if champion else {}
    for name, value in {"loss": judged.candidate.loss, **judged.candidate.metrics}.items():
        lines.append(f"| {name} | {figure(value)} | {figure(theirs.get(name))} |")
    return "\n".join([*lines, f"| loss of a trivial model | {judged.trivial_loss:.4g} | |", "", NEXT[judged.verdict]])


def figure(value: float | None) -> str:
    """Write a figure; a dash where there is none."""
    return "–" if value is None else f"{value:.4g}"
