"""What a project owns stays small enough to be read in an afternoon, and each of its links leads somewhere."""

import ast
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.template import drop_links

ROOT = Path(__file__).parents[2]
FILES, LINES, PYTHON_LINES, STEP_LINES = 75, 5_000, 1_200, 40
LIBRARY_MODULES, LIBRARY_LINES = 159, 24_060
# Apart from the rest, since nothing that serves, judges or operates imports it: it drafts a project, and is done.
ADOPT, ADOPT_MODULES, ADOPT_LINES = "slipway/adopt/", 50, 6_670
STEPS = {"build.py", "deploy.py", "push.py", "rollback.py", "train.py", "validate.py"}
PAGE = re.compile(r"(?<![\w.:/-])(?:\.\./)?(docs/[\w-]+\.md)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
GITHUB = "https://github.com/acme/slipway"

Bake = Callable[..., Path]


@pytest.fixture(scope="module")
def project(template: Path, tmp_path_factory: pytest.TempPathFactory, bake: Bake) -> Path:
    """A project of a template that is on GitHub."""
    folder = tmp_path_factory.mktemp("house")
    git(template, "clone", "--quiet", str(template), str(folder / "slipway"))
    git(folder / "slipway", "config", "remote.origin.url", f"{GITHUB}.git")
    git(folder / "slipway", "tag", "v1.0.0")
    return bake(folder / "out", folder / "slipway")


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def list_files(project: Path) -> list[str]:
    return git(project, "ls-files", "-z").strip("\0").split("\0")


def read(project: Path, name: str) -> str:
    return (project / name).read_text(encoding="utf-8")


def count_lines(project: Path, names: list[str]) -> int:
    return sum(read(project, name).count("\n") for name in names)


def is_counted(name: str) -> bool:
    """Tell whether a file is the owner's to read: not the library, data or a lock."""
    return not name.startswith("slipway/") and not name.endswith(".csv") and not re.fullmatch(r"requirements/\w+\.txt", name)


def test_what_a_project_owns_is_little(project: Path) -> None:
    own = [name for name in list_files(project) if is_counted(name)]
    assert len(own) <= FILES
    assert count_lines(project, own) <= LINES
    assert count_lines(project, [name for name in own if name.endswith(".py") or name == "run"]) <= PYTHON_LINES


def test_the_steps_are_short_and_the_tests_are_three(project: Path) -> None:
    steps = [path for path in (project / "pipeline").glob("*.py") if path.name != "__init__.py"]
    assert {path.name for path in steps} == STEPS
    assert [path.name for path in steps if count_lines(project, [str(path)]) > STEP_LINES] == []
    assert sorted(path.name for path in (project / "tests").iterdir()) == ["test_model.py", "test_road.py", "test_service.py"]


def has_code(text: str) -> bool:
    """Tell whether a file holds more than its docstring, such as the file that makes a folder a package."""
    return any(not isinstance(each, ast.Expr) for each in ast.parse(text).body)


def test_the_library_does_not_grow(project: Path) -> None:
    modules = [name for name in list_files(project) if name.startswith("slipway/") and name.endswith(".py")]
    adopt, others = ([name for name in modules if name.startswith(ADOPT) is which] for which in (True, False))
    for names, most, lines in ((others, LIBRARY_MODULES, LIBRARY_LINES), (adopt, ADOPT_MODULES, ADOPT_LINES)):
        assert len([name for name in names if has_code(read(project, name))]) <= most
        assert count_lines(project, names) <= lines


@pytest.mark.parametrize("on_github", [True, False])
def test_each_link_and_each_page_that_is_named_is_there(on_github: bool, project: Path, tmp_path: Path, bake: Bake) -> None:
    found = project if on_github else bake(tmp_path / "out")
    broken = []
    for name in list_files(found):
        if name.endswith((".csv", ".txt")):
            continue
        text = read(found, name)
        broken += [(name, page) for page in PAGE.findall(text) if not (found / page).is_file()]
        links = LINK.findall(text) if name.endswith(".md") else []
        targets = [link.partition("#")[0] for link in links if "://" not in link and not link.startswith("#")]
        broken += [(name, target) for target in targets if not (found / name).parent.joinpath(target).exists()]
    assert broken == []


def test_a_page_that_a_project_does_not_have_is_linked_at_its_version(project: Path) -> None:
    pages = sorted(path.name for path in (ROOT / "docs").glob("*.md"))
    index = read(project, "docs/README.md")
    for page in pages:
        has = (project / "docs" / page).is_file()
        assert page == "README.md" or f"]({page if has else f'{GITHUB}/blob/v1.0.0/docs/{page}'})" in index
    assert f"[service.md]({GITHUB}/blob/v1.0.0/docs/service.md)" in read(project, "README.md")
    assert f"({GITHUB}/blob/v1.0.0/docs/security.md#what-a-model-file-may-name)" in read(project, "docs/your-model.md")


def test_else_the_links_are_all_that_differs(template: Path, tmp_path: Path, bake: Bake, project: Path) -> None:
    local = bake(tmp_path / "out")
    assert "(docs/README.md)" in read(local, "README.md")
    for name in ("data/README.md", "docs/README.md", "docs/rollback.md", "docs/monitoring.md", "docs/your-model.md"):
        assert drop_links(read(local, name)) == drop_links(read(project, name)) == drop_links(read(template, name))
