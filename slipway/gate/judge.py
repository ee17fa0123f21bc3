"""Have both sides answer the reference dataset, and judge."""

from dataclasses import replace
from typing import Any

import pandas as pd

from model import behaviour as declared
from slipway import report, rules
from slipway.errors import PipelineError
from slipway.gate import behaviour, dataset, gate
from slipway.gate.comparison import Compared, Sides, average_over_time, compare, sample_points
from slipway.gate.predictor import Predictor, open_predictor
from slipway.gate.scoring import compute_metrics, repeat_constant
from slipway.operate import chain
from slipway.operate.promotion import Champion
from slipway.owner import owner_step
from slipway.project import Project
from slipway.report import Best, Case, Judgement
from slipway.rules import Rules
from slipway.say import line
from slipway.serving.answers import Answers
from slipway.serving.manifest import Manifest, sha256
from slipway.tracking import ledger


def judge(project: Project, candidate: str, champion: Champion | None, by: Rules) -> report.Judgement:
    """Judge a candidate against a champion, or as a first release against a trivial model. Raises PipelineError when one cannot answer."""
    reference = dataset.read_reference(by)
    named = sha256(by.reference.read_bytes())
    with open_predictor(project, candidate) as ours:
        answers = ours.answers(reference)
        cases = _judge_behaviour(ours) if gate.describe_not_finite(answers) is None else []
    theirs, champion_answers = ask_champion(project, champion, reference)
    classes = ours.manifest.model.classes
    if theirs and champion_answers is not None:
        champion_answers = align_classes(champion_answers, theirs.manifest.model.classes, classes)
    sides = Sides(reference, answers, champion_answers, repeat_constant(ours.manifest.trivial, len(reference)), classes)
    for each in (answers, champion_answers):
        if each is not None and gate.describe_not_finite(each) is None:
            score_owner(sides, each)
    data, failures = dataset.examine_training(project, by, ours.manifest, reference)
    failures += [f"{case.kind} {case.name!r} does not hold: {case.told}." for case in cases if not case.holds]
    mine, other = _describe_side(ours, sides, answers), _describe_side(theirs, sides, champion_answers) if theirs else None
    best = _choose_best(other, champion.best(named) if champion else None, named)
    gap = other.loss - best.loss if best and other and other.loss is not None else 0.0
    seed = int(sha256((ours.manifest.model.sha256 + named).encode())[:8], 16)
    compared = _compare(sides, by, failures, seed, gap)
    return report.Judgement(
        **_describe_verdict(compared),
        notes=[*rules.describe_altered(by), *_note_other_reference(theirs, named), *compared.notes],
        candidate=mine,
        champion=other,
        trivial_loss=float(sides.losses(sides.trivial).mean()),
        best=_choose_best(mine, best, named),
        data=data,
        behaviour=cases,
        reference_sha256=named,
        reference_rows=len(reference),
        **_describe_rules(by),
        seed=seed,
        at=chain.format_now(),
        task=ours.manifest.task,
        **_sample_pictures(sides),
    )


def _describe_verdict(compared: Compared) -> dict[str, Any]:
    """Return the verdict's part of a judgement."""
    verdict = compared.verdict
    outcome = {"verdict": verdict.outcome, "exit_code": verdict.outcome.exit_code, "reasons": verdict.reasons}
    return {**outcome, "harm": compared.harm, "slices": compared.slices}


def _describe_rules(by: Rules) -> dict[str, str]:
    """Return the rules' part of a judgement."""
    hashes = {"thresholds_sha256": by.folder / "thresholds.toml", "expectations_sha256": by.suite}
    return {"rules": by.source, **{name: sha256(path.read_bytes()) for name, path in hashes.items()}}


def _sample_pictures(sides: Sides) -> dict[str, Any]:
    """Return the pictures' part of a judgement; there is nothing to draw of answers that are no numbers."""
    if gate.describe_not_finite(sides.ours):
        return {}
    return {"sample": sample_points(sides), "over_time": average_over_time(sides)}


def ask_champion(project: Project, champion: Champion | None, reference: pd.DataFrame) -> tuple[Predictor | None, Answers | None]:
    """Have the champion answer. Raises PipelineError when it cannot, or answers what cannot be compared with."""
    if champion is None:
        return None, None
    with open_predictor(project, champion.predictor) as theirs:
        answers = theirs.answers(reference)
    if said := gate.describe_not_finite(answers):
        raise PipelineError(f"The champion {theirs.tag} cannot be judged against: {said} Next: ./run rollback, then judge again.")
    return replace(theirs, tag=champion.tag or theirs.tag), answers


def score_owner(sides: Sides, answers: Answers) -> None:
    """Compute the owner's loss and metrics once, so that what fails in them is told as theirs. Raises PipelineError."""
    with owner_step("loss", "the reference dataset", "./run validate"):
        sides.losses(answers)
    with owner_step("metrics", "the reference dataset", "./run validate"):
        compute_metrics(sides.truth, answers)


