"""What the images weigh: the project's own, and one made by the same Dockerfile idea with MLflow in it."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from bench.gate_cost import git, python
from bench.serving_peers import environments
from bench.serving_peers.servers import Place
from pipeline import docker_engine, project

DOCKERFILE = Path(__file__).with_name("mlflow.Dockerfile")
BASE = "python:3.13-slim"


def own_mb(image: str) -> float:
    """Return the size of an image without the layers of its base, in MB."""
    layers = [sum(int(layer["Size"]) for layer in docker_engine.connect().images.get(name).history()) for name in (image, BASE)]
    return round((layers[0] - layers[1]) / 1e6, 1)


def slipway(place: Place) -> str:
    """Build the project's image as `./run build` does, and return its name."""
    python(place.project, "-m", "pipeline", "validate", "--champion", "none")
    python(place.project, "-m", "pipeline", "build", "--target", "docker")
    return f"{project.load(place.project).name}:{git(place.project, 'rev-parse', 'HEAD').strip()}"


def mlflow(place: Place) -> str:
    """Build MLflow's image, and return its name."""
    name = f"{project.load(place.project).name}-mlflow"
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(environments.listed("mlflow"), Path(folder) / "mlflow.txt")
        shutil.copytree(place.mlflow, Path(folder) / "model")
        subprocess.run(["docker", "build", "--quiet", "--file", str(DOCKERFILE), "--tag", name, folder], check=True, capture_output=True)
    return name


def measure(place: Place) -> dict[str, float]:
    """Build both images and return their sizes; nothing of them is left but the layers of the packages."""
    built = {"slipway": slipway(place), "mlflow": mlflow(place)}
    try:
        return {name: own_mb(image) for name, image in built.items()}
    finally:
        for image in built.values():
            docker_engine.connect().images.remove(image)
