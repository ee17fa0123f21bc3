"""A release: the bundle, its verdict and the code that serves it, as a folder or an image; and the checks of what is built."""

import json
import re
import shutil
import subprocess
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from slipway import git, http_client, report
from slipway.bundle.image import choose_lock, describe_answering
from slipway.errors import NotServing, PipelineError, ServiceFailed
from slipway.operate import docker_engine
from slipway.operate.process import FAILED, RELEASE_CODE, RELEASE_FILES, build_environment, refuse_taken, serve_release, service_command
from slipway.project import Project
from slipway.report import Image, Judgement
from slipway.say import line
from slipway.serving.manifest import Manifest, ReleaseError, canonical, checked, read
from slipway.serving.parity import TOLERANCE, distance
from slipway.serving.release import load


def make_release(project: Project, manifest: Manifest) -> str:
    """Make the release for the project's target and return its name: a folder, or a local image. Raises PipelineError."""
    assemble(project)
    return docker_engine.build_image(project, manifest.commit, make_labels(project, manifest)) if project.as_image else str(project.release)


def check_bundle(project: Project) -> Manifest:
    """Return the manifest of a bundle that is whole and of the commit that is checked out. Raises PipelineError."""
    if not project.bundle.is_dir():
        raise PipelineError(f"There is no bundle in {project.bundle}. Next: ./run train.")
    try:
        manifest = load(project.bundle).manifest
        checked(project.bundle, manifest.model)  # which MLflow keeps, also where the graph answers
    except (ReleaseError, OSError) as error:
        raise PipelineError(f"{error} Nothing was built. Next: ./run train makes a new bundle.") from error
    head = git.read_head(project.root)
    if manifest.dirty or manifest.commit != head:
        state = "a tree with uncommitted changes on " if manifest.dirty else ""
        raise PipelineError(f"The bundle was trained from {state}{manifest.commit[:12]}; {head[:12]} is checked out. Next: ./run train.")
    return manifest


