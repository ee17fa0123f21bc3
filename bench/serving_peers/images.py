"""What the images weigh: the project's own, and one made by the same Dockerfile idea with MLflow in it."""

import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.gate_cost import git, python
from bench.serving_peers import environments
from bench.serving_peers.running import START_SECONDS, post
from bench.serving_peers.servers import Place
from slipway import project
from slipway.operate import docker_engine

DOCKERFILE = Path(__file__).with_name("mlflow.Dockerfile")
BASE = "python:3.13-slim"


def own_mb(image: str) -> float:
    """Return the size of an image without the layers of its base, in MB."""
    layers = [sum(int(layer["Size"]) for layer in docker_engine.connect().images.get(name).history()) for name in (image, BASE)]
    return round((layers[0] - layers[1]) / 1e6, 1)


def slipway(place: Place) -> str:
    """Build the project's image as `./run build` does, and return its name."""
    python(place.project, "-m", "slipway.cli", "validate", "--champion", "none")
    python(place.project, "-m", "slipway.cli", "build", "--target", "docker")
    return f"{project.load(place.project).name}:{git(place.project, 'rev-parse', 'HEAD').strip()}"


def mlflow(place: Place) -> str:
    """Build MLflow's image, and return its name."""
    name = f"{project.load(place.project).name}-mlflow"
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(environments.listed("mlflow"), Path(folder) / "mlflow.txt")
        shutil.copytree(place.mlflow, Path(folder) / "model")
        subprocess.run(["docker", "build", "--quiet", "--file", str(DOCKERFILE), "--tag", name, folder], check=True, capture_output=True)
    return name


def refuse_silent(image: str, row: dict[str, Any]) -> None:
    """Run MLflow's image until it predicts, since an image that does not serve weighs nothing. Raises OSError or ValueError."""
    ports: Any = {"8080/tcp": ("127.0.0.1", None)}
    container: Any = docker_engine.connect().containers.run(image, detach=True, ports=ports)
    deadline = time.monotonic() + START_SECONDS
    try:
        container.reload()
        port = int(container.ports["8080/tcp"][0]["HostPort"])
        while True:
            try:
                post(port, "/invocations", json.dumps({"dataframe_records": [row]}))
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.2)
    finally:
        container.remove(force=True)


def measure(place: Place, row: dict[str, Any]) -> dict[str, float]:
    """Build both images, see that they predict and return their sizes; nothing of them is left but the layers of the packages."""
    built = {"slipway": slipway(place), "mlflow": mlflow(place)}
    try:
        refuse_silent(built["mlflow"], row)
        return {name: own_mb(image) for name, image in built.items()}
    finally:
        for image in built.values():
            docker_engine.connect().images.remove(image)
