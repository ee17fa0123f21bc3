"""A project that its owner has changed gets what the template changed since, by git, and keeps what is the owner's."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slipway.cli import main
from slipway.doctor import check_checkout
from slipway.doctor.finding import GOOD, NOTE
from slipway.git import run_git
from slipway.project import load
from slipway.template.source import OWNED, REFS
from tests.conftest import link_environment

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "updating.md").read_text(encoding="utf-8")
RENDERED = "{{cookiecutter.project_slug}}"
# What the template changes from v1.0.0 to v1.1.0: a file, and what becomes of a text in it.
CHANGED = {
    ".github/workflows/ci.yml": ("    name: all green\n", "    name: all is green\n"),
    "infra/haproxy.cfg": ("  timeout connect ", "  timeout check 4s\n  timeout connect "),
    "project.toml": ("\n[bake]\n", "# said since v1.1.0\n\n[bake]\n"),
    "tests/test_road.py": ("\nROOT = ", "\nNEWER = 1\nROOT = "),
    "model/estimator.py": ('"""', '"""Newer. '),
    "data/README.md": ("#", "# Newer:"),
    "validation/thresholds.toml": ("", "# newer\n"),
    "validation/reference.csv": ("\n", "\n\n"),
    "slipway/gate/gate.py": ('"""', '"""Newer. '),
    f"{RENDERED}/.github/CODEOWNERS": ("#", "# Newer:"),
    ".github/CODEOWNERS": ("#", "# Newer:"),
    f"{RENDERED}/README.md": ("## See it once", "## See it twice"),
    f"{RENDERED}/project.toml": ("\n[bake]\n", "# said since v1.1.0\n\n[bake]\n"),
    "bench/README.md": ("#", "# Newer:"),
    "tests/template/conftest.py": ('"""', '"""Newer. '),
    "cookiecutter.json": ('    "docs/rollback.md",\n', '    "LICENSE",\n'),
    "docs/README.md": ("# Pages", "# Newer pages"),
    "CHANGELOG.md": ("\n## v1.0.0 (", "\n## v1.1.0 (2027-01-11)\n\n{NEWS}\n\n## v1.0.0 ("),
}
NEWS = "Patience is longer.\n\n**What you have to do**: give `check()` in `validation/checks.py` a third argument."
# In place of the template's own, which goes on.
FIRST = "# Changes\n\n## Unreleased\n\nNothing yet.\n\n## v1.0.0 (2026-11-30)\n\nThe first version.\n"
ARRIVES = {
    *(".github/workflows/ci.yml", "LICENSE", "docs/README.md", "docs/monitoring.md", "docs/rollback.md", "infra/compose.yaml"),
    *("infra/haproxy.cfg", "infra/newer.yaml", "project.toml", "tests/test_road.py", "slipway/gate/gate.py"),
}
IN_VALIDATION = "validation/reference.csv, validation/thresholds.toml"
IS_NAMED = f"data/README.md, model/estimator.py, model/newer.md, {IN_VALIDATION}, .github/CODEOWNERS, README.md"
OWN_MODEL = '''"""What is fitted: ours."""

from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import Pipeline


def build() -> Pipeline:
    """Return the unfitted pipeline."""
    return Pipeline([("regress", RandomForestRegressor(n_estimators=3, random_state=0))])
'''
OWN_STEP = "      - run: echo mine\n      - run: ./run check\n"

Update = Callable[..., tuple[int, str, str]]
usual_environment = pytest.mark.usefixtures("environment_there")


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, path
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def commit(root: Path, message: str) -> str:
    run_git(root, "add", "--all")
    run_git(root, "commit", "--quiet", "--allow-empty", "--message", message)
    return run_git(root, "rev-parse", "HEAD")


def state(root: Path) -> tuple[str, ...]:
    """All that an update that is refused leaves as it was."""
    questions = (["for-each-ref"], ["status", "--porcelain", "--branch", "--ignored"], ["worktree", "list"], ["rev-parse", "HEAD"])
    return tuple(run_git(root, *words) for words in questions)


def settings(project: Path) -> dict[str, Any]:
    return tomllib.loads((project / "project.toml").read_text(encoding="utf-8"))


def commands(part: str) -> list[str]:
    return [line.removeprefix("$ ") for line in part.splitlines() if line.startswith("$ ")]


def type_in(project: Path, command: str, code: int = 0) -> str:
    words = {**os.environ, "GIT_EDITOR": "true", "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", command], cwd=project, env=words, capture_output=True, text=True, check=False)
    assert done.returncode == code, f"$ {command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def versions(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with two versions, tags that are none of its newest, and a commit after them."""
    copy = tmp_path_factory.mktemp("versions") / "slipway.git"
    run_git(template, "clone", "--quiet", str(template), str(copy))
    (copy / "CHANGELOG.md").write_text(FIRST)
    commit(copy, "The first version")
    run_git(copy, "tag", "-a", "-m", "", "v1.0.0")
    for name, (old, new) in CHANGED.items():
        replace(copy / name, old, new.replace("{NEWS}", NEWS))
    for name in ("infra/newer.yaml", "model/newer.md"):
        (copy / name).write_text("# Newer\n")
    (copy / "infra" / "compose.yaml").unlink()
    commit(copy, "Newer")
    for tag in ("v1.1.0", "v1.1.0-rc1", "v1.0.9", "nightly"):
        run_git(copy, "tag", tag)
    commit(copy, "Not yet in a version")
    return copy


