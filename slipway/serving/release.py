"""Load a release from its folder, or refuse it with the reason."""

import json
import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slipway.serving.answers import Answers
from slipway.serving.bins import Watched
from slipway.serving.manifest import Manifest, ReleaseError, checked, read
from slipway.serving.parity import TOLERANCE, distance
from slipway.serving.rows import Columns, Values, to_columns

Answer = Callable[[Columns], Answers]
Contract = Literal["azure", "mlflow", "sagemaker", "v1", "v2", "vertex"]


class Config(BaseModel):
    """The serving config, `config.toml`, where each setting is explained. A misspelt or missing one is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    max_rows: int = Field(ge=1)
    max_body_bytes: int = Field(ge=1)
    max_waiting: int = Field(ge=1)
    max_wait_seconds: float = Field(gt=0)
    drain_seconds: float = Field(ge=0)
    log_requests: Literal["all", "refused"]
    contracts: list[Contract]


@dataclass(frozen=True)
class Answering:
    """What answers columns: `path` is "compiled" or "pipeline", `reason` why it is not compiled. `answer_rows` is quicker for few rows."""

    answer: Answer
    path: str
    reason: str | None
    answer_rows: Callable[[list[Values]], Answers] | None = None


@dataclass(frozen=True)
class Release:
    """A verified release, ready to answer."""

    tag: str
    digest: str
    manifest: Manifest
    manifest_sha256: str
    config: Config
    watched: Watched
    answering: Answering
    golden_difference: float

    def answer(self, columns: Columns) -> Answers:
        """Answer rows; shape (n,) for a regression and a binary task, (n, classes) for a multiclass one."""
        return self.answering.answer(columns)

    def answer_rows(self, rows: list[Values]) -> Answers:
        """Answer a few rows as they come in, as `answer` does."""
        short = self.answering.answer_rows
        return short(rows) if short else self.answer(to_columns(rows))


def load(folder: Path) -> Release:
    """Load the release in a folder.

    Raises ReleaseError when a file is missing or is not the one of the manifest, or when the golden rows are not answered as recorded.
    """
    folder = folder.resolve()
    try:
        manifest, manifest_sha256 = read(folder)
        config = Config.model_validate(tomllib.loads(checked(folder, manifest.config).decode()))
        watched = Watched.model_validate_json(checked(folder, manifest.bins))
        golden = json.loads(checked(folder, manifest.golden))
        model = checked(folder, manifest.model.served)
        golden_rows, golden_answers = golden["rows"], golden["answers"]
    except (OSError, ValidationError, ValueError, KeyError) as error:
        raise ReleaseError(f"The release in {folder} cannot be read: {error}") from error
    tag, digest = _read_identity(folder)
    answering = load_answering(model, manifest)
    found = [answering.answer(to_columns(golden_rows)), *([answering.answer_rows(golden_rows)] if answering.answer_rows else [])]
    difference = float(np.max([distance(each, golden_answers) for each in found]))
    if not difference <= TOLERANCE:
        raise ReleaseError(f"The answers to the golden rows differ by {difference} from those at training; expected at most {TOLERANCE}.")
    return Release(tag, digest, manifest, manifest_sha256, config, watched, answering, difference)


def load_answering(model: bytes, manifest: Manifest) -> Answering:
    """Load the graph of a compiled model, or the pipeline of another: each imports what the other does without. Raises ReleaseError."""
    reason = manifest.model.compiled.reason
    try:
        if manifest.model.graph:
            from slipway.serving.graph import LoadedGraph

            graph = LoadedGraph(model, manifest.task)
            return Answering(graph.answer, "compiled", None, graph.answer_rows)
        from slipway.serving.pipeline import load_pipeline

        return Answering(load_pipeline(model, manifest.task), "pipeline", reason)
    except Exception as error:  # whatever a damaged or foreign file makes them raise
        raise ReleaseError(f"{manifest.model.served.file} is not a model that may be loaded: {error}") from error


def _read_identity(folder: Path) -> tuple[str, str]:
    # Tag and digest stand in the environment, or in the note beside the folder.
    note = folder.parent / "deployment.json"
    if "RELEASE_TAG" not in os.environ and note.is_file():
        deployment = json.loads(note.read_bytes())
        return deployment["tag"], deployment["digest"]
    return os.environ.get("RELEASE_TAG", "none"), os.environ.get("RELEASE_DIGEST", "none")
