"""A deploy and a rollback for real, with the packages to operate alone; what a deploy has to judge is judged where the others are."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from model import behaviour
from slipway import project
from slipway.errors import Held
from slipway.operate import targets
from slipway.operate.process import free_port
from slipway.operate.switch import read_state
from tests.conftest import Road, link_environment
from tests.library.test_lifecycle import NO_FLOORS, pushed, shuffled, training_rows, write_rows

pytestmark = [pytest.mark.road, pytest.mark.docker]

A, WEAK = "v1.0.0", "v1.1.0"
MOST_MEGABYTES = 80
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Road]:
    """A project on docker with two releases, each judged as a first one, though the second has learnt little."""
    request.param = "docker"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(behaviour, "CASES", [])
        made = Road.copied(tmp_path_factory.mktemp("road") / "project")
        (made.root / "validation" / "thresholds.toml").write_text(NO_FLOORS, encoding="utf-8")
        made.make(A)
        write_rows(made, shuffled(training_rows(made)))
        made.make(WEAK)
        with pushed(made, request, A, WEAK) as on_docker:
            yield on_docker


@pytest.fixture(scope="module")
def run(road: Road) -> Run:
    """Calls a verb in the project with the packages to operate alone, as `./run` does on a runner that has nothing yet."""

    def call(*words: str) -> "subprocess.CompletedProcess[str]":
        found = environments(road).get("operate")
        # Once the environment to work in is there, `run` itself would take that.
        command = [str(found / "bin" / "python"), "-m", "slipway.cli"] if found else [sys.executable, str(road.root / "run")]
        return subprocess.run([*command, *words, "--target", "docker"], cwd=road.root, capture_output=True, text=True, check=False)

    return call


def environments(road: Road) -> dict[str, Path]:
    """Return which environments the project has."""
    return {path.name.partition("-")[0]: path for path in (road.root / ".environments").glob("*-*") if path.is_dir()}


def test_a_first_release_a_refusal_and_a_rollback(road: Road, run: Run, tmp_path: Path) -> None:
    done = run("deploy", A)
    assert done.returncode == 0, done.stderr
    road.serves(A)
    assert set(environments(road)) == {"operate"}
    size = sum(path.stat().st_size for path in environments(road)["operate"].rglob("*") if path.is_file() and not path.is_symlink())
    assert size < MOST_MEGABYTES * 1e6

    work = link_environment(road.root)
    done = run("deploy", WEAK)
    assert (done.returncode, "The gate says FAIL against what is live now." in done.stderr) == (1, True), done.stderr
    road.serves(A)
    done = run("deploy", WEAK, "--approved-by", "Ada", "--reason", "a try")
    assert done.returncode == 0, done.stderr
    road.serves(WEAK)

    work.rename(tmp_path / "work")
    done = run("rollback", "--reason", "answers are off")
    assert done.returncode == 0, done.stderr
    road.serves(A)
    assert json.loads(run("status", "--json").stdout)["live"]["tag"] == A
    history: list[Any] = json.loads(run("history", "--json").stdout)
    assert [each["tag"] for each in history][-3:] == [A, WEAK, A]
    assert set(environments(road)) == {"operate"}


def test_a_release_that_cannot_be_judged_is_not_deployed(road: Road, run: Run) -> None:
    """The environment to work in is there, and what it is asked fails: its own words are shown."""
    road.stand(A)
    work = link_environment(road.root)
    (road.root / "validation" / "reference.csv").write_text("not,what,it,was\n", encoding="utf-8")
    road.commit("Another reference dataset")
    done = run("deploy", WEAK, "--rules", "HEAD")
    assert done.returncode == 2
    assert done.stderr.count("error: ") == 2
    assert "could not be judged against the live release; the reason is above. Nothing was deployed." in done.stderr
    road.serves(A)
    (work / "made").unlink()


def test_staging_has_a_chain_a_hold_and_a_pointer_of_its_own(road: Road) -> None:
    road.checkout("main")
    settings = road.root / "project.toml"
    settings.write_text(
        f'{settings.read_text(encoding="utf-8")}\n[environments.staging]\naddress = "127.0.0.1:{free_port()}"\n', encoding="utf-8"
    )
    road.commit("Staging")
    road.stand(A)
    staging = targets.load_target(project.load(road.root, "docker", "staging"))
    on_staging = ("--environment", "staging")
    try:
        assert "may have been live on staging" in road.must("deploy", A).out
        for tag in (A, WEAK):  # judged as first releases; no champion on staging is asked
            road.must("deploy", road.git("rev-parse", f"{tag}^{{commit}}")[:9], *on_staging)
        live = read_state(staging).live
        assert live is not None
        assert (live.digest, live.tag, staging.read_pointer()) == (road.digests[WEAK], live.commit[:12], road.digests[WEAK])
        road.must("rollback", "--reason", "a try", *on_staging)
        refused = road.run("deploy", WEAK, *on_staging)
        assert (refused.code, "Deploys are held" in refused.text) == (Held.exit_code, True)
        road.serves(A)  # in production nothing has changed, and nothing is held
        assert "was live on staging for 0.0 hours" in road.must("deploy", A).out
        assert (road.standing(), road.place.read_pointer()) == ([A], road.digests[A])
        unknown = road.run("deploy", live.commit)
        assert (unknown.code, "There is no tag" in unknown.text) == (2, True)
    finally:
        staging.stop_all()
