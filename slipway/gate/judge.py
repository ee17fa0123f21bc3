"""Judge the candidate: both sides answer the reference dataset, and what they answer, the data and the project's own rules decide."""

import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from model import behaviour as declared
from slipway import report, rules
from slipway.errors import PipelineError
from slipway.gate import behaviour, dataset, gate
from slipway.gate.comparison import Sides, average_over_time, compare, sample_points
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

# A reference dataset that so many candidates were judged on is worn out.
WEARS_OUT = 20


def judge(project: Project, candidate: str, champion: Champion | None, by: Rules) -> Judgement:
    """Judge a candidate against a champion, or as a first release against a trivial model. Raises PipelineError when one cannot answer."""
    reference, named = dataset.read_reference(by), sha256(by.reference.read_bytes())
    with open_predictor(project, candidate) as ours:
        answers = ours.answer(reference)
        cases = _judge_behaviour(ours) if gate.describe_not_finite(answers) is None else []
    classes = ours.manifest.model.classes
    theirs, champion_answers = _ask_champion(project, champion, reference, classes)
    sides = Sides(reference, answers, champion_answers, repeat_constant(ours.manifest.trivial, len(reference)), classes)
    for each in (answers, champion_answers):
        if each is not None and gate.describe_not_finite(each) is None:
            score_owner(sides, each)
    data, failures = dataset.examine_training(project, by, ours.manifest, reference)
    failures += [f"{case.kind} {case.name!r} does not hold: {case.told}." for case in cases if not case.holds]
    failures += run_checks(by.checks, sides)
    return Judgement(
        **_compare(sides, ours, theirs, champion.best(named) if champion else None, by, failures),
        data=data,
        behaviour=cases,
        reference_rows=len(reference),
        **_hash_rules(by),
        at=chain.format_now(),
        task=ours.manifest.task,
        **_sample_pictures(sides),
    )


def _ask_champion(
    project: Project, champion: Champion | None, reference: pd.DataFrame, classes: list[Any] | None
) -> tuple[Predictor | None, Answers | None]:
    """Have the champion answer, in the order of these classes. Raises PipelineError when it cannot, or is not comparable."""
    if champion is None:
        return None, None
    with open_predictor(project, champion.predictor) as theirs:
        answers = theirs.answer(reference)
    if wrong := gate.describe_not_finite(answers):
        raise PipelineError(f"The champion {theirs.tag} cannot be compared with: {wrong} Next: ./run rollback, then judge again.")
    return replace(theirs, tag=champion.tag or theirs.tag), align_classes(answers, theirs.manifest.model.classes, classes)


def align_classes(answers: Answers, theirs: list[Any] | None, classes: list[Any] | None) -> Answers:
    """Return another release's answers in the order of these classes. Raises PipelineError where it knows others."""
    if theirs is None or classes is None:
        return answers
    before, after = ([str(each) for each in labels] for labels in (theirs, classes))
    if sorted(before) != sorted(after):
        raise PipelineError(
            f"The champion has the classes {theirs}, this one {classes}: their answers mean different things and cannot be compared. "
            "Next: raise CONTRACT_VERSION in model/features.py and judge as a first release, ./run validate --champion none."
        )
    if answers.ndim == 1:
        return answers if before == after else 1 - answers
    return answers[:, [before.index(each) for each in after]]


def score_owner(sides: Sides, answers: Answers) -> None:
    """Compute the owner's loss and metrics once, so that what fails in them is reported as theirs. Raises PipelineError."""
    with owner_step("loss", "the reference dataset", "./run validate"):
        sides.losses(answers)
    with owner_step("metrics", "the reference dataset", "./run validate"):
        compute_metrics(sides.truth, answers)


def _judge_behaviour(candidate: Predictor) -> list[Case]:
    """Have the candidate answer the rows of the declared cases. Raises PipelineError where these cannot be read."""
    with owner_step("behaviour", then="./run validate"):
        cases = behaviour.read_cases(declared.CASES)
    try:
        rows = [row for case in cases for row in case.list_rows()]
        classes = candidate.manifest.model.classes
        return behaviour.judge_cases(cases, candidate.answer(pd.DataFrame(rows)), classes) if rows else []
    except ValueError as error:
        raise PipelineError(f"model/behaviour.py cannot be read: {error} Next: correct it, then ./run validate.") from error


