"""What is read in the workflow files and not executed: act ignores environment, concurrency, permissions and filters."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.operate.signing import KEY
from slipway.operate.workflow import KUBECONFIG, SECRETS
from tests.library.test_workflows import FOLDER, parse

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PARSER = Path(__file__).parent / "parser"
# Its list of events lacks what a merge queue says; GitHub documents it.
KNOWN = ["warning: Context access might be invalid: merge_group"]
STAND_INS = Path(__file__).parent / "actions"
# Given on GitHub by GitHub, and no setting.
BUILT_IN = {"GITHUB_TOKEN"}


def text() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)


def tool(name: str) -> str:
    """Return where a tool is. Skips, or fails where nothing may be skipped, without it."""
    found = shutil.which(name)
    if found is None and os.environ.get("REQUIRE_DOCKER") == "1":
        pytest.fail(f"REQUIRE_DOCKER=1, and there is no {name} on the PATH", pytrace=False)
    return found or pytest.skip(f"there is no {name} on the PATH")


def said(*command: str | Path) -> list[str]:
    """Return what a linter says, a line each: nothing where it ends with 0, and otherwise something."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).replace("ok -- validation done\n", "").splitlines()
    assert bool(lines) == bool(done.returncode)
    return lines


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workflow with a mistake of each kind that somebody has to see."""
    path = tmp_path_factory.mktemp("broken") / "deploy.yml"
    text = (ROOT / ".github" / "workflows" / "deploy.yml").read_text(encoding="utf-8")
    path.write_text(text.replace("always()", "alwys()").replace("github.actor", "github.actr").replace("timeout-minutes", "timeout-minute"))
    return path


def test_actionlint_finds_nothing(broken: Path) -> None:
    lint = tool("actionlint")
    assert said(lint, *WORKFLOWS) == []
    assert len([line for line in said(lint, "-no-color", "-oneline", broken) if "alwys" in line or "actr" in line]) == 2


def test_github_s_own_parser_finds_nothing(broken: Path, tmp_path: Path) -> None:
    npm, node = tool("npm"), tool("node")
    shutil.copytree(PARSER, tmp_path, dirs_exist_ok=True)
    bundle = ["esbuild", "check.mjs", "--bundle", "--platform=node", "--outfile=check.cjs", "--log-level=warning"]
    for command in ([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], [npm, "exec", "--offline", "--", *bundle]):
        subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    found = said(node, tmp_path / "check.cjs", *WORKFLOWS)
    assert [line.partition(": ")[2] for line in found] == KNOWN
    assert [line for line in said(node, tmp_path / "check.cjs", broken) if "alwys" in line or "actr" in line or "timeout-minute" in line]


def test_the_workflows_fit_their_schema(broken: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    assert said(*command, *WORKFLOWS) == []
    assert any("timeout-minute" in line for line in said(*command, broken))


def test_the_readme_names_the_secrets_and_variables_that_there_are() -> None:
    readme = (ROOT / "{{cookiecutter.project_slug}}" / "README.md").read_text(encoding="utf-8")
    used = set(re.findall(r"\b(?:secrets|vars)\.(\w+)", text())) - BUILT_IN
    settings = readme[readme.index("## First push") : readme.index("## New data")]
    assert set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", settings)) == used
    # The first ones the doctor looks for.
    assert used == {*SECRETS, KUBECONFIG, KEY, "IMAGE_REPOSITORY", "MLFLOW_TRACKING_URI", "PROMETHEUS_URL"}


def test_the_first_hour_types_what_there_is() -> None:
    """Each command is the README's, which a test runs, or one that only GitHub and a host can answer; what those name exists."""
    page, readme = (
        [line.removeprefix("$ ") for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("$ ")]
        for path in (ROOT / "docs" / "first-hour.md", ROOT / "{{cookiecutter.project_slug}}" / "README.md")
    )
    others = ("gh ", "ssh", "rm ", "git switch", "git pull", "git tag v1.", "git push ", "cookiecutter ", "cd ")
    run_elsewhere = ("./run demo", "./run doctor --fix")
    assert [line for line in page if line not in readme and not line.startswith(others + run_elsewhere)] == []
    assert {found for line in page for found in re.findall(r"secret set (\w+) --env production", line)} == set(SECRETS)
    pressed = [line.removeprefix("gh workflow run ") for line in page if line.startswith("gh workflow run ")]
    assert len(pressed) == 3
    for line in pressed:
        inputs = (parse(FOLDER / line.split()[0])["on"]["workflow_dispatch"] or {}).get("inputs", {})
        assert set(re.findall(r"-f (\w+)=", line)) <= set(inputs)


def test_every_action_has_a_stand_in() -> None:
    used = set(re.findall(r"uses: [\w.-]+/([\w.-]+)(?:/[\w.-]+)*@", text()))
    assert {each.name for each in STAND_INS.iterdir()} == used


def test_the_readme_names_the_required_check() -> None:
    assert "*all green*" in (ROOT / "{{cookiecutter.project_slug}}" / "README.md").read_text(encoding="utf-8")
