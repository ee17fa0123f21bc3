"""Other models in the same project: each takes the road, and no file but the replaced ones knows. What that costs is in the README."""

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

pytestmark = pytest.mark.road

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
AUTHOR = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid")
MODELS = ("cancer", "digits", "rides")
# Of the project's own tests those in which the model matters; the road is taken here.
TESTS = ["tests/service/test_answers.py", *(f"tests/test_{room}.py" for room in ("model", "serveable", "doctor_model"))]
# Verbs, one after another in one process: most of what a verb takes is to import its libraries.
VERBS = """import sys
from pipeline.__main__ import main
for verb in sys.argv[1:]:
    if code := main([*verb.split(), "--target", "local"]):
        sys.exit(f"{verb}: {code}")
"""
Run = Callable[..., str]


@pytest.fixture(scope="module", params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    """A model."""
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory, bake: Callable[..., Path], environment: dict[str, str], name: str) -> Iterator[Path]:
    """A project with the other model."""
    made = bake(tmp_path_factory.mktemp(name) / "baked")
    subprocess.run([sys.executable, str(HERE / "models" / "make.py"), name, str(made)], env=environment, check=True)
    settings = made / "project.toml"
    text = settings.read_text(encoding="utf-8").replace("127.0.0.1:8080", f"127.0.0.1:{free_port()}")
    settings.write_text(text.replace("seconds = 30", "seconds = 0"), encoding="utf-8")
    yield made
    Local(project.load(made, "local")).stop()


@pytest.fixture(scope="module")
def run(second: Path, environment: dict[str, str]) -> Run:
    """Runs Python in the project."""

    def call(*words: str) -> str:
        done = subprocess.run([sys.executable, *words], cwd=second, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return call


def changed(project: Path) -> dict[str, int]:
    """Return how many lines are new in each file that a person wrote; neither data nor what the doctor drafts are among them."""
    subprocess.run(["git", "add", "--all"], cwd=project, check=True)
    words = ["git", "diff", "--cached", "--numstat", "--no-renames", "HEAD", "--", "model", "validation/thresholds.toml"]
    said = subprocess.run(words, cwd=project, check=True, capture_output=True, text=True).stdout
    return {path: int(added) for added, _, path in (line.split("\t") for line in said.splitlines())}


def test_the_readme_tells_what_it_costs(second: Path, name: str) -> None:
    found = {path: lines for path, lines in changed(second).items() if lines}
    assert f"| `{name}` | {len(found)} | {sum(found.values())} |" in (ROOT / "README.md").read_text(encoding="utf-8"), found


def released(second: Path, run: Run, tag: str) -> None:
    for words in (["add", "--all"], ["commit", "--quiet", "--allow-empty", "--message", tag], ["tag", tag]):
        subprocess.run(["git", *AUTHOR, *words], cwd=second, check=True)
    run("-c", VERBS, "train", "validate", "build", "push", f"deploy {tag}")


def test_it_takes_the_road_and_comes_back(second: Path, run: Run) -> None:
    released(second, run, "v1.0.0")
    released(second, run, "v1.1.0")
    run("-c", VERBS, "rollback")
    state = json.loads(run("-c", VERBS, "status --json"))
    assert state["live"]["tag"] == "v1.0.0"
    manifest = json.loads((second / "build/bundle/manifest.json").read_bytes())
    rows: list[Any] = json.loads((second / "build/bundle/golden.json").read_bytes())["rows"]
    said = httpx.post(f"http://{state['address']}/predict", json=rows).json()
    if manifest["task"] == "regression":
        assert "labels" not in said
    elif manifest["task"] == "binary":
        assert said["labels"] == [int(probability > 0.5) for probability in said["predictions"]]
    else:
        assert said["labels"] == [max(range(10), key=each.__getitem__) for each in said["predictions"]]


def test_the_project_s_own_tests_hold_for_it(run: Run) -> None:
    run("-m", "pytest", "-n", "0", *TESTS)
