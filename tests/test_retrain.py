"""The data reference, which what lies there has to be."""

import hashlib
from pathlib import Path

import pandas as pd
import pytest

from pipeline import data_reference, repository
from pipeline.data_reference import TRY, Reference
from pipeline.errors import PipelineError
from pipeline.project import Bake, Project
from service.manifest import read, sha256
from tests.conftest import Road

NAME = "data/train.csv"
BEFORE, OTHER = "a,b\n1,2\n", "a,b\n3,4\n"
GIT_HASH = {BEFORE: "cfa20f810712", OTHER: "8cd5d0071a68"}
MD5 = {text: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() for text in (BEFORE, OTHER)}


# --- the data reference


@pytest.fixture
def small(tmp_path: Path) -> Project:
    """A project whose commit has training data, and nothing else."""
    (tmp_path / "data").mkdir()
    (tmp_path / NAME).write_text(BEFORE, encoding="utf-8")
    repository.git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commit(tmp_path)
    return Project(tmp_path, "small", "registry.invalid/small", "local", "127.0.0.1:1", 250, 1000, Bake(0, 0.01, 1000))


def commit(root: Path) -> None:
    """Commit everything that is not ignored."""
    repository.git(root, "add", "--all")
    repository.git(root, "commit", "--quiet", "--message=all")


def by_dvc(project: Project, text: str) -> Project:
    """Have DVC keep what lies there: what `dvc add` leaves behind. The real one does so in tests/template/test_data.py."""
    (project.root / "data" / ".gitignore").write_text("/train.csv\n", encoding="utf-8")
    (project.root / f"{NAME}.dvc").write_text(text, encoding="utf-8")
    repository.git(project.root, "rm", "--quiet", "--cached", NAME)
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
    reference = data_reference.of(small)
    assert reference == Reference(False, repository.git(small.root, "rev-parse", f"HEAD:{NAME}"), reference.committed)
    assert (reference.held, reference.dvc_md5) == (True, None)
    data_reference.refuse_other(small)


def test_what_dvc_keeps_has_its_md5(small: Project) -> None:
    reference = data_reference.of(by_dvc(small, outs(MD5[BEFORE])))
    assert reference == Reference(True, MD5[BEFORE], MD5[BEFORE])
    assert (reference.held, reference.dvc_md5) == (True, MD5[BEFORE])
    data_reference.refuse_other(small)


@pytest.mark.parametrize("staged", [False, True])
def test_other_data_than_the_commit_s_are_told_with_both_hashes(small: Project, staged: bool) -> None:
    small.train_data.write_text(OTHER, encoding="utf-8")
    if staged:
        repository.git(small.root, "add", NAME)
    assert refused(small) == (
        f"{NAME} is not what commit {repository.head(small.root)[:12]} refers to: "
        f"its hash in git is {GIT_HASH[OTHER]}, expected {GIT_HASH[BEFORE]}. "
        f"Next: git checkout HEAD -- {NAME}, to have that again; or git commit {NAME}, to learn from this. {TRY}"
    )


def test_other_data_than_dvc_s_file_says_are_told_with_both_hashes(small: Project) -> None:
    by_dvc(small, outs(MD5[BEFORE])).train_data.write_text(OTHER, encoding="utf-8")
    assert repository.changes(small.root) == []
    assert refused(small) == (
        f"{NAME} is not what commit {repository.head(small.root)[:12]} refers to: "
        f"its md5 is {MD5[OTHER][:12]}, expected {MD5[BEFORE][:12]}. "
        f"Next: dvc pull, to have that again; or dvc add {NAME} and git commit {NAME}.dvc, to learn from this. {TRY}"
    )


def test_a_file_of_dvc_that_is_not_committed_refers_to_nothing(small: Project) -> None:
    by_dvc(small, outs(MD5[BEFORE])).train_data.write_text(OTHER, encoding="utf-8")
    (small.root / f"{NAME}.dvc").write_text(outs(MD5[OTHER]), encoding="utf-8")
    assert f"its md5 is {MD5[OTHER][:12]}, expected {MD5[BEFORE][:12]}. " in refused(small)
    assert data_reference.of(small).dvc_md5 is None


def test_missing_data_are_told_with_the_way_to_them(small: Project) -> None:
    small.train_data.unlink()
    commit_named = repository.head(small.root)[:12]
    assert refused(small) == (
        f"There is no {NAME}, and commit {commit_named} refers to one ({GIT_HASH[BEFORE]}). Next: git checkout HEAD -- {NAME}."
    )
    repository.git(small.root, "checkout", "HEAD", "--", NAME)
    by_dvc(small, outs(MD5[BEFORE])).train_data.unlink()
    assert refused(small).endswith(f" refers to one ({MD5[BEFORE][:12]}). Next: dvc pull.")


@pytest.mark.parametrize(("there", "said"), [(True, f"{NAME} ({GIT_HASH[BEFORE]}) is in no commit. "), (False, f"There is no {NAME}. ")])
def test_data_that_are_in_no_commit_are_told(small: Project, there: bool, said: str) -> None:
    repository.git(small.root, "rm", "--quiet", "--cached", NAME)
    repository.git(small.root, "commit", "--quiet", "--message=none")
    if not there:
        small.train_data.unlink()
    assert refused(small).startswith(f"{said}Next: put it there, git add {NAME} and git commit; ")


@pytest.mark.parametrize("text", ["", "outs: 5", "outs:\n- path: train.csv\n", outs("x").replace("train", "other"), "outs: ["])
def test_a_file_of_dvc_without_an_md5_is_told(small: Project, text: str) -> None:
    assert refused(by_dvc(small, text)) == (
        f"{NAME}.dvc of the commit has no md5 of train.csv. Expected: what DVC writes. "
        f"Next: dvc add {NAME}, git add {NAME}.dvc and git commit."
    )


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
