"""The pipeline once, on this machine: a release goes live, a second one replaces it, a rollback puts the first back."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.build import build
from pipeline.deploy import deploy
from pipeline.push import push
from pipeline.rollback import rollback
from pipeline.train import train
from pipeline.validate import validate
from slipway import http_client, project, rehearsal
from slipway.project import Project

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the target local needs Linux or macOS; on Windows, test inside WSL")
ROOT = Path(__file__).resolve().parents[1]
ANY = 60_000.0


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Project]:
    """A copy of the project with a history, a port and a state of its own, where no answer is too slow."""
    made = rehearsal.copy_project(project.load(ROOT), tmp_path)
    yield replace(made, p99_ms=ANY, bake=replace(made.bake, seconds=0))
    rehearsal.clear(made)


def release(copy: Project, tag: str, champion: str) -> None:
    """Train, judge, build, push, tag and deploy."""
    rehearsal.commit(copy, tag)
    train(copy)
    judged = validate(copy, champion)
    assert judged.exit_code == 0, judged.reasons
    build(copy)
    push(copy)
    rehearsal.tag(copy, tag)
    deploy(copy, tag)


def fetch_tag(copy: Project) -> str:
    """Return the tag of the live release, as its callers see it."""
    return http_client.send_request("GET", f"http://{copy.address}/healthz", 30).headers["x-release"]


def test_a_release_goes_live_and_a_rollback_puts_it_back(copy: Project) -> None:
    release(copy, "v1.0.0", champion="none")
    assert fetch_tag(copy) == "v1.0.0"
    release(copy, "v1.1.0", champion="live")
    assert fetch_tag(copy) == "v1.1.0"
    done = rollback(copy, None, "a test")
    assert fetch_tag(copy) == done.after.tag == "v1.0.0"
    assert all(check.holds for check in done.checks)
