"""Ask a side of the comparison: a bundle, a release's folder, an image or a URL. Always over HTTP, by the code that it serves with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd

from pipeline import docker_engine, http_client
from pipeline.errors import PipelineError
from pipeline.process import serving
from pipeline.project import Project
from service.answers import Answers
from service.frames import records
from service.manifest import Manifest

ROWS_PER_REQUEST = 500


@dataclass(frozen=True)
class Predictor:
    """A side that answers now, and what it says of itself."""

    tag: str
    digest: str
    manifest_sha256: str
    manifest: Manifest
    client: httpx.Client

    def answers(self, rows: pd.DataFrame) -> Answers:
        """Answer rows, of which it is sent the columns that it declares; shape (n,) or (n, classes). Raises PipelineError."""
        columns = self.manifest.features.columns
        if lacking := [name for name in columns if name not in rows.columns]:
            raise PipelineError(
                f"{self.tag} wants {', '.join(lacking)}, which the reference dataset does not have. "
                "Next: add the column to the reference dataset in a change of its own, then judge again."
            )
        parts = (records(rows[columns].iloc[first : first + ROWS_PER_REQUEST]) for first in range(0, len(rows), ROWS_PER_REQUEST))
        return np.concatenate([np.asarray(self.predict(part), dtype=np.float64) for part in parts])

    def predict(self, rows: list[dict[str, Any]]) -> list[Any]:
        """Send one request. Raises PipelineError with the service's own words when it refuses the rows."""
        response = self.client.post("/predict", json=rows)
        if response.status_code != 200:
            raise PipelineError(f"It refuses rows that it is asked: {response.text[:300]}")
        predictions: list[Any] = response.json()["predictions"]
        return predictions


@contextmanager
def asked(project: Project, predictor: str) -> Iterator[Predictor]:
    """Start what is asked, and stop it after. Raises PipelineError when it does not start, or does not answer to the end."""
    try:
        with started(project, predictor) as url, http_client.open_client(url, timeout=60) as client:
            said = client.get("/version").raise_for_status().json()
            manifest = Manifest.model_validate(said["manifest"])
            tag = said["tag"] if said["tag"] != "none" else f"commit {manifest.commit[:12]}"  # a release is tagged after it was judged
            yield Predictor(tag, said["digest"], said["manifest_sha256"], manifest, client)
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise PipelineError(f"{predictor} could not be asked to the end: {error}. Next: ./run status, then judge again.") from error


@contextmanager
def started(project: Project, predictor: str) -> Iterator[str]:
    """Make a predictor answer at a URL for a while."""
    folder = Path(predictor).absolute()  # it is served from another folder
    if predictor.startswith(("http://", "https://")):
        yield predictor
    elif (folder / "release" / "manifest.json").is_file():
        with serving(folder, folder / "release") as url:
            yield url
    elif (folder / "manifest.json").is_file():
        with serving(project.root, folder) as url:
            yield url
    elif "/" in predictor and not folder.exists():
        with docker_engine.serving(predictor) as url:
            yield url
    else:
        raise PipelineError(f"{predictor!r} is no predictor. Expected: a bundle's or release's folder, an image or a URL.")
