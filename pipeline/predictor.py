"""Ask a side of the comparison: a bundle, a release's folder, an image or a URL. Always over HTTP, by the code that it serves with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd

from pipeline import docker_engine
from pipeline.errors import PipelineError
from pipeline.process import serving
from pipeline.project import Project
from service.answers import Answers, records
from service.manifest import Manifest

ROWS_PER_REQUEST = 500


@dataclass(frozen=True)
class Answered:
    """What a side says of itself, and its answers."""

    tag: str
    digest: str
    manifest_sha256: str
    manifest: Manifest
    answers: Answers


def ask(project: Project, predictor: str, rows: pd.DataFrame) -> Answered:
    """Have a predictor answer rows, of which it is sent the columns that it declares. Raises PipelineError when it cannot."""
    try:
        with started(project, predictor) as url, httpx.Client(base_url=url, timeout=60) as client:
            said = client.get("/version").raise_for_status().json()
            manifest = Manifest.model_validate(said["manifest"])
            wanted = records(rows[manifest.features.columns])
            found: list[Any] = []
            for first in range(0, len(wanted), ROWS_PER_REQUEST):
                found += answered(client, wanted[first : first + ROWS_PER_REQUEST])
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise PipelineError(f"{predictor} could not be asked: {error}. Next: ./run status, and look at its log.") from error
    return Answered(said["tag"], said["digest"], said["manifest_sha256"], manifest, np.asarray(found, dtype=np.float64))


def answered(client: httpx.Client, rows: list[dict[str, Any]]) -> list[Any]:
    """Send one request. Raises PipelineError with the service's own words when it refuses the rows."""
    response = client.post("/predict", json=rows)
    if response.status_code != 200:
        raise PipelineError(f"It refuses rows of the reference dataset: {response.text[:300]}")
    predictions: list[Any] = response.json()["predictions"]
    return predictions


@contextmanager
def started(project: Project, predictor: str) -> Iterator[str]:
    """Make a predictor answer at a URL for a while."""
    folder = Path(predictor)
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
