"""The workflows hold to the house rules, and call only verbs that exist."""

import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.__main__ import VERBS

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
CALLED = re.compile(r"\./run ([\w-]+)")
VERBS_OF_RUN = {"check", "test"}

each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def parse(path: Path) -> dict[str, Any]:
    """Return a workflow as YAML 1.2, in which `on` is a word; the C parser would make it true."""
    workflow: dict[str, Any] = YAML(typ="safe", pure=True).load(path)
    return workflow


def steps(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the steps of all jobs."""
    for job in parse(path)["jobs"].values():
        yield from job["steps"]


def scripts(path: Path) -> list[str]:
    """Return what the steps run."""
    return [step["run"] for step in steps(path) if "run" in step]


def test_the_project_has_its_four_workflows() -> None:
    assert {path.stem for path in WORKFLOWS} >= {"ci", "train-validate-build-push", "deploy", "rollback"}


@each_workflow
def test_nothing_is_permitted_at_the_top(path: Path) -> None:
    assert parse(path)["permissions"] == {}


@each_workflow
def test_every_job_ends(path: Path) -> None:
    assert all(0 < job["timeout-minutes"] <= 60 for job in parse(path)["jobs"].values())


@each_workflow
def test_every_action_is_pinned_to_a_commit_and_says_its_version(path: Path) -> None:
    used = [line for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert [line for line in used if not PINNED.search(line)] == []
    assert len(used) == sum("uses" in step for step in steps(path))


def test_an_action_has_one_pin() -> None:
    pins = {step["uses"] for path in WORKFLOWS for step in steps(path) if "uses" in step}
    assert len({pin.partition("@")[0] for pin in pins}) == len(pins)


@each_workflow
def test_no_checkout_leaves_the_token_behind(path: Path) -> None:
    checkouts = [step for step in steps(path) if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@each_workflow
def test_a_script_is_one_line_without_expressions(path: Path) -> None:
    assert [script for script in scripts(path) if "\n" in script.strip() or "${{" in script] == []


@each_workflow
def test_the_verbs_called_exist(path: Path) -> None:
    called = {verb for script in scripts(path) for verb in CALLED.findall(script)}
    assert called <= VERBS_OF_RUN | set(VERBS)


@each_workflow
def test_a_workflow_stays_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 100


def test_the_required_check_waits_for_every_other_job() -> None:
    jobs = parse(FOLDER / "ci.yml")["jobs"]
    assert set(jobs["all-green"]["needs"]) == set(jobs) - {"all-green"}
    assert jobs["all-green"]["if"] == "always()"


def test_a_pull_request_writes_nowhere() -> None:
    granted = [job.get("permissions", {}) for job in parse(FOLDER / "ci.yml")["jobs"].values()]
    assert {access for permissions in granted for access in permissions.values()} == {"read"}


def test_a_rollback_queues_behind_nothing() -> None:
    assert "github.run_id" in parse(FOLDER / "rollback.yml")["concurrency"]["group"]


@pytest.mark.parametrize("name", ["deploy", "rollback"])
def test_production_is_touched_only_where_there_is_a_host(name: str) -> None:
    jobs = parse(FOLDER / f"{name}.yml")["jobs"].values()
    assert {job["if"]: job.get("environment") for job in jobs} == {"vars.DEPLOY_HOST != ''": "production", "vars.DEPLOY_HOST == ''": None}


def test_zizmor_finds_nothing() -> None:
    zizmor = shutil.which("zizmor", path=sysconfig.get_path("scripts"))
    assert zizmor, "zizmor is in requirements/work.txt: make the environment again with ./run test"
    command = [zizmor, "--offline", "--strict-collection", "--persona=auditor", "--no-progress", str(ROOT / ".github")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
