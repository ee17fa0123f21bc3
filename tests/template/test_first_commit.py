"""A project starts as a git repository of its own; git never stops a project from being made."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Environment = dict[str, str]
Cookiecutter = Callable[..., subprocess.CompletedProcess[str]]
Bake = Callable[..., Path]
Git = Callable[..., str]

NOBODY = "Slipway <slipway@example.invalid> Start from the Slipway template"
MISSING = 'git init -b main && git add --all && git commit -m "Start from the Slipway template"\n'


@pytest.fixture
def git(environment: Environment) -> Git:
    """Calls git in a folder, and returns what it said."""

    def call(folder: Path, *arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()

    return call


def test_everything_is_committed_on_main(tmp_path: Path, bake: Bake, git: Git) -> None:
    project = bake(tmp_path / "out")
    assert git(project, "status", "--porcelain", "--ignored", "--branch") == "## main"
    assert git(project, "log", "--format=%an <%ae> %s") == NOBODY
    assert git(project, "ls-files", "--stage", "run").startswith("100755")


def test_the_author_is_the_one_git_knows(tmp_path: Path, cookiecutter: Cookiecutter, git: Git) -> None:
    settings = tmp_path / "settings"
    settings.write_text("[user]\nname = Ada\nemail = ada@example.invalid\n")
    cookiecutter(tmp_path, "--no-input", GIT_CONFIG_GLOBAL=str(settings))
    assert git(tmp_path / "slipway-example", "log", "--format=%an <%ae>") == "Ada <ada@example.invalid>"


def test_run_is_executable_from_windows_too(tmp_path: Path, cookiecutter: Cookiecutter, git: Git) -> None:
    no_bits = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.fileMode", "GIT_CONFIG_VALUE_0": "false"}
    cookiecutter(tmp_path, "--no-input", **no_bits)
    assert git(tmp_path / "slipway-example", "ls-files", "--stage", "run").startswith("100755")


def test_what_a_person_always_ignores_is_committed(tmp_path: Path, cookiecutter: Cookiecutter, git: Git) -> None:
    ignored, settings = tmp_path / "ignored", tmp_path / "settings"
    ignored.write_text("*.csv\n*.toml\n")
    settings.write_text(f"[core]\nexcludesFile = {ignored}\n")
    cookiecutter(tmp_path, "--no-input", GIT_CONFIG_GLOBAL=str(settings))
    assert git(tmp_path / "slipway-example", "log", "--format=%s")
    assert git(tmp_path / "slipway-example", "status", "--porcelain") == ""


def test_another_repository_around_it_is_left_alone(tmp_path: Path, cookiecutter: Cookiecutter, git: Git) -> None:
    git(tmp_path, "init", "-b", "other")
    inside_a_git_hook = {"GIT_DIR": str(tmp_path / ".git"), "GIT_WORK_TREE": str(tmp_path), "GIT_INDEX_FILE": "index"}
    cookiecutter(tmp_path, "--no-input", **inside_a_git_hook)
    assert git(tmp_path, "status", "--porcelain") == "?? slipway-example/"
    assert git(tmp_path / "slipway-example", "branch", "--show-current") == "main"


def test_a_repository_that_is_there_keeps_its_history(tmp_path: Path, cookiecutter: Cookiecutter, git: Git) -> None:
    git(tmp_path, "init", "-b", "trunk", "slipway-example")
    done = cookiecutter(tmp_path, "--no-input", "--overwrite-if-exists")
    assert done.returncode == 0
    status = git(tmp_path / "slipway-example", "status", "--branch", "--porcelain")
    assert status.startswith("## No commits yet on trunk\n??")


def test_a_project_is_made_without_git(tmp_path: Path, cookiecutter: Cookiecutter) -> None:
    done = cookiecutter(tmp_path, "--no-input", PATH=str(tmp_path))
    assert done.returncode == 0
    assert done.stdout.endswith(MISSING)
    assert (tmp_path / "slipway-example" / "run").is_file()
    assert not (tmp_path / "slipway-example" / ".git").exists()


def test_a_project_is_made_when_git_refuses(tmp_path: Path, cookiecutter: Cookiecutter) -> None:
    settings = tmp_path / "settings"
    settings.write_text("[commit]\ngpgSign = true\n[gpg]\nprogram = false\n")
    done = cookiecutter(tmp_path, "--no-input", GIT_CONFIG_GLOBAL=str(settings))
    assert done.returncode == 0
    assert done.stdout.endswith(MISSING)
