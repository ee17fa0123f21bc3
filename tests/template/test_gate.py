"""The gate, seen to fail: projects with one thing wrong each, which the real verbs must refuse for that reason, and some that must pass.

Each file of `gate/` says what is wrong, which verb has to notice, its exit code and its reason.
"""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.conftest import Road, Said

pytestmark = pytest.mark.road

FOLDER = Path(__file__).parent / "gate"
NAMES = sorted(each.stem for each in FOLDER.glob("[!_]*.py"))
VERBS = ["train", "validate", "build"]
# The champion has learnt from this share of the training data, the oldest rows, so that there is something to get better with.
EARLIER = 0.8549


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Road:
    """A project whose champion is a release in `champion/`."""
    road = Road.copied(tmp_path_factory.mktemp("gate") / "project")
    train = road.root / "data" / "train.csv"
    shutil.copy2(train, road.root / "later.csv")
    rows = pd.read_csv(train)
    rows.head(int(len(rows) * EARLIER)).to_csv(train, index=False)
    road.commit("The champion")
    for words in (["train"], ["validate", "--champion", "none"], ["build"]):
        road.must(*words)
    shutil.copytree(road.root / "build" / "release", road.root / "champion")
    shutil.rmtree(road.root / "build")
    road.commit("What serves")
    return road


def changed(made: Road, root: Path, name: str) -> tuple[Road, Any]:
    """Copy the project and make one thing wrong on a branch."""
    fixture: Any = importlib.import_module(f"tests.template.gate.{name}")
    shutil.copytree(made.root, root)
    road = Road(root)
    road.git("checkout", "--quiet", "-b", "change")
    fixture.change(root)
    road.commit(name)
    return road, fixture


def run(road: Road, *words: str) -> Said:
    """Run a verb: in this process, or in one of its own where the model's code was changed."""
    if not road.git("diff", "--name-only", "main", "--", "model"):
        return road.run(*words)
    command = [sys.executable, "-m", "slipway.cli", *words, "--target", road.target]
    done = subprocess.run(command, cwd=road.root, env={**os.environ, "PYTHONPATH": ""}, capture_output=True, text=True, check=False)
    return Said(done.returncode, done.stdout, done.stderr)


def until(road: Road, fixture: Any) -> Said:
    """Take the road as far as the verb that has to notice; those before it must pass."""
    given = getattr(fixture, "OPTIONS", [])
    options = {"validate": [*(["--champion", "champion"] if "--champion" not in given else []), *given]}
    for verb in VERBS[: VERBS.index(fixture.VERB)]:
        said = run(road, verb, *options.get(verb, []))
        assert said.code == 0, said.text
    return run(road, fixture.VERB, *options.get(fixture.VERB, []))


@pytest.mark.parametrize("name", NAMES)
def test_the_verb_says_what_it_should(made: Road, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    road, fixture = changed(made, tmp_path / "project", name)
    monkeypatch.chdir(road.root)
    said = until(road, fixture)
    assert said.code == fixture.CODE, said.text
    assert re.search(fixture.REASON, said.text), said.text
    if note := getattr(fixture, "NOTE", None):
        assert re.search(note, json.loads((road.root / "build" / "gate.json").read_bytes())["notes"][0])
    if fixture.CODE and fixture.VERB != "train":
        assert run(road, "push").code == 2


@pytest.mark.docker
@pytest.mark.parametrize("name", ["slow", "other_answers", "too_large"])
def test_an_image_is_refused_too(made: Road, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    road, fixture = changed(made, tmp_path / "project", name)
    road.target = "docker"
    monkeypatch.chdir(road.root)
    said = until(road, fixture)
    assert said.code == fixture.CODE, said.text
    assert re.search(fixture.REASON, said.text), said.text


def test_without_the_other_rules_the_loosened_ones_let_it_through(made: Road, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    road, _ = changed(made, tmp_path / "project", "thresholds_loosened")
    monkeypatch.chdir(road.root)
    run(road, "train")
    assert run(road, "validate", "--champion", "champion").code == 0


def test_the_same_inputs_get_the_same_verdict(made: Road, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    road, fixture = changed(made, tmp_path / "project", "worse_at_night")
    monkeypatch.chdir(road.root)
    verdicts = []
    for _ in range(2):
        until(road, fixture)
        told = json.loads((road.root / "build" / "gate.json").read_bytes())
        verdicts.append({key: value for key, value in told.items() if key not in ("at", "reference_uses", "notes", "candidate", "best")})
    assert verdicts[0] == verdicts[1]
