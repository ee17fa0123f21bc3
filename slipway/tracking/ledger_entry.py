"""What MLflow knows of one bundle: a run, and a version of the registered model. Both are found by the hash of the bundle's manifest.

The bundle is kept as it is, and not as a model of MLflow's own kind (`mlflow.sklearn`): that would be another file than the one which was
judged and serves, with another hash, and takes ten times as long to write, since MLflow finds out what to install for it.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param

from slipway.project import Project
from slipway.serving.manifest import Data, Manifest, read

if TYPE_CHECKING:  # it brings scipy along, and a rollback has no time for that
    from slipway.report import Judgement

CANDIDATE = "candidate"
# What MLflow takes at once, and how long its names and values may be.
PARAMETERS, METRICS, NAME, VALUE, DIGEST = 100, 500, 250, 500, 36
MOST_COUNTED = 1000
KIND = {"mlflow.experimentKind": "custom_model_development"}  # or else its pages take it for chats with a language model
SIGNS = {"<=": "le", ">=": "ge", "<": "lt", ">": "gt", "=": "is"}


@dataclass(frozen=True)
class Entry:
    """A run with its model version."""

    mlflow: MlflowClient = field(compare=False)
    project: str
    experiment: str
    run: str
    version: str

    def mark(self, **tags: str) -> None:
        """Tag the version."""
        for name, value in tags.items():
            self.mlflow.set_model_version_tag(self.project, self.version, name, value)

    def point(self, alias: str) -> None:
        """Move an alias to the version."""
        self.mlflow.set_registered_model_alias(self.project, alias, self.version)

    def serves(self, tag: str, digest: str, environment: str) -> None:
        """Record that it serves as the release of a tag in an environment."""
        self.mark(image_digest=digest, release=tag)
        self.point(environment)

    def list_released(self) -> set[str]:
        """Return the digests of the releases that were recorded as live."""
        found = self.mlflow.search_model_versions(f"name='{self.project}'")
        return {each.tags["image_digest"] for each in found if {"image_digest", "release"} <= each.tags.keys()}

    def keep(self, documents: list[Path]) -> None:
        """Keep documents with the run."""
        for each in documents:
            self.mlflow.log_artifact(self.run, str(each), "gate")

    def judge(self, judgement: "Judgement") -> int:
        """Record a verdict, and return how many candidates were judged on its reference dataset. A PASS is the candidate."""
        for name, value in {"verdict": judgement.verdict.value, "judged_on": judgement.reference_sha256}.items():
            self.mlflow.set_tag(self.run, name, value)
        if judgement.harm:
            self.mlflow.log_batch(self.run, metrics=_list_metrics({"harm": judgement.harm.mean, "harm/high": judgement.harm.high}))
        self.mark(verdict=judgement.verdict.value)
        if judgement.exit_code == 0:
            self.point(CANDIDATE)
        return len(self.mlflow.search_runs([self.experiment], f"tags.judged_on = '{judgement.reference_sha256}'", max_results=MOST_COUNTED))


def open_entry(project: Project, uri: str, bundle: Path) -> Entry:
    """Return the entry of a bundle, which is made if there is none."""
    mlflow, (manifest, sha) = MlflowClient(tracking_uri=uri, registry_uri=uri), read(bundle)
    experiment = _find_experiment(mlflow, project, uri)
    found = mlflow.search_runs([experiment], f"tags.manifest_sha256 = '{sha}' and tags.recorded = 'whole'", max_results=1)
    run = found[0].info.run_id if found else _record_run(mlflow, experiment, bundle, manifest, sha)
    return Entry(mlflow, project.product, experiment, run, _register_version(mlflow, project.product, run, manifest, sha))


def _find_experiment(mlflow: MlflowClient, project: Project, uri: str) -> str:
    """Return the id of the project's experiment. A server knows where to keep files; with a database alone they are kept beside it."""
    if found := mlflow.get_experiment_by_name(project.product):
        return str(found.experiment_id)
    folder = None if uri.startswith("http") else (project.root / "mlartifacts").as_uri()
    return str(mlflow.create_experiment(project.product, artifact_location=folder, tags=KIND))


def _record_run(mlflow: MlflowClient, experiment: str, bundle: Path, manifest: Manifest, sha: str) -> str:
    """Record a training run and return its id; it is marked as whole at the end, so one that was cut short is recorded anew."""
    run = str(mlflow.create_run(experiment, tags=_format_tags(manifest, sha), run_name=manifest.commit[:12]).info.run_id)
    parameters = [Param(name[:NAME], setting[:VALUE]) for name, setting in manifest.model.parameters.items()]
    for start in range(0, len(parameters), PARAMETERS):
        mlflow.log_batch(run, params=parameters[start : start + PARAMETERS])
    figures = _list_metrics(manifest.metrics.values | {"loss": manifest.metrics.loss.mean} | _losses_by_slice(manifest))
    for start in range(0, len(figures), METRICS):
        mlflow.log_batch(run, metrics=figures[start : start + METRICS])
    data = {"training": manifest.data, "reference": manifest.reference}
    mlflow.log_inputs(run, [_describe_data(each, context, manifest.commit) for context, each in data.items()])
    mlflow.log_artifacts(run, str(bundle), "bundle")
    mlflow.set_tag(run, "recorded", "whole")
    mlflow.set_terminated(run)
    return run


def _register_version(mlflow: MlflowClient, name: str, run: str, manifest: Manifest, sha: str) -> str:
    """Return the number of the run's model version, which is registered if it was not."""
    if not mlflow.search_registered_models(f"name='{name}'"):
        mlflow.create_registered_model(name)
    found = mlflow.search_model_versions(f"run_id='{run}'")
    source = f"{mlflow.get_run(run).info.artifact_uri}/bundle"
    return str((found[0] if found else mlflow.create_model_version(name, source, run, tags=_format_tags(manifest, sha))).version)


def _format_tags(manifest: Manifest, sha: str) -> dict[str, str]:
    """Return the hashes by which a run and its version can be found."""
    return {
        "commit": manifest.commit,
        "manifest_sha256": sha,
        "model_sha256": manifest.model.sha256,
        "data_sha256": manifest.data.sha256,
        "reference_sha256": manifest.reference.sha256,
    }


def _losses_by_slice(manifest: Manifest) -> dict[str, float]:
    return {f"loss/{name}": loss.mean for name, loss in manifest.metrics.slices.items()}


def _list_metrics(figures: dict[str, float]) -> list[Metric]:
    """Return figures as MLflow takes them: at step 0, under names with none but its characters."""
    return [Metric(spell_name(name)[:NAME], value, 0, 0) for name, value in figures.items()]


def spell_name(name: str) -> str:
    """Return a name as MLflow may have it, such as `loss/6 le hr lt 12`."""
    for sign, word in SIGNS.items():
        name = name.replace(sign, word)
    return re.sub(r"[^\w\-. /]", "_", name)


def _describe_data(data: Data, context: str, commit: str) -> DatasetInput:
    source = {"path": data.source, "commit": commit, "sha256": data.sha256, "dvc_md5": data.dvc_md5}
    profile = {"rows": data.rows, "span": data.span}
    dataset = Dataset(data.source, data.sha256[:DIGEST], "file in git", json.dumps(source), profile=json.dumps(profile))
    return DatasetInput(dataset, [InputTag("mlflow.data.context", context)])
