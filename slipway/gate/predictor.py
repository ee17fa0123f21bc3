"""Ask a side of the comparison: a bundle, a release's folder, an image or a URL. Always over HTTP, by the code that it serves with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd

from slipway import http_client
from slipway.errors import PipelineError, ServiceFailed
from slipway.operate import docker_engine
from slipway.operate.process import FAILED, serve_release
from slipway.project import Project
from slipway.serving.answers import Answers
from slipway.serving.frames import records
from slipway.serving.manifest import Manifest

TOO_LARGE = 413
RAISE_LIMIT = "Next: raise max_body_bytes in service/config.toml, then ./run train; a release keeps the limits that it was built with."
CORRECT_ROWS = "Next: correct the rows, or model/features.py."


@dataclass
class Batch:
    """How many rows are sent at once: fewer once a release has refused so many, since one of an older version cannot tell its limits."""

    rows: int = 500


@dataclass(frozen=True)
class Predictor:
    """A side that answers now, and what it says of itself."""

    tag: str
    digest: str
    manifest_sha256: str
    manifest: Manifest
    client: httpx.Client
    batch: Batch = field(default_factory=Batch, compare=False)

    def answer(self, rows: pd.DataFrame) -> Answers:
        """Answer rows, of which it is sent the columns that it declares; shape (n,) or (n, classes). Raises PipelineError."""
        columns = self.manifest.features.columns
        if lacking := [name for name in columns if name not in rows.columns]:
            raise PipelineError(
                f"{self.tag} needs {', '.join(lacking)}, which the rows do not have. "
                "Next: add the column to them; for the reference dataset, in a separate change. Then type the same again."
            )
        if rows.empty:
            raise PipelineError(f"There are no rows to send to {self.tag}. Next: put some there.")
        asked, found = rows[columns], list[Any]()
        while len(found) < len(rows):  # a part at a time: as JSON values, rows take twenty times their memory
            found += self.predict(records(asked.iloc[len(found) : len(found) + self.batch.rows]), len(found))
        return np.asarray(found, dtype=np.float64)

    def predict(self, rows: list[dict[str, Any]], first: int) -> list[Any]:
        """Send rows, of which the first has this number; returns no answers where fewer have to be sent at once. Raises PipelineError."""
        response = self.client.post("/predict", json=rows)
        if response.status_code != TOO_LARGE:
            return self.read_answers(response, len(rows), first)
        if len(rows) > 1:
            self.batch.rows = len(rows) // 2
            return []
        raise PipelineError(
            f"{self.tag} rejects row {first}, which has {len(response.request.content)} bytes as JSON: {response.text[:300]} {RAISE_LIMIT}"
        )

    def read_answers(self, response: httpx.Response, expected: int, first: int) -> list[Any]:
        """Return the predictions in a response. Raises PipelineError with the service's own words when it refuses the rows."""
        if response.status_code == FAILED:
            raise ServiceFailed(f"{self.tag} failed on rows {first} to {first + expected - 1} (from 0) that it was sent.")
        if response.status_code != 200:
            raise PipelineError(f"{self.tag} rejects rows, of {expected} from row {first} on: {response.text[:300]} {CORRECT_ROWS}")
        predictions: list[Any] = response.json()["predictions"]
        if len(predictions) != expected:
            raise PipelineError(f"{self.tag} gives {len(predictions)} answers to {expected} rows. Next: check what answers there.")
        return predictions


@contextmanager
def open_predictor(project: Project, predictor: str) -> Iterator[Predictor]:
    """Start what is asked, and stop it after. Raises PipelineError when it does not start, or does not answer to the end."""
    try:
        with _start_predictor(project, predictor) as url, http_client.open_client(url, timeout=60) as client:
            release = client.get("/version").raise_for_status().json()
            manifest = Manifest.model_validate(release["manifest"])
            tag = (
                release["tag"] if release["tag"] != "none" else f"commit {manifest.commit[:12]}"
            )  # a release is tagged after it was judged
            yield Predictor(tag, release["digest"], release["manifest_sha256"], manifest, client)
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise PipelineError(f"{predictor} did not answer to the end: {error}. Next: ./run status, then judge again.") from error


@contextmanager
def _start_predictor(project: Project, predictor: str) -> Iterator[str]:
    folder = Path(predictor).absolute()  # it is served from another folder
    if predictor.startswith(("http://", "https://")):
        try:
            yield predictor
        except ServiceFailed as error:
            raise ServiceFailed(f"{error} Next: look into its log, which is where {predictor} runs.") from error
    elif (folder / "release" / "manifest.json").is_file():
        with serve_release(folder, folder / "release") as url:
            yield url
    elif (folder / "manifest.json").is_file():
        with serve_release(project.root, folder) as url:
            yield url
    elif "/" in predictor and not folder.exists():
        with docker_engine.serve_image(predictor) as url:
            yield url
    else:
        raise PipelineError(
            f"{predictor!r} is no predictor. Expected: a bundle's or release's folder, an image or a URL. Next: ./run validate --help."
        )
