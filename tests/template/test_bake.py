"""A project is the template's own files, wherever the template comes from."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.template import hash_library, read_library

Cookiecutter = Callable[..., subprocess.CompletedProcess[str]]
Bake = Callable[..., Path]
Environment = dict[str, str]
Contents = dict[str, tuple[bool, bytes]]

# With the project's names in them, or with links to the template's pages.
LINKED = ("README.md", "data/README.md", "docs/README.md", "docs/rollback.md", "docs/monitoring.md", "docs/your-model.md")
RENDERED = {*LINKED, "project.toml", ".github/CODEOWNERS"}
# Of what the list names, and of the rest; a new file at the root belongs on the list or here.
STAYS_BEHIND = (
    *(".github/workflows/release.yml", ".github/workflows/site.yml", ".github/workflows/template.yml"),
    *("tests/conftest.py", "tests/library/", "tests/template/"),
)
NEVER_LISTED = (
    *(".ci/", ".devcontainer/", ".github/ISSUE_TEMPLATE/", "bench/", "docs/", "hooks/", "{{cookiecutter.project_slug}}/"),
    *(".github/release.py", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "SECURITY.md", "cookiecutter.json", "mkdocs.yml"),
)
API = "import sys; from cookiecutter.main import cookiecutter; cookiecutter(sys.argv[1], no_input=True)"


def contents(folder: Path) -> Contents:
    """Every file that is not git's own: whether it is executable, and its bytes."""
    files = [path for path in folder.rglob("*") if path.is_file() and ".git" not in path.relative_to(folder).parts]
    return {path.relative_to(folder).as_posix(): (os.access(path, os.X_OK), path.read_bytes()) for path in files}


def without_rendered(found: Contents) -> Contents:
    return {name: file for name, file in found.items() if name not in RENDERED}


def git(folder: Path, *arguments: str | Path) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def tracked(template: Path) -> list[str]:
    return git(template, "ls-files", "-z").strip("\0").split("\0")


@pytest.fixture(scope="module")
def expected(template: Path, tracked: list[str]) -> Contents:
    """The tracked files that the list names, less those that stay behind."""
    listed = json.loads((template / "cookiecutter.json").read_text())["_copy_without_render"]
    root = contents(template)
    named = [name for name in tracked if any(name == entry or name.startswith(f"{entry}/") for entry in listed)]
    return without_rendered({name: root[name] for name in named if not name.startswith(STAYS_BEHIND)})


def absolute_path(template: Path, _: Path) -> str:
    return str(template)


def relative_path(template: Path, folder: Path) -> str:
    return os.path.relpath(template, folder)


def path_with_a_space(template: Path, folder: Path) -> str:
    return str(shutil.copytree(template, folder / "my templates" / "slip way"))


def git_url(template: Path, folder: Path) -> str:
    git(folder, "clone", "--bare", template, "slipway.git")
    return (folder / "slipway.git").as_uri()


def zip_file(template: Path, folder: Path) -> str:
    git(template, "archive", "--prefix=slipway-main/", f"--output={folder / 'slipway.zip'}", "HEAD")
    return "slipway.zip"


@pytest.fixture(params=[absolute_path, relative_path, path_with_a_space, git_url, zip_file])
def source(request: pytest.FixtureRequest, template: Path, tmp_path: Path) -> str:
    made: str = request.param(template, tmp_path)
    return made


def test_a_project_is_the_listed_files(source: str, tmp_path: Path, bake: Bake, expected: Contents) -> None:
    project = bake(tmp_path / "out", source, project_name="Other Name")
    assert project.name == "other-name"
    assert without_rendered(contents(project)) == expected


def test_a_file_that_does_not_arrive_is_known_to_stay_behind(tracked: list[str], expected: Contents) -> None:
    absent = set(tracked) - set(expected) - RENDERED
    assert [name for name in absent if not name.startswith((*STAYS_BEHIND, *NEVER_LISTED))] == []


def test_the_defaults_give_the_names_at_the_root_and_where_they_are_from(template: Path, tmp_path: Path, bake: Bake) -> None:
    project = bake(tmp_path / "out")
    assert project.name == "slipway-example"
    from_here = {'url = ""': f'url = "{template}"', 'version = ""': f'version = "{git(template, "rev-parse", "HEAD").strip()}"'}
    settings = (template / "project.toml").read_text()
    from_here |= {'library = ""': f'library = "{hash_library(read_library(project))}"'}
    for at_the_root, here in from_here.items():
        settings = settings.replace(at_the_root, here)
    assert (project / "project.toml").read_text() == settings
    assert (project / ".github/CODEOWNERS").read_text() == (template / ".github/CODEOWNERS").read_text()


def test_where_it_is_from_is_left_open_where_others_could_not_find_it(template: Path, tmp_path: Path, bake: Bake) -> None:
    for kind in (relative_path, zip_file):
        text = (bake(tmp_path / kind.__name__, kind(template, tmp_path)) / "project.toml").read_text()
        assert '\nurl = ""\n' in text
    assert '\nversion = ""\n' in text


def test_the_api_gives_the_same(template: Path, tmp_path: Path, environment: Environment, expected: Contents) -> None:
    command = [sys.executable, "-c", API, str(template)]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert without_rendered(contents(tmp_path / "slipway-example")) == expected


def test_a_replay_gives_the_same(tmp_path: Path, bake: Bake, cookiecutter: Cookiecutter) -> None:
    first = bake(tmp_path / "first", project_name="Once More", github_owner="Acme", description="What it answers")
    done = cookiecutter(tmp_path, "--replay", "--output-dir", "second")
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "second" / "once-more") == contents(first)


def test_nothing_of_the_template_is_left(tmp_path: Path, bake: Bake) -> None:
    found = contents(bake(tmp_path / "out"))
    assert {"README.md", "run", "model/features.py", ".github/CODEOWNERS"} <= set(found)
    assert found["run"][0]
    assert not [name for name, (_, text) in found.items() if b"{{cookiecutter" in text.replace(b" ", b"")]


def test_leftovers_of_a_working_tree_stay(template: Path, tmp_path: Path, bake: Bake, expected: Contents) -> None:
    used = shutil.copytree(template, tmp_path / "slipway")
    untidy = (".venv/lib/a.py", "build/a", "notes.txt", "model/__pycache__/a.pyc", "tests/.pytest_cache/a/b", ".git/x")
    for name in (*untidy, "slipway/operate/__pycache__/a.pyc", "service/.mypy_cache/a", "infra/.ruff_cache/a"):
        (used / name).parent.mkdir(parents=True, exist_ok=True)
        (used / name).write_text("left over")
    before = contents(used)
    assert without_rendered(contents(bake(tmp_path / "out", used))) == expected
    assert contents(used) == before


def test_a_listed_name_that_is_missing_is_named(template: Path, tmp_path: Path, cookiecutter: Cookiecutter) -> None:
    broken = shutil.copytree(template, tmp_path / "slipway")
    shutil.rmtree(broken / "validation")
    (broken / "run").unlink()
    done = cookiecutter(tmp_path, "--no-input", "--output-dir", "out", source=broken)
    assert done.returncode == 1
    assert done.stderr == "This copy of the template is incomplete. Get it again: it lacks run, validation.\n"
    assert not (tmp_path / "out").exists()