def assemble(project: Project) -> None:
    """Copy the release's files together. The same folder is what the image is built from and what the target `local` runs."""
    shutil.rmtree(project.release, ignore_errors=True)
    for name in RELEASE_CODE:
        shutil.copytree(project.root / name, project.release / name, ignore=shutil.ignore_patterns("__pycache__"))
    manifest = read(project.bundle)[0]
    for name in (*RELEASE_FILES, choose_lock(manifest.model)):
        (project.release / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(project.root / name, project.release / name)
    # Where the graph answers, the pipeline is not needed.
    left_out = [manifest.model.file] if manifest.model.graph else []
    shutil.copytree(project.bundle, project.release / "release", ignore=shutil.ignore_patterns(*left_out))
    carried = report.strip_circumstances(Judgement.model_validate_json(project.gate.read_bytes()))
    (project.release / "release" / "gate.json").write_bytes(canonical(carried.model_dump(mode="json")))
    set_modes(project.release)


def set_modes(folder: Path) -> None:
    """Give all files the modes that git knows: what they got from a person's umask would go into the image, whose user is another."""
    for each in (folder, *folder.rglob("*")):
        each.chmod(0o755 if each.is_dir() or each.stat().st_mode & 0o100 else 0o644)


def make_labels(project: Project, manifest: Manifest) -> dict[str, str]:
    """Return the labels of the image."""
    return {
        "org.opencontainers.image.revision": manifest.commit,
        "org.opencontainers.image.created": manifest.created_at,
        "release.manifest.sha256": read(project.bundle)[1],
    }


WARM_UP, REQUESTS, ROUNDS = 20, 200, 3
# How a package is missed that service/app.py needs later than `train` sees, when it only imports that file.
MISSING = re.compile(r"No module named|be installed")
ADD = " Next: import what is missing at the top of service/app.py, or add it to requirements/compiled.in and ./run lock; then ./run train."


def check_release(project: Project, name: str) -> Image:
    """Ask a built release its golden rows, measure it, and hold it against the budget. Raises PipelineError when it cannot be asked."""
    image, model = docker_engine.find_image(name) if project.as_image else None, read(project.bundle)[0].model
    size = float(image.attrs["Size"]) / 1e6 if image else _measure_folder(Path(name))
    facts = {"size_mb": size, "base": docker_engine.name_base(image) if image else "", "answered": describe_answering(model)}
    golden = json.loads((project.bundle / "golden.json").read_bytes())
    try:
        with _start_release(project, name) as url, http_client.open_client(url, timeout=60) as client:
            answers = _post(client, golden["rows"]).json()["predictions"]
            difference, p99 = distance(answers, golden["answers"]), _measure_latency(client, golden["rows"], project.p99_ms)
    except (NotServing, ServiceFailed, httpx.HTTPError) as error:
        found = f"The release does not start: {error}"
        if model.graph and MISSING.search(found):
            found = found.partition(" Next: ")[0] + ADD
        return Image(**facts, golden_difference=None, p99_ms=None, failures=[found])
    return Image(**facts, golden_difference=difference, p99_ms=p99, failures=_find_failures(project, difference, p99, size))


def _start_release(project: Project, name: str) -> AbstractContextManager[str]:
    return docker_engine.serve_image(name) if project.as_image else serve_release(Path(name), Path(name) / "release")


def _find_failures(project: Project, difference: float, p99: float, size: float) -> list[str]:
    failures = []
    if not difference <= TOLERANCE:
        failures.append(
            f"The answers to the golden rows differ by {difference:.3g} from those at training; at most {TOLERANCE:g} is allowed."
        )
    if p99 > project.p99_ms:
        failures.append(
            f"99 of 100 requests with one row are answered within {p99:.0f} ms, the budget in project.toml is {project.p99_ms:g} ms."
        )
    if size > project.image_mb:
        failures.append(f"The release has {size:.0f} MB, the budget in project.toml is {project.image_mb:g} MB.")
    return failures


def _measure_latency(client: httpx.Client, rows: list[dict[str, Any]], budget: float) -> float:
    """Return the 99th percentile in ms of requests with one row, one after the other: of the first round within the budget, or the best."""
    for row in rows[:WARM_UP]:
        _time_request(client, row)
    found = float("inf")
    for _ in range(ROUNDS):
        found = min(found, _measure_round(client, rows, budget))
        if found <= budget:
            break
    return found


def _measure_round(client: httpx.Client, rows: list[dict[str, Any]], budget: float) -> float:
    """Return the 99th percentile in ms of a round of requests, which ends early when it cannot be within the budget any more."""
    times: list[float] = []
    while len(times) < REQUESTS and sum(each > budget for each in times) <= REQUESTS / 100:
        times.append(_time_request(client, rows[len(times) % len(rows)]))
    return float(np.quantile(times, 0.99))


def _time_request(client: httpx.Client, row: dict[str, Any]) -> float:
    start = time.perf_counter()
    _post(client, row)
    return 1000 * (time.perf_counter() - start)


def _post(client: httpx.Client, rows: Any) -> httpx.Response:
    """Send a row, or several. Raises ServiceFailed, and HTTPError when the answer is another error."""
    response = client.post("/predict", json=rows)
    if response.status_code == FAILED:
        raise ServiceFailed("It failed on its golden rows.")
    return response.raise_for_status()


def _measure_folder(folder: Path) -> float:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()) / 1e6


def serve(project: Project, port: int) -> int:
    """Serve `build/bundle` on the loopback until it is stopped (Ctrl-C), and return the service's exit code. Raises PipelineError."""
    if not project.bundle.is_dir():
        raise PipelineError(f"There is no bundle in {project.bundle}. Next: ./run train.")
    refuse_taken("127.0.0.1", port, "take another with --port")
    line(f"http://127.0.0.1:{port}/docs shows what you can send; press Ctrl-C to stop")
    settings = build_environment(project.root, project.bundle, PORT=str(port))
    try:
        return subprocess.run(service_command(project.root), cwd=project.root, env=settings, check=False).returncode
    except KeyboardInterrupt:
        return 0
