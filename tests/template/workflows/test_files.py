"""What is read in the workflow files and not executed: act ignores environment, concurrency, permissions and filters."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
STAND_INS = Path(__file__).parent / "actions"
# Given on GitHub by GitHub, and no setting.
BUILT_IN = {"GITHUB_TOKEN"}


def text() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)


def test_actionlint_finds_nothing() -> None:
    lint = shutil.which("actionlint")
    if lint is None:
        if os.environ.get("REQUIRE_DOCKER") == "1":
            pytest.fail("REQUIRE_DOCKER=1, and there is no actionlint on the PATH", pytrace=False)
        pytest.skip("there is no actionlint on the PATH")
    done = subprocess.run([lint, *map(str, WORKFLOWS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_readme_names_the_secrets_and_variables_that_there_are() -> None:
    readme = (ROOT / "{{cookiecutter.project_slug}}" / "README.md").read_text(encoding="utf-8")
    used = set(re.findall(r"\b(?:secrets|vars)\.(\w+)", text())) - BUILT_IN
    settings = readme[readme.index("## First push") : readme.index("## A bad day")]
    assert set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", settings)) == used


def test_every_action_has_a_stand_in() -> None:
    used = set(re.findall(r"uses: [\w.-]+/([\w.-]+)@", text()))
    assert {each.name for each in STAND_INS.iterdir()} == used


def test_the_readme_names_the_required_check() -> None:
    assert "*all green*" in (ROOT / "{{cookiecutter.project_slug}}" / "README.md").read_text(encoding="utf-8")
