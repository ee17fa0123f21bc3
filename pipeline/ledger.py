"""MLflow as a ledger: it remembers, nothing waits for it. When it cannot be reached there is a warning, and the road goes on."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipeline.project import Project
from pipeline.say import warn
from service.manifest import Manifest

if TYPE_CHECKING:  # it brings scipy along, and a rollback has no time for that
    from validation.report import Judgement

CANDIDATE, PRODUCTION = "candidate", "production"
MOST_COUNTED = 1000


def client(project: Project) -> Any:
    """Return an MLflow client: of the server in `MLFLOW_TRACKING_URI`, of a file in the project otherwise."""
    # A server that is down shall cost seconds, not the minutes of MLflow's own patience.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    logging.getLogger("mlflow.store").setLevel(logging.WARNING)
    from mlflow import MlflowClient  # imported here: it costs some seconds

    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{project.root / 'mlflow.db'}"
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def best_effort(what: str) -> Iterator[None]:
    """Turn whatever the ledger raises into a warning."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library's own, about other libraries
            yield
    except Exception as error:  # any of MLflow's, its database's or the network's
        warn(f"MLflow could not record {what}, going on without: {(str(error) or repr(error)).splitlines()[0]}")


def training(project: Project, manifest: Manifest) -> str:
    """Record a training run and register its model version; return the run's id."""
    mlflow = client(project)
    found = mlflow.get_experiment_by_name(project.name)
    experiment = found.experiment_id if found else mlflow.create_experiment(project.name)
    tags = {"commit": manifest.commit, "model_sha256": manifest.model.sha256, "reference_sha256": manifest.reference.sha256}
    run: str = mlflow.create_run(experiment, tags={**tags, "data_sha256": manifest.data.sha256}).info.run_id
    for name, figure in manifest.metrics.values.items():
        mlflow.log_metric(run, name, figure)
    for name, setting in manifest.model.parameters.items():
        mlflow.log_param(run, name, setting[:500])
    mlflow.set_terminated(run)
    if not mlflow.search_registered_models(f"name='{project.name}'"):
        mlflow.create_registered_model(project.name)
    mlflow.create_model_version(project.name, source=f"runs:/{run}/bundle", run_id=run, tags=tags)
    return run


def judged(project: Project, judgement: "Judgement") -> int:
    """Record a judgement, and return how many there are on its reference dataset."""
    mlflow = client(project)
    name = f"{project.name}-gate"
    found = mlflow.get_experiment_by_name(name)
    experiment = found.experiment_id if found else mlflow.create_experiment(name)
    tags = {
        "verdict": judgement.verdict.value,
        "candidate": judgement.candidate.manifest_sha256,
        "reference_sha256": judgement.reference_sha256,
    }
    run: str = mlflow.create_run(experiment, tags=tags).info.run_id
    if judgement.harm:
        mlflow.log_metric(run, "harm", judgement.harm.mean)
        mlflow.log_metric(run, "harm_high", judgement.harm.high)
    mlflow.set_terminated(run)
    return len(mlflow.search_runs([experiment], f"tags.reference_sha256 = '{judgement.reference_sha256}'", max_results=MOST_COUNTED))


def move(project: Project, alias: str, run: str | None) -> None:
    """Point an alias (`candidate`, `production`) to the model version of a run."""
    with best_effort(f"the alias {alias}"):
        mlflow = client(project)
        versions = mlflow.search_model_versions(f"run_id='{run}'") if run else []
        for found in versions:
            mlflow.set_registered_model_alias(project.name, alias, found.version)
