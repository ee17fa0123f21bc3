"""Compare what is asked now with what the live release learnt from."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pandas as pd

from model import features
from slipway.errors import Drifted, OwnerError, PipelineError
from slipway.gate import dataset
from slipway.gate.predictor import Predictor, asked
from slipway.operate import chain, champion
from slipway.project import Project
from slipway.say import line, summary
from slipway.watch import drift_issue, drift_page, drift_report
from slipway.watch.counted import Prometheus, itself
from slipway.watch.drift_report import Report, Verdict


def drift(project: Project, file: str, prometheus: str, release: str, all_seasons: bool, issue: bool) -> Report | None:
    """Write build/drift/ and say what was found. Raises Drifted where something has drifted, PipelineError where that cannot be told.

    `issue` says so on GitHub instead of by the exit code.
    """
    if issue and not os.environ.get("PROMETHEUS_URL"):
        line("skipped: set the variable PROMETHEUS_URL to the address of the Prometheus that watches the service.")
        summary("skipped: set the variable PROMETHEUS_URL.")
        return None
    said = (
        from_file(project, Path(file), release or champion.LIVE, all_seasons) if file else from_prometheus(Prometheus(prometheus), release)
    )
    write(project, said)
    if issue:
        drift_issue.update(said)
    elif said.verdict is Verdict.DRIFT:
        names = ", ".join(each.name for each in said.findings if each.verdict is Verdict.DRIFT)
        raise Drifted(f"{names}: no longer as in the training data of {said.release}. Next: build/drift/drift.html shows it.")
    return said


def from_prometheus(server: Prometheus, release: str) -> Report:
    """Take what Prometheus gathered. Raises PipelineError."""
    tag = release or server.live()
    counted, rows = server.counted(tag)
    source = f"the last seven days, by {server.url}"
    return drift_report.report(tag or "the live release", source, chain.now(), counted, rows, server.settled(tag))


def from_file(project: Project, path: Path, release: str, all_seasons: bool) -> Report:
    """Have a release answer the rows of a file, and take what it counted by itself. Raises PipelineError."""
    rows = read(path)
    found = champion.resolve(project, release)
    if found is None:
        raise PipelineError("Nothing is live to be asked. Next: ./run deploy TAG, or --release build/bundle.")
    with asked(project, found.predictor) as predictor:
        before = metrics(predictor)
        predictor.answers(rows)
        counted, learnt = itself(before, metrics(predictor))
        tag = found.tag or predictor.tag
    if all_seasons:
        counted = [replace(each, usual=0.0) for each in counted]
    return drift_report.report(tag, path.name, chain.now(), counted, learnt)


def read(path: Path) -> pd.DataFrame:
    """Read rows that were asked lately, of which the truth is not known yet. Raises PipelineError."""
    try:
        return dataset.read(path)
    except OwnerError as error:
        if features.TARGET not in error.found:
            raise
        raise PipelineError(
            f"{error.where}: {error.found}. load in model/data.py wants the column {features.TARGET}, which what was asked lately need not "
            f'have. Next: let it do without (if "{features.TARGET}" in rows: ...), or put that column into {path.name}.'
        ) from error


def metrics(predictor: Predictor) -> str:
    """Return the figures that a release gives of itself."""
    return predictor.client.get("/metrics").raise_for_status().text


def write(project: Project, said: Report) -> None:
    """Write the three files, and say where they are."""
    folder = project.root / "build" / "drift"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "drift.json").write_text(json.dumps(said.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")
    (folder / "drift.md").write_text(drift_report.markdown(said) + "\n", encoding="utf-8")
    (folder / "drift.html").write_text(drift_page.page(said), encoding="utf-8")
    line(drift_report.markdown(said))
    summary(drift_report.markdown(said))