@pytest.fixture(scope="module")
def made(versions: Path, cookiecutter: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of v1.0.0 whose owner has a model, a port, a name, a workflow step and a file of their own."""
    folder = tmp_path_factory.mktemp("made")
    done = cookiecutter(folder, "--no-input", "--checkout", "v1.0.0", "project_name=Own", source=versions.as_uri())
    assert done.returncode == 0, done.stderr
    project = folder / "own"
    (project / "model" / "estimator.py").write_text(OWN_MODEL)
    for name in ("data/train.csv", "validation/reference.csv"):
        (project / name).write_text("".join((project / name).read_text().splitlines(keepends=True)[:-100]))
    replace(project / "project.toml", "127.0.0.1:8080", "0.0.0.0:80")
    replace(project / ".github/workflows/ci.yml", "      - run: ./run check\n", OWN_STEP)
    replace(project / "README.md", "\n## See it once\n", "\n## All of this is new\n")
    (project / "notes.md").write_text("# Mine\n")
    commit(project, "What is ours")
    return project


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    """A copy to update."""
    return shutil.copytree(made, tmp_path / "own", symlinks=True)


@pytest.fixture
def update(project: Path, capfd: pytest.CaptureFixture[str]) -> Update:
    """Runs the verb, without the project's tests unless told otherwise; returns its exit code, and what it printed."""

    def call(*words: str, test: bool = False) -> tuple[int, str, str]:
        code = main(["update", *words, *([] if test else ["--no-test"])], root=project)
        said = capfd.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def environment_there(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have `./run` find the packages of this environment, made from the project's lock, and take few of the tests."""
    link_environment(project)
    for name in [each for each in os.environ if each.startswith(("PYTEST", "COV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTEST_ADDOPTS", "-n 0 tests/test_model.py tests/test_road.py -k target")


def test_a_project_knows_its_template_and_the_tag(made: Path, versions: Path) -> None:
    noted = settings(made)["template"]
    assert (noted["url"], noted["version"]) == (versions.as_uri(), "v1.0.0")


def test_or_the_commit_and_never_a_password(template: Path, tmp_path: Path, bake: Callable[..., Path]) -> None:
    copy = tmp_path / "slipway"
    run_git(template, "clone", "--quiet", str(template), str(copy))
    run_git(copy, "config", "remote.origin.url", "https://ada:secret@example.invalid/o/slipway.git")
    head = run_git(copy, "rev-parse", "HEAD")
    noted = settings(bake(tmp_path / "out", copy))["template"]
    assert (noted["url"], noted["version"]) == ("https://example.invalid/o/slipway.git", head)


@usual_environment
def test_what_the_template_changed_comes_and_what_is_the_owners_stays(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the commands of the page, in order; the tests that look at the owner's model are among those that are run."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-n 0 tests/test_model.py tests/test_road.py -k 'target or finite'")
    run_git(project, "init", "--bare", "--quiet", str(tmp_path / "github.git"))
    run_git(project, "remote", "add", "origin", str(tmp_path / "github.git"))
    before = run_git(project, "rev-parse", "HEAD")
    updating, *others = commands(PAGE.partition("\n## ")[0])
    said = type_in(project, updating)
    assert "\n./run test\n" in said
    assert "\n...  " in said
    assert said.endswith("Next: git show, then git push -u origin update-v1.1.0 and a pull request.\n")
    assert run_git(project, "status", "--porcelain", "--branch") == "## update-v1.1.0"
    assert run_git(project, "rev-parse", "HEAD~") == before == run_git(project, "rev-parse", "main")
    assert run_git(project, "for-each-ref", REFS) == run_git(project, "tag") == ""
    assert set(run_git(project, "diff", "--name-only", "main", "HEAD").splitlines()) == ARRIVES
    assert run_git(project, "ls-files", "infra/compose.yaml", "docs/rollback.md") == ""
    workflow, settled = (project / ".github/workflows/ci.yml").read_text(), settings(project)
    assert OWN_STEP in workflow
    assert "all is green" in workflow
    assert (settled["name"], settled["title"], settled["deploy"]["address"]) == ("own", "Own", "0.0.0.0:80")
    assert settled["template"]["version"] == "v1.1.0"
    assert "# said since v1.1.0" in (project / "project.toml").read_text()
    assert run_git(project, "diff", "main", "HEAD", "--", *OWNED, "README.md", ".github/CODEOWNERS", "notes.md") == ""
    for command in others:
        type_in(project, command)
    assert run_git(project, "rev-parse", "origin/update-v1.1.0") == run_git(project, "rev-parse", "HEAD")


def test_both_versions_are_named_with_what_the_owner_has_to_do(versions: Path, project: Path, update: Update) -> None:
    """On the terminal, and in the commit, where a reviewer reads it."""
    _, out, _ = update()
    assert out.startswith(f"{versions.as_uri()}: v1.0.0 -> v1.1.0\n")
    assert f"What CHANGELOG.md of the template says of the versions since v1.0.0:\n\nv1.1.0\n\n{NEWS}\n\n" in out
    assert "The first version" not in out
    assert "Nothing yet" not in out
    assert run_git(project, "show", "--no-patch", "--format=%B") == f"Update from the template, v1.0.0 to v1.1.0\n\nv1.1.0\n\n{NEWS}"


def test_what_is_the_owners_and_changed_in_the_template_is_named(project: Path, update: Update) -> None:
    _, out, _ = update()
    assert f"although the template has changed its own: {IS_NAMED}\n" in out
    assert "./run test" not in out
    [command] = [line.partition(": ")[2] for line in out.splitlines() if line.startswith("To see these changes")]
    shown = run_git(project, *shlex.split(command)[1:])
    assert "+## See it twice" in shown
    assert "+# newer" in shown


def test_a_page_that_stays_with_the_template_from_now_on_is_removed_and_named(versions: Path, project: Path, update: Update) -> None:
    _, out, _ = update()
    assert "Only in the template from now on: docs/rollback.md\n" in out
    [command] = [line.partition(": ")[2] for line in out.splitlines() if line.startswith("To read one")]
    assert run_git(project, *shlex.split(command)[1:]) == run_git(versions, "show", "v1.1.0:docs/rollback.md")


def test_such_a_page_that_was_edited_here_is_kept(project: Path, update: Update) -> None:
    (project / "docs" / "rollback.md").write_text("# Call Ada\n")
    commit(project, "Edited")
    code, out, _ = update()
    assert code == 0
    assert "Only in the template from now on, but kept because you have edited them: docs/rollback.md\n" in out
    assert (project / "docs" / "rollback.md").read_text() == "# Call Ada\n"


def test_links_to_the_template_s_pages_move_to_the_new_version(versions: Path, project: Path, update: Update) -> None:
    """Also where the address became known later, and where a page was edited."""
    address = "https://github.com/o/slipway"
    run_git(project, "config", f"url.{versions.as_uri()}.insteadOf", address)
    replace(project / "project.toml", versions.as_uri(), address)
    replace(project / "docs" / "monitoring.md", "# Monitoring", "# Monitoring, here")
    index, monitoring = (project / "docs" / name for name in ("README.md", "monitoring.md"))
    assert "(README.md)" in monitoring.read_text()
    monitoring.write_text(monitoring.read_text().replace("(README.md)", f"({address}/blob/v1.0.0/docs/service.md)"))
    commit(project, "The address")
    assert update()[0] == 0
    assert f"[service.md]({address}/blob/v1.1.0/docs/service.md)" in index.read_text()
    assert f"]({address}/blob/v1.1.0/docs/service.md)" in monitoring.read_text()
    assert "# Monitoring, here" in monitoring.read_text()
    assert index.read_text().startswith("# Newer pages")


@usual_environment
def test_an_update_whose_tests_fail_stays_on_its_branch(versions: Path, project: Path, update: Update, tmp_path: Path) -> None:
    broken = tmp_path / "slipway"
    run_git(versions, "clone", "--quiet", str(versions), str(broken))
    replace(broken / "tests" / "test_road.py", "NEWER = 1", "NEWER = 1 / 0")
    commit(broken, "Broken")
    run_git(broken, "tag", "v1.2.0")
    replace(project / "project.toml", versions.as_uri(), broken.as_uri())
    commit(project, "Moved")
    code, out, err = update(test=True)
    assert code == 10
    assert "ZeroDivisionError" in out
    assert "error: The update is on the branch update-v1.2.0, but the tests fail there. Next: " in err
    assert settings(project)["template"]["version"] == "v1.2.0"


def test_a_conflict_is_shown_and_changes_nothing(project: Path, update: Update) -> None:
    replace(project / "infra" / "haproxy.cfg", "  timeout connect ", "  timeout check 9s\n  timeout connect ")
    commit(project, "Patience")
    before = state(project)
    code, out, err = update()
    assert code == 2
    assert "CONFLICT (content): Merge conflict in infra/haproxy.cfg\n" in out
    assert re.search(r"\+<<<<<<< HEAD\n.+timeout check 9s\n\+\+=======\n.+timeout check 4s\n\+\+>>>>>>> ", out)
    assert err.startswith("error: The template and you have changed the same lines, as shown above. Nothing was changed. Next, ")
    assert state(project) == before


def test_a_file_that_is_gone_here_and_changed_there_is_a_conflict(project: Path, update: Update) -> None:
    (project / "infra" / "haproxy.cfg").rename(project / "model" / "haproxy.cfg")
    commit(project, "Moved")
    before = state(project)
    code, out, _ = update()
    assert code == 2
    assert "CONFLICT (modify/delete): infra/haproxy.cfg" in out
    assert state(project) == before


def test_the_library_is_replaced_whole_and_what_was_edited_is_named(versions: Path, project: Path, update: Update) -> None:
    replace(project / "slipway/gate/gate.py", '"""', '"""Ours. ')
    (project / "slipway/gate/ours.py").write_text('"""Ours."""\n')
    (project / "slipway/report.py").unlink()
    commit(project, "Edited")
    [found] = [each for each in check_checkout(load(project)) if each.what == "library"]
    assert (found.state, "was edited" in found.found) == (NOTE, True)
    _, out, _ = update()
    names = "slipway/gate/gate.py, slipway/gate/ours.py, slipway/report.py"
    assert f"Edited here, and replaced, since slipway/ belongs to the template: {names}\n" in out
    [command] = [line.partition(": ")[2] for line in out.splitlines() if line.startswith("To see your edits")]
    assert "Ours." in run_git(project, *shlex.split(command)[1:])
    assert run_git(project, "rev-parse", "HEAD:slipway") == run_git(versions, "rev-parse", "v1.1.0:slipway")
    [found] = [each for each in check_checkout(load(project)) if each.what == "library"]
    assert (found.state, found.found) == (GOOD, "slipway/ is as v1.1.0 has it")


@usual_environment
def test_a_conflict_is_decided_by_the_commands_of_the_page_and_ends_as_an_update_does(project: Path, update: Update) -> None:
    haproxy = project / "infra" / "haproxy.cfg"
    replace(haproxy, "  timeout connect ", "  timeout check 9s\n  timeout connect ")
    commit(project, "Patience")
    told = re.search("git cherry-pick ([0-9a-f]{12}),", update()[2])
    assert told
    for command in commands(PAGE.partition("\n## ")[2]):
        if command == "git add --all":
            haproxy.write_text(re.sub(r"<<<<<<<.*\n([^=]+\n)=======\n[^>]+>>>>>>> .*\n", r"\1", haproxy.read_text()))
        type_in(project, command.replace("0123456789ab", told[1]), code=int("0123" in command))
    assert "  timeout check 9s\n  timeout connect" in haproxy.read_text()
    assert NEWS in run_git(project, "show", "--no-patch", "--format=%B")
    assert settings(project)["template"]["version"] == "v1.1.0"
    assert set(run_git(project, "diff", "--name-only", "main", "HEAD").splitlines()) == ARRIVES - {"infra/haproxy.cfg"}


def test_a_project_that_has_the_newest_is_told_so(versions: Path, project: Path, update: Update) -> None:
    told = "Nothing to update: the project has {} of {}, and v1.1.0 has nothing newer.\n"
    for version in ("v1.1.0", run_git(versions, "rev-parse", "HEAD")):
        replace(project / "project.toml", str(settings(project)["template"]["version"]), version)
        commit(project, "By hand")
        before = state(project)
        assert update() == (0, told.format(version, versions.as_uri()), "")
        assert state(project) == before


def test_it_goes_to_the_version_that_is_asked_for_from_a_commit(versions: Path, project: Path, update: Update) -> None:
    replace(project / "project.toml", "v1.0.0", run_git(versions, "rev-parse", "v1.0.0^{commit}"))
    commit(project, "By hand")
    assert update("--to", "v1.0.9")[0] == 0
    assert settings(project)["template"]["version"] == "v1.0.9"
    assert set(run_git(project, "diff", "--name-only", "main", "HEAD").splitlines()) == ARRIVES


def test_a_project_that_is_a_folder_of_a_repository_is_updated_there(
    project: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    top = tmp_path / "all of ours"
    folder = top / "services" / "own"
    shutil.copytree(project, folder, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    (top / "others.txt").write_text("one\n")
    run_git(top, "init", "--quiet", "--initial-branch=main")
    commit(top, "All of ours")
    (top / "others.txt").write_text("two, not committed\n")
    assert main(["update", "--no-test"], root=folder) == 0
    out = capfd.readouterr().out
    assert run_git(top, "status", "--porcelain", "--branch").splitlines() == ["## update-v1.1.0", " M others.txt"]
    assert set(run_git(top, "diff", "--name-only", "main", "HEAD").splitlines()) == {f"services/own/{name}" for name in ARRIVES}
    assert OWN_STEP in (folder / ".github/workflows/ci.yml").read_text()
    assert f"although the template has changed its own: {IS_NAMED}\n" in out
    [command] = [line.partition(": ")[2] for line in out.splitlines() if line.startswith("To see these changes")]
    assert "+## See it twice" in run_git(folder, *shlex.split(command)[1:])


def no_template(project: Path) -> None:
    replace(project / "project.toml", 'version = "v1.0.0"', 'version = ""')


def another_url(project: Path) -> None:
    replace(project / "project.toml", "file://", "file:///nowhere")


def another_version(project: Path) -> None:
    replace(project / "project.toml", "v1.0.0", "v0.0.1")


def itself(project: Path) -> None:
    run_git(project, "tag", "v1.0.0")
    replace(project / "project.toml", str(settings(project)["template"]["url"]), str(project))
    commit(project, "Another repository")
    run_git(project, "tag", "v3.0.0")


def branch_there(project: Path) -> None:
    run_git(project, "branch", "update-v1.1.0")


def nothing(_: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("edit", "words", "told"),
    [
        (no_template, [], 'such as url = "https://github.com/OWNER/slipway" and version = "v1.0.0"'),
        (another_url, [], ". Next: correct [template] url in"),
        (another_version, [], "has no version 'v0.0.1', as [template] in"),
        (itself, [], "v1.0.0 is no version of this template: it has no project.toml."),
        (branch_there, [], "There is a branch update-v1.1.0 already. Next: "),
        (nothing, ["--to", "v9"], "has no tag 'v9'. Its tags: v1.1.0, v1.0.9, v1.0.0, nightly, v1.1.0-rc1. Next: ./run update --to one"),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(
    edit: Callable[[Path], None], words: list[str], told: str, project: Path, update: Update
) -> None:
    edit(project)
    commit(project, "Edited")
    before = state(project)
    code, out, err = update(*words)
    assert (code, out) == (2, "")
    assert told in err
    assert "Next: " in err
    assert state(project) == before


def test_a_tree_that_is_not_clean_is_refused(project: Path, update: Update) -> None:
    (project / "notes.md").write_text("# Changed\n")
    code, _, err = update()
    assert code == 2
    assert "update needs a clean working tree, and these files are not committed: notes.md." in err


@pytest.fixture(scope="module")
def across(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with its history: v1.0.0 is the last commit in which the library was no package yet, v1.1.0 is what is here."""
    copy = tmp_path_factory.mktemp("across") / "slipway.git"
    run_git(ROOT, "clone", "--quiet", "--bare", "--no-tags", f"{ROOT}", f"{copy}")
    parents = run_git(copy, "log", "--diff-filter=A", "--format=%P", "HEAD", "--", "slipway/cli.py").splitlines()
    if not (parents and parents[-1]):
        pytest.skip("the history of the template is not here: git fetch --unshallow")
    run_git(copy, "fetch", "--quiet", f"{template}", "main")
    now = run_git(copy, "commit-tree", "FETCH_HEAD^{tree}", "-p", "HEAD", "-m", "What is here")
    run_git(copy, "tag", "v1.0.0", parents[-1])
    run_git(copy, "tag", "v1.1.0", now)
    return copy


def test_a_project_from_before_the_library_was_a_package_gets_it_and_keeps_what_is_its_own(
    across: Path, cookiecutter: Callable[..., Any], tmp_path: Path
) -> None:
    """By its own verb, which is that of the older version."""
    for version in ("v1.0.0", "v1.1.0"):
        folder = tmp_path / version
        folder.mkdir()
        done = cookiecutter(folder, "--no-input", "--checkout", version, "project_name=Own", source=across.as_uri())
        assert done.returncode == 0, done.stderr
    project, fresh = tmp_path / "v1.0.0" / "own", tmp_path / "v1.1.0" / "own"
    assert not (project / "slipway").exists()
    (project / "model" / "estimator.py").write_text(OWN_MODEL)
    replace(project / "project.toml", "127.0.0.1:8080", "0.0.0.0:80")
    replace(project / ".github/workflows/ci.yml", "      - run: ./run check\n", OWN_STEP)
    commit(project, "What is ours")
    link_environment(project)
    type_in(project, f"{shlex.quote(sys.executable)} run update --no-test")
    assert run_git(project, "status", "--porcelain", "--branch") == "## update-v1.1.0"
    assert (project / "model" / "estimator.py").read_text() == OWN_MODEL
    assert settings(project)["deploy"]["address"] == "0.0.0.0:80"
    assert OWN_STEP in (project / ".github/workflows/ci.yml").read_text()
    assert run_git(project, "rev-parse", "HEAD:slipway") == run_git(across, "rev-parse", "v1.1.0:slipway")
    assert run_git(project, "ls-files") == run_git(fresh, "ls-files")
    shutil.rmtree(project / ".environments")
    link_environment(project)
    assert "update" in type_in(project, f"{shlex.quote(sys.executable)} run --help")
