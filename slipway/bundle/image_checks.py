"""The last part of the gate: the built release itself, asked as callers will ask it."""

import json
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from slipway import http_client
from slipway.errors import NotServing, ServiceFailed
from slipway.operate import docker_engine
from slipway.operate.process import FAILED, serving
from slipway.project import Project
from slipway.report import Image
from slipway.serving.parity import TOLERANCE, distance

WARM_UP, REQUESTS, ROUNDS = 20, 200, 3


def check(project: Project, name: str) -> Image:
    """Ask a built release its golden rows, measure it, and hold it against the budget. Raises PipelineError when it cannot be asked."""
    size = docker_engine.size_mb(name) if project.as_image else folder_mb(Path(name))
    golden = json.loads((project.bundle / "golden.json").read_bytes())
    try:
        with started(project, name) as url, http_client.open_client(url, timeout=60) as client:
            answers = post(client, golden["rows"]).json()["predictions"]
            difference, p99 = distance(answers, golden["answers"]), latency(client, golden["rows"], project.p99_ms)
    except (NotServing, ServiceFailed, httpx.HTTPError) as error:
        return Image(golden_difference=None, p99_ms=None, size_mb=size, failures=[f"The release does not serve: {error}"])
    return Image(golden_difference=difference, p99_ms=p99, size_mb=size, failures=failures(project, difference, p99, size))


def started(project: Project, name: str) -> AbstractContextManager[str]:
    """Start a built release, by its image's name or its folder."""
    return docker_engine.serving(name) if project.as_image else serving(Path(name), Path(name) / "release")


def failures(project: Project, difference: float, p99: float, size: float) -> list[str]:
    """Say what the budget in project.toml, or parity, refuses."""
    said = []
    if not difference <= TOLERANCE:
        said.append(f"The release answers the golden rows {difference:.3g} off the answers at training, at most {TOLERANCE:g} is allowed.")
    if p99 > project.p99_ms:
        said.append(
            f"99 of 100 requests with one row are answered within {p99:.0f} ms, the budget in project.toml is {project.p99_ms:g} ms."
        )
    if size > project.image_mb:
        said.append(f"The release has {size:.0f} MB, the budget in project.toml is {project.image_mb:g} MB.")
    return said


def latency(client: httpx.Client, rows: list[dict[str, Any]], budget: float) -> float:
    """Return the 99th percentile in ms of requests with one row, one after the other: of the first round within the budget, or the best."""
    for row in rows[:WARM_UP]:
        timed(client, row)
    found = float("inf")
    for _ in range(ROUNDS):
        found = min(found, percentile(client, rows, budget))
        if found <= budget:
            break
    return found


def percentile(client: httpx.Client, rows: list[dict[str, Any]], budget: float) -> float:
    """Return the 99th percentile in ms of a round of requests, which ends early when it cannot be within the budget any more."""
    times: list[float] = []
    while len(times) < REQUESTS and sum(each > budget for each in times) <= REQUESTS / 100:
        times.append(timed(client, rows[len(times) % len(rows)]))
    return float(np.quantile(times, 0.99))


def timed(client: httpx.Client, row: dict[str, Any]) -> float:
    """Return the ms that a request takes."""
    start = time.perf_counter()
    post(client, row)
    return 1000 * (time.perf_counter() - start)


def post(client: httpx.Client, rows: Any) -> httpx.Response:
    """Send a row, or several. Raises ServiceFailed, and HTTPError when the answer is another error."""
    response = client.post("/predict", json=rows)
    if response.status_code == FAILED:
        raise ServiceFailed("It failed on its golden rows.")
    return response.raise_for_status()


def folder_mb(folder: Path) -> float:
    """Return the size of a folder in MB, of its files alone."""
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()) / 1e6
