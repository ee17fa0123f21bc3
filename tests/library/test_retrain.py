"""The data reference, which what lies there has to be; and a retraining, prepared as a commit on a branch of its own or refused."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from model import features
from slipway import git
from slipway.bundle import data_reference
from slipway.bundle.data_reference import TRY, Reference
from slipway.errors import PipelineError
from slipway.project import Bake, Project
from slipway.serving.manifest import read, sha256
from tests.conftest import Road

NAME = "data/train.csv"
BEFORE, OTHER = "a,b\n1,2\n", "a,b\n3,4\n"
GIT_HASH = {BEFORE: "cfa20f810712", OTHER: "8cd5d0071a68"}
MD5 = {text: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() for text in (BEFORE, OTHER)}
BAD = "#!/bin/sh\necho no >&2\nexit 1\n"


# --- the data reference


@pytest.fixture
def small(tmp_path: Path) -> Project:
    """A project whose commit has training data, and nothing else."""
    (tmp_path / "data").mkdir()
    (tmp_path / NAME).write_text(BEFORE, encoding="utf-8")
    git.run_git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commit(tmp_path)
    return Project(tmp_path, "small", "registry.invalid/small", "local", "127.0.0.1:1", 250, 1000, Bake(0, 0.01, 1000))


def commit(root: Path) -> None:
    """Commit everything that is not ignored."""
    git.run_git(root, "add", "--all")
    git.run_git(root, "commit", "--quiet", "--message=all")


def by_dvc(project: Project, text: str) -> Project:
    """Have DVC keep what lies there: what `dvc add` leaves behind. The real one does so in tests/template/test_data.py."""
    (project.root / "data" / ".gitignore").write_text("/train.csv\n", encoding="utf-8")
    (project.root / f"{NAME}.dvc").write_text(text, encoding="utf-8")
    git.run_git(project.root, "rm", "--quiet", "--cached", NAME)
    commit(project.root)
    return project


def outs(md5: str) -> str:
    """Return DVC's file on a file of that md5."""
    return f"outs:\n- md5: {md5}\n  size: 8\n  hash: md5\n  path: train.csv\n"


def refused(project: Project) -> str:
    """Return why the training data are refused."""
    with pytest.raises(PipelineError) as error:
        data_reference.refuse_other(project)
    return str(error.value)


def test_what_git_keeps_has_git_s_hash(small: Project) -> None:
    reference = data_reference.read_reference(small)
    assert reference == Reference(False, git.run_git(small.root, "rev-parse", f"HEAD:{NAME}"), reference.committed)
    assert (reference.held, reference.dvc_md5) == (True, None)
    data_reference.refuse_other(small)


def test_what_dvc_keeps_has_its_md5(small: Project) -> None:
    reference = data_reference.read_reference(by_dvc(small, outs(MD5[BEFORE])))
    assert reference == Reference(True, MD5[BEFORE], MD5[BEFORE])
    assert (reference.held, reference.dvc_md5) == (True, MD5[BEFORE])
    data_reference.refuse_other(small)


@pytest.mark.parametrize("staged", [False, True])
def test_other_data_than_the_commit_s_are_told_with_both_hashes(small: Project, staged: bool) -> None:
    small.train_data.write_text(OTHER, encoding="utf-8")
    if staged:
        git.run_git(small.root, "add", NAME)
    assert refused(small) == (
        f"{NAME} is not what commit {git.read_head(small.root)[:12]} refers to: "
        f"its hash in git is {GIT_HASH[OTHER]}, expected {GIT_HASH[BEFORE]}. "
        f"Next: git checkout HEAD -- {NAME}, to get that file back; or git commit {NAME}, to train on this file. {TRY}"
    )


def test_other_data_than_dvc_s_file_says_are_told_with_both_hashes(small: Project) -> None:
    by_dvc(small, outs(MD5[BEFORE])).train_data.write_text(OTHER, encoding="utf-8")
    assert git.list_changes(small.root) == []
    assert refused(small) == (
        f"{NAME} is not what commit {git.read_head(small.root)[:12]} refers to: "
        f"its md5 is {MD5[OTHER][:12]}, expected {MD5[BEFORE][:12]}. "
        f"Next: dvc pull, to get that file back; or dvc add {NAME} and git commit {NAME}.dvc, to train on this file. {TRY}"
    )


def test_a_file_of_dvc_that_is_not_committed_refers_to_nothing(small: Project) -> None:
    by_dvc(small, outs(MD5[BEFORE])).train_data.write_text(OTHER, encoding="utf-8")
    (small.root / f"{NAME}.dvc").write_text(outs(MD5[OTHER]), encoding="utf-8")
    assert f"its md5 is {MD5[OTHER][:12]}, expected {MD5[BEFORE][:12]}. " in refused(small)
    assert data_reference.read_reference(small).dvc_md5 is None


