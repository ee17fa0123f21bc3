"""When the truth arrives: score the live release and those before it, each in its own image."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from model import features
from slipway import rules
from slipway.errors import PipelineError
from slipway.gate import dataset, gate
from slipway.gate.comparison import Sides
from slipway.gate.judge import align_classes, score_owner
from slipway.gate.predictor import open_predictor
from slipway.gate.scoring import repeat_constant
from slipway.operate import chain, targets
from slipway.operate.chain import Deployment
from slipway.operate.switch import KEPT, state_of
from slipway.operate.targets import Target
from slipway.project import Project
from slipway.say import line, summary, warn
from slipway.serving.answers import Answers
from slipway.serving.manifest import Manifest
from slipway.watch import outcomes_page
from slipway.watch import outcomes_verdict as judging
from slipway.watch.outcomes_verdict import Outcomes


def outcomes(project: Project, file: str) -> Outcomes:
    """Judge the live release on rows whose truth is known, and write build/outcomes/. Raises PipelineError when it cannot be judged."""
    rows, target = read(Path(file)), targets.of(project)
    state = state_of(target)
    if state.live is None:
        raise PipelineError("Nothing is live to be judged. Next: ./run deploy TAG.")
    answers, manifest = ask_release(project, target, state.live, rows)
    before = {}
    for each in earlier(state.proven, state.live):
        if (found := try_release(project, target, each, rows, manifest.model.classes)) is not None:
            before[each.tag] = found
    sides = Sides(rows, answers, None, repeat_constant(manifest.trivial, len(rows)), manifest.model.classes)
    score_owner(sides, answers)
    said = judging.judge(state.live.tag, answers, before, sides, rules.load_rules(project).thresholds, Path(file).name, chain.now())
    write(project, said)
    return said


def read(path: Path) -> pd.DataFrame:
    """Read rows with their truth. Raises PipelineError."""
    rows = dataset.read(path)
    if lacking := [name for name in dataset.list_columns() if name not in rows]:
        raise PipelineError(f"{path} has no {', '.join(lacking)}. Expected: the features, and what was true as {features.TARGET}.")
    known = rows[rows[features.TARGET].notna()].reset_index(drop=True)
    groups = known[features.GROUP].nunique() if features.GROUP else len(known)
    if wrong := gate.describe_too_few(known[features.TARGET].tolist(), groups, features.TARGET):
        raise PipelineError(f"{path} can judge nothing: {wrong}. Next: wait for more rows whose truth is known.")
    return known


def earlier(proven: list[Deployment], live: Deployment) -> list[Deployment]:
    """Return the releases that a rollback could go to: those kept on the host, other than the live one."""
    return [each for each in chain.kept(proven, live, KEPT) if each.digest != live.digest]


def ask_release(project: Project, target: Target, release: Deployment, rows: pd.DataFrame) -> tuple[Answers, Manifest]:
    """Have a release answer in its own image; returns that and its manifest. Raises PipelineError."""
    target.fetch(release.digest)
    with open_predictor(project, target.predictor(release.digest)) as predictor:
        return predictor.answers(rows), predictor.manifest


def try_release(project: Project, target: Target, release: Deployment, rows: pd.DataFrame, classes: Any) -> Answers | None:
    """Have an earlier release answer, in the order of these classes; one that cannot is left out, with a warning."""
    try:
        answers, manifest = ask_release(project, target, release, rows)
        return align_classes(answers, manifest.model.classes, classes)
    except PipelineError as error:
        warn(f"{release.tag} is left out: {error}")
        return None


def write(project: Project, said: Outcomes) -> None:
    """Write the three files, and say what is in them."""
    folder = project.root / "build" / "outcomes"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "outcomes.json").write_text(json.dumps(said.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")
    (folder / "outcomes.md").write_text(judging.markdown(said) + "\n", encoding="utf-8")
    (folder / "outcomes.html").write_text(outcomes_page.page(said), encoding="utf-8")
    line(f"{judging.markdown(said)}\n\nThe page: {folder / 'outcomes.html'}")
    summary(judging.markdown(said))
