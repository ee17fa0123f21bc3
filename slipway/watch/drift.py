"""Compare what is asked now with what the live release learnt from."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pandas as pd

from model import features
from slipway import http_client
from slipway.errors import Drifted, OwnerError, PipelineError
from slipway.gate import dataset
from slipway.gate.predictor import Predictor, open_predictor
from slipway.operate import chain, champion
from slipway.project import Project
from slipway.say import line, summary
from slipway.watch import drift_page, drift_report
from slipway.watch.counted import Prometheus, itself
from slipway.watch.drift_report import Report, Verdict, markdown

LABEL = "drift"
SECONDS = 30


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
        update_issue(said)
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
    with open_predictor(project, found.predictor) as predictor:
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
    (folder / "drift.md").write_text(markdown(said) + "\n", encoding="utf-8")
    (folder / "drift.html").write_text(drift_page.page(said), encoding="utf-8")
    line(markdown(said))
    summary(markdown(said))


def update_issue(said: Report) -> None:
    """Open the issue, update it, or close it when it is over. Raises PipelineError where GitHub does not take it."""
    try:
        repository, token = os.environ["GITHUB_REPOSITORY"], os.environ["GITHUB_TOKEN"]
        url = f"{os.environ.get('GITHUB_API_URL') or 'https://api.github.com'}/repos/{repository}/issues"
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
        with http_client.open_client(url, headers=headers, timeout=SECONDS) as client:
            line(write_issue(client, url, said))
    except (httpx.HTTPError, KeyError, ValueError) as error:
        raise PipelineError(f"The issue was not written: {error!r}. Next: run the workflow drift again.") from error


def write_issue(client: httpx.Client, url: str, said: Report) -> str:
    """Do what the verdict asks for, and say what that was."""
    found = client.get(url, params={"labels": LABEL, "state": "open"}).raise_for_status().json()
    at = f"{url}/{found[0]['number']}" if found else None
    if said.verdict is Verdict.DRIFT:
        content: dict[str, Any] = {"title": format_title(said), "body": markdown(said)}
        response = client.patch(at, json=content) if at else client.post(url, json={**content, "labels": [LABEL]})
        return f"issue {response.raise_for_status().json()['number']}: {'updated' if at else 'opened'}"
    if said.verdict is Verdict.NO_DRIFT and at:
        client.post(f"{at}/comments", json={"body": f"It is over.\n\n{markdown(said)}"}).raise_for_status()
        client.patch(at, json={"state": "closed"}).raise_for_status()
        return f"issue {found[0]['number']}: closed"
    return "no issue to change"


def format_title(said: Report) -> str:
    """Return the issue's title."""
    names = [each.name for each in said.findings if each.verdict is Verdict.DRIFT]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"Drift: {', '.join(names[:3])}{more}, since {said.release} was trained"
