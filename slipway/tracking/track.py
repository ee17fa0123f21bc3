"""Record in MLflow what it missed, when it was down or is new: the bundle with its verdict, and the live release."""

import json
from pathlib import Path

from slipway.errors import PipelineError
from slipway.gate import verdict
from slipway.operate import targets
from slipway.operate.chain import Deployment
from slipway.operate.switch import read_state
from slipway.operate.targets import Target
from slipway.project import Project
from slipway.report import Judgement
from slipway.say import line
from slipway.serving.manifest import read
from slipway.tracking import ledger

# Nothing waits for this verb: a server that is busy has its time.
PATIENCE = ledger.Patience(30.0, 30)


def track(project: Project) -> None:
    """Record what is here and not recorded yet. Raises PipelineError where MLflow cannot be reached."""
    live = read_state(target := targets.load_target(project)).live
    files = target.fetch_release(live.digest) if live else None
    if files is None and not (project.bundle / "manifest.json").is_file():
        raise PipelineError("There is nothing to record: there is no bundle in build/, and no release is live. Next: ./run train.")
    try:
        with ledger.quiet():
            if (project.bundle / "manifest.json").is_file():
                _record_bundle(project)
            if live and files:
                _record_live(project, target, live, files)
    except ValueError as error:  # of a manifest, a verdict or a note
        problem = f"The bundle in build/, or the live release, is damaged: {ledger.reason(error)}."
        raise PipelineError(f"{problem} Next: ./run train, ./run validate make build/ again; ./run status shows what is live.") from error
    except PipelineError:
        raise
    except Exception as error:  # any of MLflow's, its database's or the network's
        problem = f"MLflow at {ledger.uri(project)} could not record it: {ledger.reason(error)}."
        raise PipelineError(f"{problem} Next: start it or correct MLFLOW_TRACKING_URI, then ./run track.") from error


def _record_bundle(project: Project) -> None:
    found, (manifest, sha) = ledger.entry(project, project.bundle, PATIENCE), read(project.bundle)
    if project.gate.is_file():
        judged = Judgement.model_validate_json(project.gate.read_bytes())
        if judged.candidate.manifest_sha256 == sha:
            found.judge(judged)
            found.keep(verdict.list_documents(project))
    note = project.root / "build" / "release.json"
    if note.is_file() and (pushed := json.loads(note.read_bytes()))["commit"] == manifest.commit:
        found.mark(image_digest=pushed["digest"])
    line(f"recorded: build/bundle, version {found.version}")


def _record_live(project: Project, target: Target, live: Deployment, files: Path) -> None:
    found = ledger.entry(project, files, PATIENCE)
    found.mark(verdict=Judgement.model_validate_json((files / "gate.json").read_bytes()).verdict.value)
    found.serves(live.tag, live.digest, project.environment)
    line(f"recorded: {live.tag} serves, version {found.version}")
    ledger.record_missed(project, target, found, PATIENCE)
