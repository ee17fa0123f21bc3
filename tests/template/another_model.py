"""What holds for another model in the same project: it is rehearsed and tested as it is, and only the replaced files know of it.

The tests here run in the files that import them, each for its own models, so that two workers have something to do.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from slipway import project, rehearsal

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
LIBRARY = ("conftest.py", "library/cluster.py", "library/warned.py", "library/service")
# Parts of scikit-learn alone, as in the example.
ALIKE = ("cancer", "digits", "rides", "ames")
Run = Callable[..., str]


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory, bake: Callable[..., Path], environment: dict[str, str], name: str) -> Iterator[Path]:
    """A project with the other model."""
    made = bake(tmp_path_factory.mktemp(name) / "baked")
    subprocess.run([sys.executable, str(HERE / "models" / "make.py"), name, str(made)], env=environment, check=True)
    yield made
    rehearsal.clear(rehearsal.locate(project.load(made), "local"))


@pytest.fixture(scope="module")
def run(second: Path, environment: dict[str, str]) -> Run:
    """Runs a module in the project, or in a copy of it."""

    def call(*words: str, cwd: Path = second) -> str:
        done = subprocess.run([sys.executable, "-m", *words], cwd=cwd, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return call


def changed(project: Path) -> dict[str, int]:
    """Return how many lines are new in each file that a person wrote; neither data nor what the doctor drafts are among them."""
    subprocess.run(["git", "add", "--all"], cwd=project, check=True)
    written = ["model", "validation/thresholds.toml", "requirements/serve.in"]
    words = ["git", "diff", "--cached", "--numstat", "--no-renames", "HEAD", "--", *written]
    said = subprocess.run(words, cwd=project, check=True, capture_output=True, text=True).stdout
    return {path: int(added) for added, _, path in (line.split("\t") for line in said.splitlines())}


def copy_with_library_tests(project: Path, into: Path) -> Path:
    """Return a copy of a project with the library's tests of the service, which a project does not have."""
    shutil.copytree(project, into)
    for name in [*(f"tests/{each}" for each in LIBRARY), "docs/callers.md", "docs/contracts.md"]:  # pages whose commands they run
        found, copied = ROOT / name, into / name
        copied.parent.mkdir(exist_ok=True)
        (shutil.copytree if found.is_dir() else shutil.copyfile)(found, copied)
    return into


def test_the_page_of_models_tells_what_it_costs(second: Path, name: str) -> None:
    found = {path: lines for path, lines in changed(second).items() if lines}
    assert f"| `{name}` | {len(found)} | {sum(found.values())} |" in (ROOT / "docs" / "models.md").read_text(encoding="utf-8"), found


def test_it_is_rehearsed_to_the_rollback_and_answers_as_its_task_wants(second: Path, run: Run) -> None:
    [url] = re.findall(r"keeps running: (http://[\d.:]+)", run("slipway.cli", "demo", "--target", "local", "--keep"))
    bundle = rehearsal.locate(project.load(second), "local").bundle
    rows: list[Any] = json.loads((bundle / "golden.json").read_bytes())["rows"]
    with httpx.Client(base_url=url) as client:
        answer = client.post("/predict", json=rows)
    said, manifest = answer.json(), json.loads((bundle / "manifest.json").read_bytes())
    assert answer.headers["x-release"] == "v1.0.0"
    task, classes = manifest["task"], manifest["model"]["classes"]
    if task == "regression":
        assert "labels" not in said
    elif task == "binary":
        assert said["labels"] == [classes[int(probability > 0.5)] for probability in said["predictions"]]
    else:
        assert said["labels"] == [classes[max(range(len(classes)), key=each.__getitem__)] for each in said["predictions"]]


def test_the_project_s_own_tests_hold_for_it(run: Run, name: str) -> None:
    # Of models alike in kind to another one not the pipeline. In one process: as many as there are processors are at work here already.
    files = ["tests/test_model.py", "tests/test_service.py"] if name in ALIKE else []
    assert " passed" in (last := run("pytest", "-n", "0", *files).splitlines()[-1])
    assert " skipped" not in last


def test_the_library_s_tests_of_the_service_hold_for_it(second: Path, run: Run, tmp_path: Path) -> None:
    copy = copy_with_library_tests(second, tmp_path / "project")
    said = run("pytest", "-n", "0", "-m", "not (road or docker or kubernetes)", "tests/library", cwd=copy)
    assert " skipped" not in said.splitlines()[-1]
