"""The page for other CIs: GitLab's file fits its schema, and its lines take the same road, to a rollback and on."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any

import httpx
import pandas as pd
import pytest
from ruamel.yaml import YAML

from slipway import project
from tests.template.workflows.scenario import HERE, Scenario

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "other-ci.md").read_text(encoding="utf-8")
FILE = PAGE.partition("```yaml\n")[2].partition("```")[0]
GITLAB: dict[str, Any] = YAML(typ="safe", pure=True).load(FILE)
JOBS = {name: job for name, job in GITLAB.items() if isinstance(job, dict) and "script" in job}
SECRETS = {"DEPLOY_HOST", "DEPLOY_KNOWN_HOSTS", "DEPLOY_SSH_KEY"}


def flat(script: list[Any]) -> Iterator[str]:
    """Yield a script's lines; a list in it is what an anchor put there."""
    for each in script:
        yield from flat(each) if isinstance(each, list) else [each]


def test_the_file_fits_gitlab_s_schema(tmp_path: Path) -> None:
    (tmp_path / ".gitlab-ci.yml").write_text(FILE)
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"]
    done = subprocess.run([*command, ".gitlab-ci.yml"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    (tmp_path / ".gitlab-ci.yml").write_text(FILE.replace("when: manual", "when: by hand"))
    assert subprocess.run([*command, ".gitlab-ci.yml"], cwd=tmp_path, capture_output=True, check=False).returncode == 1


def test_the_jobs_are_those_of_the_road() -> None:
    assert set(JOBS) == {"check", "candidate", "release", "deploy", "rollback", "resume"}
    assert all(job["stage"] in GITLAB["stages"] and "\n" not in line for job in JOBS.values() for line in flat(job["script"]))
    secret = {name for name, job in JOBS.items() if SECRETS & {word for line in flat(job["script"]) for word in SECRETS if word in line}}
    assert (
        secret
        == {name for name, job in JOBS.items() if job.get("environment", {}).get("name") == "production"}
        == {"deploy", "rollback", "resume"}
    )
    assert [name for name, job in JOBS.items() if "resource_group" in job] == ["deploy"]
    assert {name for name, job in JOBS.items() if job.get("tags") == ["deploy"]} == secret  # the key stays on that runner


def job(on: Scenario, name: str, commit: str, secrets: bool = False, **variables: str) -> tuple[int, str, Path]:
    """Run a job's lines in a clone, as GitLab's shell executor does; returns the exit code, the log and the folder."""
    runner = on.folder / f"gitlab-{next(on.numbers)}"
    for folder in ("home", "artifacts"):
        (runner / folder).mkdir(parents=True)
    (runner / "bash_env").touch()
    work = runner / "work"
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", on.bare, work], check=True)
    subprocess.run(["git", "checkout", "--quiet", "--detach", commit], cwd=work, check=True)
    subprocess.run(
        [sys.executable, HERE / "actions" / "setup-uv" / "link.py"], cwd=work, env={**os.environ, "SCENARIO_VENV": sys.prefix}, check=True
    )
    given = {
        "CI_DEFAULT_BRANCH": "main",
        "CI_REGISTRY": on.registry,
        "CI_REGISTRY_IMAGE": on.images,
        "CI_REGISTRY_USER": "somebody",
        "CI_REGISTRY_PASSWORD": "token",
        "GITLAB_USER_LOGIN": "somebody",
        **(on.secrets if secrets else {}),
        **variables,
    }
    own: Mapping[str, str] = {**GITLAB["variables"], **JOBS[name].get("variables", {}), **variables}
    environment = {**on.environment(runner), **given, **{key: Template(value).safe_substitute(given) for key, value in own.items()}}
    lines = "\n".join(flat(JOBS[name]["script"]))
    done = subprocess.run(["bash", "-eo", "pipefail", "-c", lines], cwd=work, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr, work


def serves(on: Scenario, tag: str, commit: str) -> None:
    """Hold what callers get against the registry."""
    named = httpx.get(f"http://{project.load(on.work).address}/healthz").raise_for_status().headers
    assert (named["x-release"], named["x-release-digest"]) == (tag, on.stored(commit))


@pytest.mark.docker
def test_its_lines_take_the_same_road(scenario: Scenario) -> None:
    on, rows = scenario, pd.read_csv(scenario.work / "data" / "train.csv")

    def main(message: str, rows: pd.DataFrame) -> str:
        commit = on.commit(message, rows)
        on.git("push", "--quiet", "origin", f"{commit}:refs/heads/main")
        return commit

    def tag(name: str, commit: str) -> str:
        on.git("tag", name, commit)
        on.git("push", "--quiet", "origin", name)
        return name

    def must(code: int, said: str, folder: Path) -> Path:
        assert code == 0, said[-5000:]
        return folder

    first = main("The oldest rows", rows.head(int(len(rows) * 0.8549)))
    must(*job(on, "release", first))
    must(*job(on, "deploy", first, secrets=True, CI_COMMIT_TAG=tag("v1.0.0", first)))
    serves(on, "v1.0.0", first)
    second = on.commit("All rows", rows)
    on.git("push", "--quiet", "origin", f"{second}:refs/heads/change")
    judged = must(*job(on, "candidate", second, CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main"))
    assert all((judged / path).is_file() for path in JOBS["candidate"]["artifacts"]["paths"])
    assert on.stored(second) is None
    on.git("push", "--quiet", "origin", f"{second}:refs/heads/main")
    must(*job(on, "release", second))
    must(*job(on, "deploy", second, secrets=True, CI_COMMIT_TAG=tag("v1.1.0", second)))
    serves(on, "v1.1.0", second)
    must(*job(on, "rollback", second, secrets=True, REASON="answers are off"))
    serves(on, "v1.0.0", first)
    code, said, _ = job(on, "deploy", second, secrets=True, CI_COMMIT_TAG=tag("v1.2.0", second))
    assert (code, "Deploys are held: rollback (answers are off) to v1.0.0 by somebody" in said) == (6, True)
    must(*job(on, "resume", second, secrets=True))
    must(*job(on, "deploy", second, secrets=True, CI_COMMIT_TAG="v1.2.0"))
    serves(on, "v1.2.0", second)
    code, said, _ = job(on, "deploy", second, CI_COMMIT_TAG="v1.2.0")
    assert (code, "The host cannot be reached: DEPLOY_HOST, DEPLOY_KNOWN_HOSTS, DEPLOY_SSH_KEY are not set" in said) == (2, True)
