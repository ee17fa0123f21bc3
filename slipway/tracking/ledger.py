"""MLflow as a ledger: nothing waits for it. When it cannot be reached there is a warning, and the pipeline goes on."""

import logging
import os
import sys
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from slipway import http_client
from slipway.errors import PipelineError
from slipway.operate import journal
from slipway.project import Project
from slipway.say import line, report_warning

if TYPE_CHECKING:
    from slipway.operate.chain import Deployment
    from slipway.operate.targets import Target
    from slipway.report import Judgement
    from slipway.tracking.ledger_entry import Entry


class Patience(NamedTuple):
    """For how many seconds a server may take to answer at all, and then to answer each request."""

    first: float
    request: int


# A server that is down or hangs shall cost seconds, not the minutes of MLflow's own patience.
BRIEF = Patience(2.0, 3)
# Of so many deployments it is asked whether MLflow has missed them: their images are on the host still.
LOOKED_BACK = 3
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def uri(project: Project) -> str:
    """Return where the ledger is: the server in `MLFLOW_TRACKING_URI`, a file in the project otherwise."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{project.root / 'mlflow.db'}"


def refuse_folder(project: Project) -> None:
    """Raise PipelineError where the name of a folder keeps MLflow from its database: it becomes part of a URL and of a config file."""
    if not uri(project).startswith("sqlite:"):
        return
    own = "" if os.environ.get("MLFLOW_TRACKING_URI") else str(project.root)
    # The packages' own path is written into that config file.
    if found := [(mark, path) for mark, paths in (("%", (own, sys.prefix)), ("?", (own,))) for path in paths if mark in path]:
        mark, path = found[0]
        raise PipelineError(
            f"MLflow's database cannot be in a folder with {mark} in its name, as in {path}. "
            "Next: rename the folder; or set MLFLOW_TRACKING_URI to a server, http://HOST:PORT"
        )


def entry(project: Project, bundle: Path, patience: Patience | None = None) -> "Entry":
    """Return what MLflow knows of a bundle, which is recorded if it was not. Raises whatever MLflow, its database or the network raise."""
    patience = patience or BRIEF
    if uri(project).startswith("http"):
        http_client.bypass_proxy(uri(project))
        http_client.send_request("GET", uri(project), patience.first)
    else:
        refuse_folder(project)
        # Where MLflow's own first experiment would keep its files: without this it writes the folder's name into SQL as it is, quotes too.
        os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = (project.root / "mlartifacts").as_uri()
    for name, setting in {**SETTINGS, "MLFLOW_HTTP_REQUEST_TIMEOUT": str(patience.request)}.items():
        os.environ.setdefault(name, setting)
    logging.getLogger("mlflow.store").setLevel(logging.WARNING)
    from slipway.tracking import ledger_entry  # imported here: it costs time, and a rollback has none before its proof

    return ledger_entry.open_entry(project, uri(project), bundle)


@contextmanager
def best_effort(what: str) -> Iterator[None]:
    """Warn of whatever the ledger raises, and go on."""
    try:
        with quiet():
            yield
    except Exception as error:  # any of MLflow's, its database's or the network's
        report_warning(f"MLflow could not record {what}; continuing without: {reason(error)}. Later, when MLflow answers: ./run track.")


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out MLflow's own warnings about other libraries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def reason(error: Exception) -> str:
    """Return the first line of what an error says, at most 200 characters, without a full stop."""
    return textwrap.shorten((str(error).strip() or repr(error)).splitlines()[0].rstrip("."), 200, placeholder=" …")


def record_training(project: Project) -> None:
    """Record the training run of the bundle: parameters, metrics, datasets, its files; and register its model version."""
    with best_effort("the training run"):
        entry(project, project.bundle)


def record_verdict(project: Project, judgement: "Judgement") -> int | None:
    """Record a verdict, and return how many candidates were judged on its reference dataset, None where that cannot be told."""
    with best_effort("the verdict"):
        return entry(project, project.bundle).judge(judgement)
    return None


def record_pages(project: Project, documents: list[Path]) -> None:
    """Record the pages of the verdict."""
    with best_effort("the pages of the verdict"):
        entry(project, project.bundle).keep(documents)


def record_digest(project: Project, digest: str) -> None:
    """Record under which digest the release was stored."""
    with best_effort("the digest"):
        entry(project, project.bundle).mark(image_digest=digest)


def record_live(project: Project, target: "Target", live: "Deployment", files: Path) -> None:
    """Record the live release, from its files, and what was missed before. Where MLflow's packages are not, `./run track` does that."""
    if find_spec("mlflow"):
        with best_effort("the live release"):
            found = entry(project, files)
            found.serves(live.tag, live.digest, project.environment)
            record_missed(project, target, found)


def record_missed(project: Project, target: "Target", found: "Entry", patience: Patience | None = None) -> None:
    """Record which of the last releases were live while MLflow was away. Raises what `entry` does, and PipelineError."""
    known, proven = found.list_released(), journal.list_proven(target.read_history())
    for digest, tag in {each.digest: each.tag for each in proven[-LOOKED_BACK:]}.items():
        if digest not in known:
            entry(project, target.fetch_release(digest), patience).mark(image_digest=digest, release=tag)
            line(f"recorded in MLflow, which had missed it: {tag} was live")