def align_classes(answers: Answers, theirs: list[Any] | None, classes: list[Any] | None) -> Answers:
    """Return another release's answers in the order of these classes. Raises PipelineError where it knows others."""
    if theirs is None or classes is None:
        return answers
    before, after = ([str(each) for each in labels] for labels in (theirs, classes))
    if sorted(before) != sorted(after):
        raise PipelineError(
            f"The release before tells {theirs} apart, this one {classes}: their answers mean other things and cannot be compared. "
            "Next: raise CONTRACT_VERSION in model/features.py and judge as a first release, ./run validate --champion none."
        )
    if answers.ndim == 1:
        return answers if before == after else 1 - answers
    return answers[:, [before.index(each) for each in after]]


def _judge_behaviour(candidate: Predictor) -> list[Case]:
    """Have the candidate answer the rows of the declared cases. Raises PipelineError where these cannot be read."""
    with owner_step("behaviour", then="./run validate"):
        cases = behaviour.read_cases(declared.CASES)
    try:
        rows = [row for case in cases for row in case.asked()]
        classes = candidate.manifest.model.classes
        return behaviour.judge_cases(cases, candidate.answers(pd.DataFrame(rows)), classes) if rows else []
    except ValueError as error:
        raise PipelineError(f"model/behaviour.py cannot be read: {error} Next: correct it, then ./run validate.") from error


def _compare(sides: Sides, by: Rules, failures: list[str], seed: int, gap: float) -> Compared:
    """Compare both sides. Raises PipelineError when the rules do not fit the model."""
    try:
        return compare(sides, by.thresholds, failures, seed, gap)
    except (ValueError, KeyError) as error:
        raise PipelineError(f"{error} Next: correct it, then ./run validate.") from error


def _choose_best(of: report.Side | None, best: Best | None, named: str) -> Best | None:
    """Return the better of a release and the best one before it."""
    if of is None or of.loss is None or (best and best.loss <= of.loss):
        return best
    return Best(tag=of.tag, manifest_sha256=of.manifest_sha256, loss=of.loss, reference_sha256=named)


def _describe_side(asked_of: Predictor, sides: Sides, answers: Answers | None) -> report.Side:
    """Describe one side."""
    answers = None if answers is not None and gate.describe_not_finite(answers) else answers
    return report.Side(
        tag=asked_of.tag,
        digest=asked_of.digest,
        manifest_sha256=asked_of.manifest_sha256,
        loss=float(sides.losses(answers).mean()) if answers is not None else None,
        metrics=compute_metrics(sides.truth, answers) if answers is not None else {},
    )


def _note_other_reference(champion: Predictor | None, named: str) -> list[str]:
    """Say that the reference dataset has changed since the champion was trained."""
    if champion is None or champion.manifest.reference.sha256 == named:
        return []
    return [
        f"The reference dataset {named[:12]} is another than {champion.manifest.reference.sha256[:12]}, that of {champion.tag}: "
        "figures are not those of before, and its change needs a review of its own (.github/CODEOWNERS)."
    ]


WEARS_OUT = 20


def read_candidate(project: Project) -> Manifest:
    """Return the manifest of the bundle that is to be judged. Raises PipelineError where there is none."""
    path = project.bundle / "manifest.json"
    if not path.is_file():
        raise PipelineError(f"There is no bundle in {project.bundle}. Next: ./run train.")
    return Manifest.model_validate_json(path.read_bytes())


def refuse_other_data(project: Project, manifest: Manifest) -> None:
    """Raise PipelineError when the bundle learnt from other data than lies here: what it learnt from could not be looked at."""
    found = sha256(project.train_data.read_bytes()) if project.train_data.is_file() else "missing"
    if found != manifest.data.sha256:
        raise PipelineError(
            f"{project.train_data} ({found[:12]}) is not what the bundle learnt from ({manifest.data.sha256[:12]}). Next: ./run train."
        )


def count_use(project: Project, judged: Judgement) -> Judgement:
    """Record the judgement in the ledger, and return it with how many candidates the reference dataset was used for."""
    uses = ledger.judged(project, judged)
    worn = f"{uses} candidates were judged on this reference dataset. It wears out, as what is tried comes to fit it: collect another."
    notes = [worn] if uses and uses >= WEARS_OUT else []
    return judged.model_copy(update={"reference_uses": uses, "notes": judged.notes + notes})


def write_data_docs(project: Project, by: Rules) -> None:
    """Write what Great Expectations says of both datasets as pages."""
    for path in (project.train_data, by.reference):
        page = project.root / "build" / f"data_docs_{path.stem}.html"
        page.write_text(dataset.check(dataset.read(path), by).page(), encoding="utf-8")
        line(f"Data Docs of {path.name}: {page}")
