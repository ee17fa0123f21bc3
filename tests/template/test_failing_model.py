"""A model whose own code fails when it is asked: the gate names its line."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from slipway import git
from tests.conftest import Road

pytestmark = pytest.mark.road

# It learns, is stored and proves itself, and cannot take as many rows as the gate sends at once.
STEP = '''

def refuse_many(rows: Any) -> Any:
    """Fail on five hundred rows."""
    if len(rows) == 500:
        raise ValueError("five hundred rows are too many for me")
    return rows
'''


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with such a model, trained."""
    road = Road.copied(tmp_path_factory.mktemp("failing") / "road")
    path = road.root / "model" / "estimator.py"
    text = path.read_text(encoding="utf-8").replace("Pipeline([", 'Pipeline([("refuse", FunctionTransformer(refuse_many)), ')
    text = text.replace("import OrdinalEncoder", "import FunctionTransformer, OrdinalEncoder")
    text = text.replace('"""What is fitted."""\n', '"""What is fitted."""\n\nfrom typing import Any\n')
    path.write_text(text + STEP, encoding="utf-8")
    road.commit("A step of its own")
    done = run(road.root, "train")
    assert done.returncode == 0, done.stderr
    return road.root


def run(root: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a verb in a project, with the project's own model."""
    command = [sys.executable, "-m", "slipway.cli", *words, "--target", "local"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def test_the_gate_names_the_line_and_what_it_raised(failing: Path) -> None:
    done = run(failing, "validate", "--champion", "none")
    assert done.returncode == 2
    commit = git.read_head(failing)[:12]
    line = (failing / "model" / "estimator.py").read_text(encoding="utf-8").splitlines().index(STEP.splitlines()[5]) + 1
    assert re.search(
        rf"error: commit {commit} failed on rows 0 to 499 \(from 0\) that it was sent\. It was in model/estimator\.py, line {line}, "
        r"refuse_many: ValueError: five hundred rows are too many for me\. Next: correct that, then \./run train\.",
        done.stderr,
    ), done.stderr
