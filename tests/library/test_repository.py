"""Git with a person's own settings, for a project that is a folder of a repository, and where git does not read the repository."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway import git, project, rehearsal, rules
from slipway.bundle import data_reference
from slipway.cli import ROOT
from slipway.doctor import check_checkout
from slipway.errors import PipelineError
from slipway.project import Project

FOLDER = "services/über churn"
# What people have in their settings, and what changes what git prints or does.
SETTINGS = """
[log]
showSignature = true
date = relative
[color]
ui = always
status = always
diff = always
[core]
quotePath = true
excludesFile = {folder}/ignored
hooksPath = {folder}/hooks
[status]
showUntrackedFiles = no
relativePaths = true
branch = true
showStash = true
[diff]
external = false
noprefix = true
relative = true
autoRefreshIndex = false
[tag]
sort = refname
gpgSign = true
[column]
ui = always
[commit]
gpgSign = true
[gpg]
program = false
[init]
templateDir = {folder}/template
[user]
name = Somebody
email = somebody@example.invalid
"""
HOOKS = ("pre-commit", "commit-msg", "post-commit", "prepare-commit-msg", "post-checkout")


def commit(root: Path, message: str = "x") -> str:
    git.run_git(root, "-c", "core.excludesFile=", "add", "--all")
    git.run_git(root, *git.NO_HOOKS, "-c", "commit.gpgSign=false", "commit", "--quiet", "--message", message)
    return git.read_head(root)


@pytest.fixture(params=["", FOLDER], ids=["a repository", "a folder of one"])
def top(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A repository that is a project or has one in a folder, and another's files beside that."""
    top = tmp_path / "repository"
    root = top / request.param
    for name in (*rules.TAKEN, *rules.OWN, "project.toml", "data/train.csv"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes((ROOT / name).read_bytes() if name != "data/train.csv" else b"a\n1\n")
    (root / "two words").mkdir()
    for name in ("two words/größe.txt", "kept.txt"):
        (root / name).write_text("one\n", encoding="utf-8")
    (top / "others.txt").write_text("one\n", encoding="utf-8")
    git.run_git(top, "init", "--quiet", "--initial-branch=main")
    commit(top)
    return top


@pytest.fixture
def ours(top: Path) -> Project:
    """The project."""
    return project.load(top / FOLDER if (top / FOLDER).is_dir() else top)


@pytest.fixture(params=["none", "hostile"])
def _settings(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's settings: none, or many."""
    if request.param == "none":
        return
    folder = tmp_path / "settings"
    (folder / "template" / "hooks").mkdir(parents=True)
    (folder / "hooks").mkdir()
    for each in (folder / kind / name for kind in ("hooks", "template/hooks") for name in HOOKS):
        each.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
        each.chmod(0o755)
    (folder / "ignored").write_text("*.csv\n*.md\n", encoding="utf-8")
    (folder / "config").write_text(SETTINGS.format(folder=folder), encoding="utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(folder / "config"))


pytestmark = pytest.mark.usefixtures("_settings")


def test_a_commit_has_its_name_and_its_time(ours: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2020-02-03T04:05:06+0200")
    (ours.root / "kept.txt").write_text("two\n", encoding="utf-8")
    found = commit(ours.root)
    assert len(found) == 40
    assert git.read_commit_time(ours.root) == "2020-02-03T02:05:06+00:00"
    assert git.read_branch(ours.root) == "main"
    git.run_git(ours.root, *git.NO_HOOKS, "checkout", "--quiet", "--detach")
    assert git.read_branch(ours.root) == found


def test_changes_are_those_of_the_project_by_its_own_names(ours: Project, top: Path) -> None:
    assert git.list_changes(ours.root) == []
    for name in ("two words/größe.txt", "new.txt", "kept.txt"):
        (ours.root / name).write_text("two\n", encoding="utf-8")
    assert sorted(git.list_changes(ours.root)) == ["kept.txt", "new.txt", "two words/größe.txt"]
    assert sorted(git.list_changes(ours.root, besides=ours.root / "new.txt")) == ["kept.txt", "two words/größe.txt"]
    git.run_git(ours.root, *git.NO_HOOKS, "checkout", "--quiet", "HEAD", "--", ".")
    (ours.root / "new.txt").unlink()
    (top / "others.txt").write_text("two\n", encoding="utf-8")
    assert git.list_changes(ours.root) == (["others.txt"] if ours.root == top else [])


def test_rules_of_another_commit_are_found_and_what_a_change_alters_is_told(ours: Project) -> None:
    before = git.read_head(ours.root)
    for name in ("validation/thresholds.toml", "model/metrics.py"):
        text = (ours.root / name).read_text(encoding="utf-8")
        (ours.root / name).write_text(text.replace("0.05", "0.5", 1) + "\n", encoding="utf-8")
    os.utime(ours.root / "validation" / "expectations.json", (1, 1))  # newer than git knows, and the same
    there = rules.load_rules(ours, "main")
    assert (there.source, there.thresholds.margin_fraction) == (before[:12], 0.05)
    assert there.altered == ["model/metrics.py", "validation/thresholds.toml"]
    assert there.reference.read_bytes() == (ROOT / "validation" / "reference.csv").read_bytes()
    assert len(git.hash_files(ours.root, "HEAD", rules.TAKEN)) == len(rules.TAKEN)
    with pytest.raises(PipelineError, match=rf"git has no {git.read_prefix(ours.root)}nothing\.txt in {before[:12]}: "):
        git.read_file(ours.root, before, "nothing.txt")


def test_the_data_reference_is_that_of_the_commit(ours: Project) -> None:
    assert data_reference.read_reference(ours).held
    ours.train_data.write_text("a\n2\n", encoding="utf-8")
    assert not data_reference.read_reference(ours).held
    with pytest.raises(PipelineError, match=r"data/train\.csv is not what commit .*: its hash in git is "):
        data_reference.refuse_other(ours)


def test_tags_are_listed_one_by_one_newest_first(ours: Project) -> None:
    for tag in ("v1.0.0", "v1.10.0", "v1.2.0"):
        git.run_git(ours.root, "update-ref", f"refs/tags/{tag}", "HEAD")
    assert git.find_tag_commit(ours.root, "v1.10.0") == git.read_head(ours.root)
    with pytest.raises(PipelineError, match=r"Known, newest first: v1\.\d+\.0, v1\.\d+\.0, v1\.\d+\.0\."):
        git.find_tag_commit(ours.root, "v2")


def test_a_branch_that_fails_leaves_all_as_it_was_and_other_peoples_work_alone(ours: Project, top: Path) -> None:
    if ours.root != top:
        (top / "others.txt").write_text("mine, not committed\n", encoding="utf-8")

    def work() -> None:
        with git.work_on_branch(ours.root, "other"):
            (ours.root / "kept.txt").write_text("two\n", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, PipelineError)):  # the latter where a hook fails after the switch
        work()
    assert git.read_branch(ours.root) == "main"
    assert git.run_git(ours.root, "for-each-ref", "refs/heads/other") == ""
    assert git.list_changes(ours.root) == []
    assert (top / "others.txt").read_text(encoding="utf-8") == ("one\n" if ours.root == top else "mine, not committed\n")


def test_the_rehearsals_own_history_heeds_no_setting_and_no_hook(ours: Project, tmp_path: Path) -> None:
    there = tmp_path / "rehearsal"
    rehearsal.copy(ours.root, there)
    assert (there / "two words" / "größe.txt").is_file()
    assert not (there / "others.txt").is_file() or ours.root == ours.root.parent / "repository"
    copied = project.load(there)
    rehearsal.begin(copied)
    rehearsal.commit(copied, "one")
    rehearsal.tag(copied, "v1.0.0")
    (there / "data" / "train.csv").write_text("a\n3\n", encoding="utf-8")
    rehearsal.commit(copied, "two")
    assert data_reference.read_reference(copied).held
    assert git.find_tag_commit(there, "v1.0.0") == git.run_git(there, "rev-parse", "HEAD~")


def test_variables_of_a_hook_do_not_lead_to_another_repository(ours: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    other.mkdir()
    before = git.read_head(ours.root)
    for name, value in {
        "GIT_DIR": str(ours.root / ".git"),
        "GIT_WORK_TREE": str(ours.root),
        "GIT_INDEX_FILE": "index",
        "GIT_PREFIX": "x/",
    }.items():
        monkeypatch.setenv(name, value)
    git.run_git(other, "init", "--quiet", "--initial-branch=main")
    (other / "a").touch()
    assert commit(other) != before == git.read_head(ours.root)


def test_the_doctor_says_that_no_workflow_of_a_folder_runs(ours: Project, top: Path) -> None:
    found = {each.what: each for each in check_checkout(ours)}
    assert found["git"].found == f"commit {git.read_head(ours.root)[:12]}"
    if ours.root == top:
        assert "workflows" not in found
        return
    assert (found["workflows"].state, found["workflows"].found) == (
        "to mend",
        f"the project is the folder {FOLDER} of the repository {top}",
    )
    assert "working-directory" in found["workflows"].fix
    (top / ".github" / "workflows").mkdir(parents=True)
    (top / ".github" / "workflows" / "churn.yml").write_text(f"defaults: {{run: {{working-directory: {FOLDER}}}}}", encoding="utf-8")
    assert [each.state for each in check_checkout(ours)] == ["ok", "ok"]


# --- a repository that git does not read


@pytest.fixture
def foreign(top: Path) -> Iterator[Path]:
    """A checkout of another user. It takes root to make one; git lets others say that it is one."""
    if os.geteuid() == 0:
        for each in [top, *top.rglob("*")]:
            os.chown(each, 12345, 12345, follow_symlinks=False)
        yield top
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
            yield top


def test_of_another_users_checkout_gits_reason_and_its_remedy_are_told(
    foreign: Path, ours: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGUAGE", "de")
    said = f"detected dubious ownership in repository at '{foreign}'.*Next: git config --global --add safe.directory {foreign}$"
    for ask in (git.read_head, git.read_commit_time, lambda root: git.refuse_changes(root, "deploy"), git.read_branch):
        with pytest.raises(PipelineError, match=said):
            ask(ours.root)
    for refused in (lambda: data_reference.read_reference(ours), lambda: rules.load_rules(ours, "main")):
        with pytest.raises(PipelineError, match=said):
            refused()
    [finding] = check_checkout(ours)
    assert (finding.state, finding.fix) == ("to mend", f"git config --global --add safe.directory {foreign}")


def test_a_repository_that_is_broken_is_not_one_without_a_commit(ours: Project, top: Path) -> None:
    (top / ".git" / "refs" / "heads" / "main").write_text("0" * 39 + "1\n", encoding="utf-8")
    with pytest.raises(PipelineError, match=r"git cannot read the commit that is checked out in .*Next: git fsck"):
        git.read_head(ours.root)
    (top / ".git" / "refs" / "heads" / "main").write_text("nothing of git's\n", encoding="utf-8")
    with pytest.raises(PipelineError, match=r"git cannot read the commit that is checked out in .*Next: git fsck"):
        git.read_head(ours.root)
    shutil.rmtree(top / ".git")
    (top / ".git").write_text("gitdir: /nowhere/.git/worktrees/x\n", encoding="utf-8")
    with pytest.raises(
        PipelineError,
        match=r"git does not find the repository of .*: not a git repository: /nowhere.*Next: in the "
        r"repository's new place, git worktree",
    ):
        git.read_head(ours.root)
