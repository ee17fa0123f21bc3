"""`./run demo`, on both targets: its report, and that nothing is left of it, also when it is interrupted."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from slipway import project, rehearsal
from slipway.errors import PipelineError
from slipway.operate import docker_engine

pytestmark = pytest.mark.road

ROOT = Path(__file__).parents[2]
TARGETS = ["local", pytest.param("docker", marks=pytest.mark.docker)]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project, so that the rehearsal of the checkout itself is left alone."""
    into = tmp_path / "project"
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


# On local the README's own command does the same, in tests/template/test_readme.py, and other models in test_unlike_models.py.
@pytest.mark.parametrize("target", TARGETS[1:], indirect=True)
def test_it_ends_with_no_failed_request_and_a_proven_rollback(copy: Path, target: str) -> None:
    process = start(copy, "--target", target)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    report = json.loads((copy / "build/rehearsal/report.json").read_bytes())
    assert report["target"] == target
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
    assert left(copy, target) == []


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
