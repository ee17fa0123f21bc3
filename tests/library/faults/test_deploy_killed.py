"""A verb that is killed with SIGKILL at each of its steps: a release that is complete and proven serves, and the verb can be run again.

At each when the page is written, which takes half an hour; at four of them otherwise, from the first to the last.
Two releases, each judged against the other, are deployed over each other by turns, so nothing has to be trained or judged in between.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from slipway.cli import ROOT
from slipway.operate.targets import containers
from slipway.serving.parity import TOLERANCE, distance
from tests.conftest import Road, Said
from tests.library.faults.conftest import Suffers
from tests.library.faults.page import fault
from tests.library.test_lifecycle import NO_FLOORS, A, B, both, pushed, state, works_in


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Road:
    """Two releases, each with a verdict against the other."""
    road = Road.copied(tmp_path_factory.mktemp("killed") / "project", replicas=1)
    (road.root / "validation" / "thresholds.toml").write_text(NO_FLOORS)
    road.make(A)
    road.make(B, champion=str(road.kept(A) / "bundle"))
    road.checkout(A)
    road.must("validate", "--champion", str(road.kept(B) / "bundle"))
    shutil.rmtree(road.kept(A))
    shutil.copytree(road.root / "build", road.kept(A))
    return road


@pytest.fixture(scope="module")
def road(made: Road, request: pytest.FixtureRequest) -> Iterator[Road]:
    with pushed(made, request, A, B) as road:
        road.stand(A, B)
        yield road


@pytest.fixture
def select(request: pytest.FixtureRequest) -> Callable[[list[str]], list[int]]:
    """How to select the steps to be killed at, counted from 1."""
    return lambda steps: spread(len(steps), len(steps) if request.config.getoption("--write-faults") else 4)


def spread(steps: int, kills: int) -> list[int]:
    """Return so many numbers of steps, evenly from the first to the last."""
    return sorted({1 + round(each * (steps - 1) / (kills - 1)) for each in range(kills)})


@fault(
    2,
    "kill -9 of a deploy, just before each of its steps and after the last",
    local="The live release stays live, or the new one is live if it was already proven. The same deploy, typed again, completes.",
    docker="As on local. If it is killed while it takes the lock, the lock is free after 12 s; a rollback does not wait for that.",
    kubernetes="As on local, once the lock has not been renewed for 14 s; a rollback does not wait for that.",
)
def test_a_deploy_that_is_killed(road: Road, suffers: Suffers, tmp_path: Path, select: Callable[[list[str]], list[int]]) -> None:
    wrong = list[str]()
    road.stand(A, B)
    with suffers(B):
        steps = killed(road, 0, tmp_path, "deploy", A)
        road.serves(A)
        for number in select(steps):
            tag = B if road.standing()[-1] == A else A
            wrong += [f"{steps[number - 1]}: {each}" for each in after(road, steps, number, tmp_path, "deploy", tag)]
        if road.standing()[-1] != B:
            road.must("deploy", B)
    assert wrong == []


@fault(
    2,
    "kill -9 of a rollback, just before each of its steps and after the last",
    local="The live release stays live, or the requested one is live if it was already proven. The same rollback, typed again, completes.",
    docker="As on local.",
    kubernetes="As on local.",
)
def test_a_rollback_that_is_killed(road: Road, suffers: Suffers, tmp_path: Path, select: Callable[[list[str]], list[int]]) -> None:
    wrong = list[str]()
    road.stand(A, B)
    with suffers(B):
        steps = killed(road, 0, tmp_path, "rollback", "--to", A)
        road.serves(A)
        for number in select(steps):
            tag = B if serving(road) == {A} else A
            wrong += [f"{steps[number - 1]}: {each}" for each in after(road, steps, number, tmp_path, "rollback", "--to", tag)]
        if serving(road) != {B}:
            road.must("rollback", "--to", B)
    assert wrong == []
    road.must("resume")
    road.must("deploy", B)
    road.serves(B)


# On docker it leaves a container, which the next success takes away.
@pytest.mark.parametrize("road", both[:1], indirect=True)
def test_a_deploy_that_is_killed_leaves_no_process(road: Road, tmp_path: Path) -> None:
    road.stand(A, B)
    steps = killed(road, 0, tmp_path, "deploy", A)
    killed(road, 1 + steps.index("start a process") + 1, tmp_path, "deploy", B)
    road.must("deploy", B)
    supervisor = road.place.supervisor.find_process()  # type: ignore[attr-defined]
    ours = {supervisor.pid, *(each.pid for each in supervisor.children(recursive=True))}
    left = [each for each in psutil.process_iter() if works_in(each, road.root) and each.pid not in ours]
    for each in left:
        each.kill()
    assert left == []


# Tools of these tests.


def killed(road: Road, step: int, folder: Path, *verb: str) -> list[str]:
    """Run a verb in a process of its own that is killed right before a step, or not at all; returns the steps that it came to."""
    told = folder / "steps"
    told.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.library.faults.killed", str(step), str(told), str(road.root), *verb, "--target", road.target]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": ""}, capture_output=True, text=True, check=False)
    assert done.returncode == (-signal.SIGKILL if step else 0), done.stdout + done.stderr
    return told.read_text().splitlines()


def after(road: Road, steps: list[str], step: int, folder: Path, *verb: str) -> list[str]:
    """Kill a verb right before a step, look, and run it again; returns what was wrong."""
    tag = verb[-1]
    came = killed(road, step, folder, *verb)
    wrong = [] if came == steps[:step] else [f"other steps than when it was not killed: {came}"]
    try:
        seen, told = serving(road), state(road)
        if told["live"]["tag"] not in seen and told["proof"]:
            wrong.append(f"{seen} serves, status says {told['live']['tag']}")
    except (AssertionError, httpx.HTTPError) as error:
        wrong.append(repr(error))
    said = road.run(*verb)
    if said.code == 5 and any("/attach" in each for each in steps[step - 2 : step]):  # the lock's container is there and does not run yet
        said = seconds_later(road, *verb)
    if said.code == 2 and f"{tag} is the live release." in said.text:
        said = Said(0, "", "")  # it was killed when all was done
        road.place.lock.release()  # goes stale
    if said.code:
        wrong.append(f"again: {said.code}, {said.text[-300:]}")
        road.place.lock.release()
        road.must(*verb)
    if serving(road) != {tag} or state(road)["live"]["tag"] != tag or road.place.lock.read_holder():
        wrong.append(f"at the end {serving(road)} serves, not {tag}, or {road.place.lock.read_holder()} holds the lock")
    return wrong


def seconds_later(road: Road, *verb: str) -> Said:
    """Run a verb when it is known that the holder of a lock that was never started is gone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(containers, "GONE_SECONDS", 0)
        return road.run(*verb)


def serving(road: Road) -> set[str]:
    """Return the tags that answer, each of them as it was recorded: the old, the new, or both by turns."""
    found = set()
    for tag in (A, B) * 4:
        golden = json.loads((road.kept(tag) / "bundle" / "golden.json").read_bytes())
        answer = httpx.post(f"{road.url}/predict", json=golden["rows"]).raise_for_status()
        found.add(answer.headers["x-release"])
        assert answer.headers["x-release-digest"] == road.digests[answer.headers["x-release"]]
        if answer.headers["x-release"] == tag:
            assert distance(answer.json()["predictions"], golden["answers"]) <= TOLERANCE
    return found
