"""The gate: hold the candidate against what production runs now, on the frozen reference dataset."""

from typing import Any

import numpy as np
import pandas as pd

from model import features
from model import metrics as scores
from pipeline import chain, ledger, targets
from pipeline.errors import DataRefused, PipelineError
from pipeline.predictor import Answered, ask
from pipeline.project import Project
from pipeline.say import line, summary
from pipeline.train import read
from service.manifest import Manifest, sha256
from validation import gate, report, statistics, thresholds
from validation.statistics import Values

LIVE, PRODUCTION, NONE = "live", "production", "none"


def validate(project: Project, champion: str) -> report.Judgement:
    """Judge `build/bundle` and write `build/gate.json` and `gate.md`. Raises PipelineError when it cannot be judged."""
    if not (project.bundle / "manifest.json").is_file():
        raise PipelineError(f"There is no bundle in {project.bundle}. Next: ./run train.")
    project.gate.unlink(missing_ok=True)
    read(project, project.train_data, DataRefused)
    judged = judge(project, str(project.bundle), resolve(project, champion))
    project.gate.write_text(judged.model_dump_json(indent=2) + "\n", encoding="utf-8")
    text = report.markdown(judged)
    project.gate.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    line(text)
    summary(text)
    if judged.verdict is gate.Outcome.PASS:
        ledger.move(project, ledger.CANDIDATE, Manifest.model_validate_json((project.bundle / "manifest.json").read_bytes()).mlflow_run)
    return judged


def resolve(project: Project, champion: str) -> str | None:
    """Return the champion as a predictor, None for a first release. Raises PipelineError where it cannot be told."""
    if champion == NONE:
        return None
    if champion not in (LIVE, PRODUCTION):
        return champion
    target = targets.of(project)
    digest = target.production() if champion == PRODUCTION else target.live_digest()
    return target.predictor(digest) if digest else None


def judge(project: Project, candidate: str, champion: str | None) -> report.Judgement:
    """Have both sides answer the reference dataset and judge. Raises PipelineError when one cannot answer."""
    reference = read(project, project.reference_data, PipelineError)
    rules = thresholds.load(project.rules / "thresholds.toml")
    ours = ask(project, candidate, reference)
    theirs = ask(project, champion, reference) if champion else None
    if theirs and (broken := gate.unusable(theirs.answers.ravel().tolist())):
        raise PipelineError(f"The champion {theirs.tag} cannot be judged against: {broken} Next: ./run rollback, then judge again.")
    truth = reference[features.TARGET].to_numpy()
    return report.Judgement(
        **verdict(ours, theirs, reference, rules),
        candidate=side(ours, truth),
        champion=side(theirs, truth) if theirs else None,
        trivial_loss=float(trivial_losses(ours, truth).mean()),
        reference_sha256=sha256(project.reference_data.read_bytes()),
        thresholds_sha256=sha256((project.rules / "thresholds.toml").read_bytes()),
        expectations_sha256=sha256((project.rules / "expectations.json").read_bytes()),
        seed=seed(ours),
        at=chain.now(),
    )


def verdict(ours: Answered, theirs: Answered | None, reference: pd.DataFrame, rules: thresholds.Thresholds) -> dict[str, Any]:
    """Return the verdict's part of the judgement."""
    truth = reference[features.TARGET].to_numpy()
    if broken := gate.unusable(ours.answers.ravel().tolist()):
        return {"verdict": gate.Outcome.FAIL, "exit_code": gate.Outcome.FAIL.exit_code, "reasons": [broken], "harm": None}
    trivial = trivial_losses(ours, truth)
    held_against = scores.loss(truth, theirs.answers) if theirs else trivial
    margin = gate.margin(rules.margin_fraction, float(held_against.mean()), float(trivial.mean())) if theirs else 0.0
    groups = reference[features.GROUP] if features.GROUP else None
    harm = statistics.interval(scores.loss(truth, ours.answers) - held_against, groups, rules.confidence, rules.resamples, seed(ours))
    judged = gate.judge(harm, margin, "the champion" if theirs else "a trivial model", floors(ours, truth, rules))
    described = report.Harm(mean=harm.mean, low=harm.low, high=harm.high, margin=margin, rows=harm.rows, groups=harm.groups)
    return {"verdict": judged.outcome, "exit_code": judged.outcome.exit_code, "reasons": judged.reasons, "harm": described}


def floors(ours: Answered, truth: Values, rules: thresholds.Thresholds) -> list[str]:
    """Return the floors that are missed. Raises PipelineError for a floor on a metric that does not exist."""
    values = scores.metrics(truth, ours.answers)
    if unknown := set(rules.floors) - set(values):
        raise PipelineError(
            f"validation/thresholds.toml has floors for {', '.join(sorted(unknown))}; model/metrics.py has only {', '.join(values)}."
        )
    missed = (gate.floor_missed(name, values[name], floor) for name, floor in rules.floors.items())
    return [each for each in missed if each]


def trivial_losses(ours: Answered, truth: Values) -> Values:
    """Return the losses of a model that looks at no feature, as the candidate's training data has it."""
    constant = np.asarray(ours.manifest.trivial)
    if ours.manifest.task == "multiclass":
        return scores.loss(truth, np.tile(constant, (len(truth), 1)))
    return scores.loss(truth, np.full(len(truth), constant[-1]))


def side(answered: Answered, truth: Values) -> report.Side:
    """Describe one side."""
    usable = gate.unusable(answered.answers.ravel().tolist()) is None
    return report.Side(
        tag=answered.tag,
        digest=answered.digest,
        manifest_sha256=answered.manifest_sha256,
        loss=float(scores.loss(truth, answered.answers).mean()) if usable else None,
        metrics=scores.metrics(truth, answered.answers) if usable else {},
    )


def seed(ours: Answered) -> int:
    """Return the bootstrap's seed: the same candidate on the same reference gets the same verdict."""
    return int(sha256((ours.manifest.model.sha256 + ours.manifest.reference.sha256).encode())[:8], 16)