def run_checks(path: Path, sides: Sides) -> list[str]:
    """Return what the project's own rules refuse, a sentence each; nothing where the project has none. Raises OwnerError.

    They get copies: what they write into them changes nothing of the verdict.
    """
    if not path.is_file() or gate.describe_not_finite(sides.ours):
        return []
    theirs = None if sides.theirs is None else sides.theirs.copy()
    with owner_step("checks", "the reference dataset", "./run validate"):
        check = runpy.run_path(str(path.resolve()))["check"]
        refusals = check(sides.reference.copy(), sides.truth.copy(), sides.ours.copy(), theirs)
        if not isinstance(refusals, list) or not all(isinstance(each, str) and each.strip() for each in refusals):
            raise TypeError(f"check returned {refusals!r:.200}")
    return [" ".join(each.split()) for each in refusals]


def _compare(sides: Sides, ours: Predictor, theirs: Predictor | None, best: Best | None, by: Rules, failures: list[str]) -> dict[str, Any]:
    """Return the verdict's part of a judgement. Raises PipelineError when the rules do not fit the model."""
    named = sha256(by.reference.read_bytes())
    mine, other = _describe_side(ours, sides, sides.ours), _describe_side(theirs, sides, sides.theirs) if theirs else None
    best = _choose_best(other, best, named)
    gap = other.loss - best.loss if best and other and other.loss is not None else 0.0
    seed = int(sha256((ours.manifest.model.sha256 + named).encode())[:8], 16)
    try:
        compared = compare(sides, by.thresholds, failures, seed, gap)
    except (ValueError, KeyError) as error:
        raise PipelineError(f"{error} Next: correct it, then ./run validate.") from error
    return {
        "verdict": compared.verdict.outcome,
        "exit_code": compared.verdict.outcome.exit_code,
        "reasons": compared.verdict.reasons,
        "harm": compared.harm,
        "slices": compared.slices,
        "notes": [*rules.describe_altered(by), *_note_other_reference(theirs, named), *compared.notes],
        "candidate": mine,
        "champion": other,
        "trivial_loss": float(sides.losses(sides.trivial).mean()),
        "best": _choose_best(mine, best, named),
        "seed": seed,
    }


def _choose_best(side: report.Side | None, best: Best | None, named: str) -> Best | None:
    if side is None or side.loss is None or (best and best.loss <= side.loss):
        return best
    return Best(tag=side.tag, manifest_sha256=side.manifest_sha256, loss=side.loss, reference_sha256=named)


def _describe_side(predictor: Predictor, sides: Sides, answers: Answers | None) -> report.Side:
    answers = None if answers is not None and gate.describe_not_finite(answers) else answers
    return report.Side(
        tag=predictor.tag,
        digest=predictor.digest,
        manifest_sha256=predictor.manifest_sha256,
        loss=float(sides.losses(answers).mean()) if answers is not None else None,
        metrics=compute_metrics(sides.truth, answers) if answers is not None else {},
    )


def _hash_rules(by: Rules) -> dict[str, str]:
    files = {"thresholds": by.folder / "thresholds.toml", "expectations": by.suite, "reference": by.reference, "checks": by.checks}
    return {"rules": by.source, **{f"{name}_sha256": sha256(path.read_bytes()) for name, path in files.items() if path.is_file()}}


def _sample_pictures(sides: Sides) -> dict[str, Any]:
    """Return the pictures' part of a judgement; there is nothing to draw of answers that are no numbers."""
    if gate.describe_not_finite(sides.ours):
        return {}
    return {"sample": sample_points(sides), "over_time": average_over_time(sides)}


def _note_other_reference(champion: Predictor | None, named: str) -> list[str]:
    if champion is None or champion.manifest.reference.sha256 == named:
        return []
    return [
        f"The reference dataset {named[:12]} is another than {champion.manifest.reference.sha256[:12]}, that of {champion.tag}: "
        "figures cannot be compared with former ones, and this change needs a separate review (.github/CODEOWNERS)."
    ]


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
            f"{project.train_data} ({found[:12]}) is not what the bundle was trained on ({manifest.data.sha256[:12]}). Next: ./run train."
        )


def count_use(project: Project, judged: Judgement) -> Judgement:
    """Record the judgement in the ledger, and return it with how many candidates the reference dataset was used for."""
    uses = ledger.record_verdict(project, judged)
    worn = f"{uses} candidates were judged on this reference dataset. After many tries, one fits it by chance: collect another."
    notes = [worn] if uses and uses >= WEARS_OUT else []
    return judged.model_copy(update={"reference_uses": uses, "notes": judged.notes + notes})


def write_data_docs(project: Project, by: Rules) -> None:
    """Write what Great Expectations says of both datasets as pages."""
    for path in (project.train_data, by.reference):
        page = project.root / "build" / f"data_docs_{path.stem}.html"
        page.write_text(dataset.check(dataset.read(path), by).page(), encoding="utf-8")
        line(f"Data Docs of {path.name}: {page}")
