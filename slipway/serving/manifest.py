"""The manifest of a release, `manifest.json`: what it is made of, written once by `train`."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue


class ReleaseError(Exception):
    """A release that must not serve."""


class Part(BaseModel):
    """Strict, so that a misspelt or missing entry is an error and not a silent default."""

    model_config = ConfigDict(extra="forbid")


class File(Part):
    """A file of the release, by its name there."""

    file: str
    sha256: str


class Compiled(Part):
    """How far the compiled model was off the pipeline on the reference dataset, or why the pipeline answers."""

    difference: float | None
    reason: str | None


class Model(File):
    """The fitted pipeline, and the graph that answers in its place where it is compiled."""

    estimator: str
    parameters: dict[str, str]
    classes: list[JsonValue] | None
    compiled: Compiled
    graph: File | None = None

    @property
    def served(self) -> File:
        """The file that answers."""
        return self.graph or self


class Data(Part):
    """Rows learnt from, or judged on; `span` is the first and last group, `dvc_md5` what DVC keeps the file by, where it does."""

    source: str
    sha256: str
    rows: int
    span: tuple[str, str] | None
    dvc_md5: str | None = None


class Features(Part):
    """The input contract."""

    columns: list[str]
    schema_sha256: str
    contract_version: int


class Loss(Part):
    """Mean loss on some rows of the reference dataset with its 90 % interval."""

    rows: int
    mean: float
    low: float
    high: float


class Metrics(Part):
    """As measured on the reference dataset at training time."""

    values: dict[str, float]
    loss: Loss
    slices: dict[str, Loss]


class Manifest(Part):
    """Everything a release is made of. The same commit, data and lock give the same, so `created_at` is when the commit was made."""

    schema_version: Literal[1] = 1
    project: str
    commit: str
    dirty: bool
    created_at: str
    python: str
    packages: dict[str, str]
    lock_sha256: str
    task: Literal["regression", "binary", "multiclass"]
    target: str
    model: Model
    config: File
    golden: File
    bins: File
    data: Data
    reference: Data
    features: Features
    trivial: list[float]
    metrics: Metrics
    # Whether its service tells callers and those inside apart: releases from before `slipway.serving.access` answer everything everywhere.
    access_control: bool = False


def sha256(content: bytes) -> str:
    """Return the SHA-256 of some bytes in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def canonical(value: Any) -> bytes:
    """Return the one JSON spelling of a value, so that equal values have equal hashes."""
    return (json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n").encode()


def read(release: Path) -> tuple[Manifest, str]:
    """Return a release folder's manifest and the manifest's own sha256."""
    content = (release / "manifest.json").read_bytes()
    return Manifest.model_validate_json(content), sha256(content)


def checked(folder: Path, part: File) -> bytes:
    """Return a file's content if it is the one that the manifest names. Raises ReleaseError."""
    content = (folder / part.file).read_bytes()
    if sha256(content) != part.sha256:
        raise ReleaseError(f"{part.file} in {folder} has sha256 {sha256(content)}, the manifest says {part.sha256}: it was changed.")
    return content
