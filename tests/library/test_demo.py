"""`./run demo`, on both targets: its report, and that nothing is left of it, also when it is interrupted."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from slipway import project, rehearsal
from slipway.errors import PipelineError
from slipway.operate import docker_engine
from tests.template import pictures

pytestmark = pytest.mark.road

ROOT = Path(__file__).parents[2]
TARGETS = ["local", pytest.param("docker", marks=pytest.mark.docker)]


def copy_project(into: Path) -> Path:
    """Copy the project, so that the rehearsal of the checkout itself is left alone."""
    rehearsal.copy(ROOT, into)
    named = (into / "project.toml").read_text(encoding="utf-8").replace('name = "', f'name = "test{os.getpid()}-', 1)
    (into / "project.toml").write_text(named, encoding="utf-8")
    for words in (
        ["init", "-qb", "main"],
        ["add", "-A"],
        ["-c", "user.name=T", "-c", "user.email=t@example.invalid", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *words], cwd=into, check=True)
    return into


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return copy_project(tmp_path / "project")


def start(copy: Path, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-u", "-m", "slipway.cli", "demo", *words]
    return subprocess.Popen(command, cwd=copy, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def left(copy: Path, target: str) -> list[Any]:
    """Return what a rehearsal left running."""
    found: list[Any] = [each for each in psutil.process_iter() if rehearsal.is_inside(each, copy / "build")]
    if target == "docker":
        ours = rehearsal.locate(project.load(copy), target)
        client = docker_engine.connect()
        found += [each.name for each in client.containers.list(all=True, ignore_removed=True) if rehearsal.is_ours(each, ours)]
        found += client.networks.list(names=[f"^{ours.name}$"]) + client.volumes.list(filters={"name": f"^{ours.name}"})
        client.close()
    return found


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest, copy: Path) -> Iterator[str]:
    yield request.param
    rehearsal.clear(rehearsal.locate(project.load(copy), request.param))


@dataclass(frozen=True)
class Rehearsed:
    """A rehearsal on docker that has ended: where, its exit code, what it printed, and the page that it opened."""

    root: Path
    code: int
    said: str
    opened: str


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsed]:
    folder = tmp_path_factory.mktemp("rehearsed")
    browser, opened, root = folder / "browser", folder / "opened", copy_project(folder / "project")
    browser.write_text(f'#!/bin/sh\necho "$1" > "{opened}"\n', encoding="utf-8")
    browser.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BROWSER", str(browser))
        process = start(root, "--target", "docker", "--open")
        said, _ = process.communicate()
    yield Rehearsed(root, process.returncode, said, opened.read_text(encoding="utf-8").strip() if opened.exists() else "")
    rehearsal.clear(rehearsal.locate(project.load(root), "docker"))


# On local the README's own command does the same, in tests/template/test_readme.py, and other models in test_unlike_models.py.
@pytest.mark.docker
def test_it_ends_with_no_failed_request_and_a_proven_rollback(rehearsed: Rehearsed) -> None:
    copy = rehearsed.root
    assert rehearsed.code == 0, rehearsed.said
    assert rehearsed.opened == (copy / "build/rehearsal/report.html").as_uri()
    report = json.loads((copy / "build/rehearsal/report.json").read_bytes())
    assert report["target"] == "docker"
    assert {name: (each["verdict"], each["exit_code"]) for name, each in report["verdicts"].items()} == {
        "v1.0.0": ("PASS", 0),
        "v1.1.0": ("PASS", 0),
        "another unit": ("FAIL", 1),
        "nothing learnt": ("FAIL", 1),
    }
    assert report["requests"]["failed"] == 0
    assert report["requests"]["clients"] >= 4
    assert min(report["requests"]["by_release"].values()) > 0
    assert sum(report["requests"]["by_release"].values()) == report["requests"]["total"]
    assert report["rollback"]["from"] == "v1.1.0"
    assert report["rollback"]["to"] == "v1.0.0"
    assert report["rollback"]["proof"] == {"served_digest": True, "manifest_sha256": True, "golden_answers": True}
    assert all(step["seconds"] >= 0 and step["outcome"] for step in report["steps"])
    assert ": passed\n" in (copy / "build/rehearsal/report.md").read_text(encoding="utf-8")
    page = (copy / "build/rehearsal/report.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "http" not in page
    assert left(copy, "docker") == []


@pytest.mark.docker
@pytest.mark.parametrize("picture", pictures.PICTURES, ids=lambda each: each.name)
def test_the_readme_s_pictures_are_those_of_such_a_run(picture: pictures.Picture, rehearsed: Rehearsed, tmp_path: Path) -> None:
    if not (browser := pictures.find_browser()):
        (pytest.fail if os.environ.get("REQUIRE_DOCKER") == "1" else pytest.skip)(f"none of {', '.join(pictures.BROWSERS)} is on the PATH")
    pictures.render(picture, rehearsed.root / "build" / "rehearsal", tmp_path / "made.png", browser)
    next_command = "Next: ./run demo, then .venv/bin/python -m tests.template.pictures"
    assert pictures.describe(tmp_path / "made.png") == pictures.describe(picture.path), next_command


# Before anything runs, in the middle of a deploy, and with callers at work. A line is printed when its step ends.
STOPS = [(signal.SIGINT, "rehearsal on"), (signal.SIGTERM, "build and push v1.0.0"), (signal.SIGKILL, "deploy v1.0.0")]


# On docker the hardest alone: what is left is then cleared by name.
@pytest.mark.parametrize(
    ("target", "stop", "after"),
    [*(("local", *each) for each in STOPS), pytest.param("docker", *STOPS[-1], marks=pytest.mark.docker)],
    indirect=["target"],
)
def test_interrupted_it_leaves_nothing_that_the_next_run_does_not_clear_away(
    copy: Path, target: str, stop: signal.Signals, after: str
) -> None:
    process = start(copy, "--target", target)
    assert process.stdout is not None
    read = iter(process.stdout.readline, "")
    assert any(line.startswith(after) for line in read)
    process.send_signal(stop)
    process.communicate()
    if stop is signal.SIGKILL:
        rehearsal.clear(rehearsal.locate(project.load(copy), target))
    else:
        assert process.returncode == 130
    assert left(copy, target) == []


def test_it_is_not_rehearsed_on_a_cluster() -> None:
    with pytest.raises(PipelineError, match=r"runs on this machine, but kubernetes needs a cluster.* Next: \./run demo"):
        rehearsal.choose_target("kubernetes")