def test_missing_data_are_told_with_the_way_to_them(small: Project) -> None:
    small.train_data.unlink()
    commit_named = git.read_head(small.root)[:12]
    assert refused(small) == (
        f"There is no {NAME}, but commit {commit_named} refers to one ({GIT_HASH[BEFORE]}). Next: git checkout HEAD -- {NAME}."
    )
    git.run_git(small.root, "checkout", "HEAD", "--", NAME)
    by_dvc(small, outs(MD5[BEFORE])).train_data.unlink()
    assert refused(small).endswith(f" refers to one ({MD5[BEFORE][:12]}). Next: dvc pull.")


@pytest.mark.parametrize(("there", "said"), [(True, f"{NAME} ({GIT_HASH[BEFORE]}) is in no commit. "), (False, f"There is no {NAME}. ")])
def test_data_that_are_in_no_commit_are_told(small: Project, there: bool, said: str) -> None:
    git.run_git(small.root, "rm", "--quiet", "--cached", NAME)
    git.run_git(small.root, "commit", "--quiet", "--message=none")
    if not there:
        small.train_data.unlink()
    assert refused(small).startswith(f"{said}Next: put it there, git add {NAME} and git commit; ")


@pytest.mark.parametrize("text", ["", "outs: 5", "outs:\n- path: train.csv\n", outs("x").replace("train", "other"), "outs: ["])
def test_a_file_of_dvc_without_an_md5_is_told(small: Project, text: str) -> None:
    assert refused(by_dvc(small, text)) == (
        f"{NAME}.dvc of the commit has no md5 of train.csv. Expected: what DVC writes. "
        f"Next: dvc add {NAME}, git add {NAME}.dvc and git commit."
    )


# --- branches


def interrupted(project: Project) -> None:
    """Commit on a new branch, and change something more; then somebody types Ctrl-C."""
    with git.work_on_branch(project.root, "first"):
        (project.root / "new").touch()
        commit(project.root)
        project.train_data.write_text(OTHER, encoding="utf-8")
        raise KeyboardInterrupt


def test_a_branch_is_kept_where_all_went_well_and_gone_where_not(small: Project) -> None:
    root = small.root
    with pytest.raises(KeyboardInterrupt):
        interrupted(small)
    assert (git.read_branch(root), git.run_git(root, "branch", "--list", "first")) == ("main", "")
    assert (small.train_data.read_text(encoding="utf-8"), (root / "new").exists(), git.list_changes(root)) == (BEFORE, False, [])
    with git.work_on_branch(root, "first"):
        small.train_data.write_text(OTHER, encoding="utf-8")
        commit(root)
    assert (git.read_branch(root), small.train_data.read_text(encoding="utf-8")) == ("first", OTHER)
    with pytest.raises(PipelineError) as error:
        git.work_on_branch(root, "first").__enter__()
    assert str(error.value) == "There is already a branch first. Next: git switch first; or git branch -D first, to start again."


def test_a_new_file_can_be_left_out_of_the_changes_whatever_its_name_unless_git_was_told_of_it(small: Project) -> None:
    file = small.root / "in coming" / "néw.csv"
    file.parent.mkdir()
    file.touch()
    assert (git.list_changes(small.root), git.list_changes(small.root, file)) == (["in coming/"], [])
    git.run_git(small.root, "add", str(file))
    assert git.list_changes(small.root, file) == ["in coming/néw.csv"]


# --- the road


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Road:
    return Road.copied(tmp_path_factory.mktemp("retrain") / "project")


@pytest.fixture
def newer(road: Road, tmp_path: Path) -> Path:
    """Other training data: one row less."""
    return written(rows_of(road).iloc[:-1], tmp_path / "newer.csv")


def rows_of(road: Road, name: str = NAME) -> pd.DataFrame:
    """Return the rows of a dataset."""
    return pd.read_csv(road.root / name)


def written(rows: pd.DataFrame, file: Path) -> Path:
    """Write rows into a file, and return that."""
    rows.to_csv(file, index=False)
    return file


def state(road: Road) -> tuple[str, ...]:
    """Return what a person has: what is checked out, the branches, what is not committed, the training data."""
    told = (road.git("rev-parse", "--abbrev-ref", "HEAD"), road.git("for-each-ref"), road.git("status", "--porcelain", "--ignored"))
    return (*told, sha256(road.project.train_data.read_bytes()))


@contextmanager
def unchanged(road: Road) -> Iterator[None]:
    """Hold that nothing is changed, and no data are left over."""
    (road.root / "build").mkdir(exist_ok=True)
    (road.root / "build" / "some").touch()
    before = state(road)
    yield
    assert (state(road), (road.root / "build" / "train.csv.before").exists()) == (before, False)


