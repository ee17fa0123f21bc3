"""What the servers are measured with: a trained copy of the project, their environments, rows and the pipeline's own answers."""

import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from bench import results
from bench.gate_cost import AUTHOR, copy, git, python
from bench.serving_measure import Work
from bench.serving_peers import environments
from bench.serving_peers.servers import Place, Server
from bench.two_releases import change
from slipway.serving.frames import records
from slipway.serving.pipeline import load_model
from slipway.serving.release import load

SINGLE, MANY = 50, 1000


@contextmanager
def ready(chosen: Sequence[Server]) -> Iterator[Place]:
    """Have the servers' environments made, and train the example in a copy. An interrupt, too, takes the copy away."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    for server in chosen:
        environments.ready(server.packages)
    with tempfile.TemporaryDirectory(prefix="serving-") as folder:
        place = Place(Path(folder).resolve())
        train(place.project)
        for server in chosen:
            if server.name == "mlflow":
                write_for_mlflow(place, server)
        yield place


def train(root: Path) -> None:
    """Copy the project, give it a name of its own, and train."""
    copy(root)
    change(root / "project.toml", name=re.sub("[^a-z0-9]+", "-", root.name.lower()).strip("-"))
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, *AUTHOR, "commit", "--quiet", "--message", "The project")
    python(root, "-m", "slipway.cli", "train")


def write_for_mlflow(place: Place, server: Server) -> None:
    """Have MLflow write the model, in its own environment."""
    command = [str(environments.ready("mlflow")), "-m", "bench.serving_peers.mlflow_model", str(place.mlflow)]
    subprocess.run(command, cwd=place.project, env=server.environment(place, 0), check=True, capture_output=True)


def work(place: Place, seconds: int) -> Work:
    """Return rows of the reference dataset at even distances, its first 1000, and what the pipeline itself answers."""
    release = load(place.bundle)
    frame = pd.read_csv(results.ROOT / "validation" / "reference.csv")[list(release.manifest.features.columns)]
    rows, expected = records(frame), load_model(place.bundle / release.manifest.model.file).predict(frame).tolist()
    step = len(rows) // SINGLE
    chosen = slice(0, step * SINGLE, step)
    return Work(rows[chosen], rows[:MANY], expected[chosen], expected[:MANY], seconds)
