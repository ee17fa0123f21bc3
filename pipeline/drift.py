"""Compare what is asked now with what the live release learnt from."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd

from model import data
from pipeline import chain, champion
from pipeline.counted import Prometheus, itself
from pipeline.errors import Drifted, PipelineError
from pipeline.predictor import Predictor, asked
from pipeline.project import Project
from pipeline.say import line, summary
from validation import drift_page, drift_report
from validation.drift_report import Counted, Report, Verdict


def drift(project: Project, file: str, prometheus: str, release: str, all_seasons: bool) -> Report:
    """Write build/drift/ and say what was found. Raises Drifted where something has drifted, PipelineError where that cannot be told."""
    settled = True
    if file:
        tag, counted, rows = from_file(project, Path(file), release or champion.LIVE)
        source = Path(file).name
    else:
        server = Prometheus(prometheus)
        tag = release or server.live()
        counted, rows = server.counted(tag)
        settled = server.settled(tag)
        source = f"the last seven days, by {server.url}"
    if all_seasons:
        counted = [replace(each, usual=0.0) for each in counted]
    said = drift_report.report(tag or "the live release", source, chain.now(), counted, rows, settled)
    write(project, said)
    if said.verdict is Verdict.DRIFT:
        names = ", ".join(each.name for each in said.findings if each.verdict is Verdict.DRIFT)
        raise Drifted(f"{names}: no longer as in the training data of {said.release}. Next: build/drift/drift.html shows it.")
    return said


def from_file(project: Project, path: Path, release: str) -> tuple[str, list[Counted], float]:
    """Have a release answer the rows of a file, and take what it counted by itself. Raises PipelineError."""
    rows = read(path)
    found = champion.resolve(project, release)
    if found is None:
        raise PipelineError("Nothing is live to be asked. Next: ./run deploy TAG, or --release build/bundle.")
    with asked(project, found.predictor) as predictor:
        before = metrics(predictor)
        predictor.answers(rows)
        return (found.tag or predictor.tag, *itself(before, metrics(predictor)))


def read(path: Path) -> pd.DataFrame:
    """Read a file of rows. Raises PipelineError."""
    try:
        return data.load(path)
    except (OSError, ValueError, KeyError) as error:
        raise PipelineError(f"{path} cannot be read: {error}. Expected: a CSV file with the columns of the features.") from error


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