def test_train_refuses_data_that_the_commit_does_not_refer_to_and_build_what_was_a_try(road: Road, newer: Path) -> None:
    road.project.train_data.write_bytes(newer.read_bytes())
    said = road.run("train")
    assert (said.code, f"{NAME} is not what commit" in said.err, (road.root / "build" / "bundle").exists()) == (2, True, False)
    road.must("train", "--uncommitted-data")
    manifest = read(road.project.bundle)[0]
    assert (manifest.dirty, manifest.data.sha256, manifest.data.dvc_md5) == (True, sha256(newer.read_bytes()), None)
    road.git("checkout", "HEAD", "--", NAME)
    said = road.run("build")
    assert (said.code, "The bundle was trained from a tree with uncommitted changes on " in said.err) == (2, True)


def test_a_file_becomes_a_commit_on_a_branch_of_its_own(road: Road, newer: Path) -> None:
    inside = road.root / "incoming data" / "newer.csv"
    inside.parent.mkdir()
    inside.write_bytes(newer.read_bytes())
    was, rows = road.git("rev-parse", "main"), len(rows_of(road))
    said = road.must("retrain", "--data", str(inside))
    branch = f"retrain-{date.today()}-{sha256(newer.read_bytes())[:8]}"
    try:
        assert road.git("rev-parse", "--abbrev-ref", "HEAD") == branch
        assert (road.git("rev-parse", "main"), road.git("rev-parse", "HEAD^")) == (was, was)
        assert road.git("diff", "--name-only", "main", branch) == NAME
        assert road.project.train_data.read_bytes() == newer.read_bytes()
        assert not (road.root / "build" / "train.csv.before").exists()
        message = " ".join(road.git("log", "-1", "--format=%B").split())
        assert message.startswith(f"Train on {rows - 1} rows instead of {rows} | ")
        assert f"| rows | {rows} | {rows - 1} | | rows only here | " in message
        assert f"| {features.TARGET} | " in message
        assert f" git push --set-upstream origin {branch} " in said.text
        assert f" git switch main && git branch -D {branch}" in said.text
    finally:
        road.git("switch", "--quiet", "main")
        road.git("branch", "-D", branch)
        inside.unlink()


def test_what_may_not_be_learnt_from_is_refused_with_the_findings(road: Road, newer: Path) -> None:
    rows, held_out = rows_of(road), rows_of(road, "validation/reference.csv")
    written(pd.concat([rows, held_out.head(3)]), newer)
    with unchanged(road):
        said = road.run("retrain", "--data", str(newer))
    assert said.code == 1
    assert "rows of the reference dataset are in newer.csv too: rows 0, 1, 2" in said.text
    written(rows.rename(columns={features.TARGET: "another"}), newer)
    with unchanged(road):
        said = road.run("retrain", "--data", str(newer))
    assert said.code == 1
    assert "/newer.csv does not meet validation/expectations.json" in said.text
    assert said.text.endswith(f"then: ./run retrain --data {newer}.")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("same.csv", "is already the training data. Expected: other data. Next: ./run train."),
        ("nowhere.csv", "nowhere.csv cannot be loaded: "),
        (NAME, "is the present training data itself. Expected: another file. Next: move it"),
    ],
)
def test_what_is_no_other_data_is_refused(road: Road, tmp_path: Path, file: str, said: str) -> None:
    (tmp_path / "same.csv").write_bytes(road.project.train_data.read_bytes())
    with unchanged(road):
        told = road.run("retrain", "--data", str(road.root / file if file == NAME else tmp_path / file))
    assert (told.code, said in told.text) == (2, True), told.text


@pytest.mark.parametrize("name", ["README.txt", "run"])
def test_a_tree_with_changes_is_refused(road: Road, newer: Path, name: str) -> None:
    with (road.root / name).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    try:
        with unchanged(road):
            said = road.run("retrain", "--data", str(newer))
        assert said.text == (
            f"error: retrain needs a clean working tree, and these files are not committed: {name}. Next: git commit, or git stash."
        )
    finally:
        road.git("checkout", "--quiet", "--force", "HEAD")
        (road.root / "README.txt").unlink(missing_ok=True)


def test_a_commit_that_fails_leaves_everything_as_it_was_where_no_branch_is_checked_out_too(road: Road, newer: Path) -> None:
    hook = road.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(BAD, encoding="utf-8")
    hook.chmod(0o755)
    road.git("checkout", "--quiet", "--detach")
    try:
        with unchanged(road):
            said = road.run("retrain", "--data", str(newer))
        assert (said.code, said.text.endswith("failed: no")) == (2, True), said.text
    finally:
        hook.unlink()
        road.git("checkout", "--quiet", "main")
