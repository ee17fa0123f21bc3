"""Another model in the same project: a binary classifier takes the road, and no file but the replaced ones knows."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline import project
from pipeline.process import free_port
from pipeline.targets.local import Local

MAKE = Path(__file__).parent / "second_model" / "make.py"
AUTHOR = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid")
# Without those that take the whole road: the test below does that.
UNIT = ["tests/service", *(f"tests/test_{room}.py" for room in ("model", "validation", "pipeline", "imports"))]
Run = Callable[..., str]


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory, bake: Callable[..., Path], environment: dict[str, str]) -> Iterator[Path]:
    """A project with the other model."""
    made = bake(tmp_path_factory.mktemp("second") / "baked")
    subprocess.run([sys.executable, str(MAKE), str(made)], env=environment, check=True)
    settings = made / "project.toml"
    text = settings.read_text(encoding="utf-8").replace("127.0.0.1:8080", f"127.0.0.1:{free_port()}")
    settings.write_text(text.replace("seconds = 30", "seconds = 0"), encoding="utf-8")
    yield made
    Local(project.load(made, "local")).stop()


@pytest.fixture(scope="module")
def run(second: Path, environment: dict[str, str]) -> Run:
    """Runs a module in the project."""

    def call(*words: str, code: int = 0) -> str:
        done = subprocess.run([sys.executable, "-m", *words], cwd=second, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return call


def released(second: Path, run: Run, tag: str) -> None:
    for words in (["add", "--all"], ["commit", "--quiet", "--allow-empty", "--message", tag], ["tag", tag]):
        subprocess.run(["git", *AUTHOR, *words], cwd=second, check=True)
    for verb in (["train"], ["validate"], ["build"], ["push"], ["deploy", tag]):
        run("pipeline", *verb, "--target", "local")


def test_it_takes_the_road_and_comes_back(second: Path, run: Run) -> None:
    released(second, run, "v1.0.0")
    released(second, run, "v1.1.0")
    run("pipeline", "rollback", "--target", "local")
    state = json.loads(run("pipeline", "status", "--json", "--target", "local"))
    assert state["live"]["tag"] == "v1.0.0"
    rows: list[Any] = json.loads((second / "build/bundle/golden.json").read_bytes())["rows"]
    said = httpx.post(f"http://{state['address']}/predict", json=rows).json()
    assert all(0 <= probability <= 1 for probability in said["predictions"])
    assert said["labels"] == [int(probability > 0.5) for probability in said["predictions"]]


def test_the_project_s_own_tests_hold_for_it(run: Run) -> None:
    run("pytest", *UNIT)
