"""The data reference: by which hash a commit says what is learnt from. Git keeps the file, or DVC does and git its `data/train.csv.dvc`."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import yaml

from slipway import git
from slipway.errors import PipelineError
from slipway.project import Project

TRY = "For a try on this machine: ./run train --uncommitted-data."


@dataclass(frozen=True)
class Reference:
    """Two hashes, git's own or DVC's md5: of what the commit that is checked out says is learnt from, and of what lies here."""

    dvc: bool
    committed: str | None  # None: it says nothing
    found: str | None  # None: nothing lies here

    @property
    def held(self) -> bool:
        """Tell whether what lies here is what the commit refers to."""
        return self.found is not None and self.found == self.committed

    @property
    def dvc_md5(self) -> str | None:
        """What DVC keeps what lies here by; None where git keeps it, or the commit refers to something else."""
        return self.committed if self.dvc and self.held else None


def name_file(project: Project) -> str:
    """Return the training data's name in the project."""
    return project.train_data.relative_to(project.root).as_posix()


def read_reference(project: Project) -> Reference:
    """Return the data reference of the commit that is checked out. Raises PipelineError where it cannot be read."""
    root, name, there = project.root, name_file(project), project.train_data.is_file()
    git.read_head(root)
    if pointer := git.read_blob_hash(root, f"{name}.dvc"):
        text = git.run_git(root, "cat-file", "blob", pointer)
        return Reference(True, _read_md5(text, project.train_data), hash_md5(project.train_data) if there else None)
    return Reference(False, git.read_blob_hash(root, name), git.run_git(root, "hash-object", "--", name) if there else None)


def _read_md5(text: str, path: Path) -> str:
    """Return the md5 of a file that DVC recorded. Raises PipelineError where there is none."""
    try:
        [found] = [str(each["md5"]) for each in yaml.safe_load(text)["outs"] if each["path"] == path.name]
    except (yaml.YAMLError, ValueError, KeyError, TypeError) as error:
        name = "/".join(path.parts[-2:])
        raise PipelineError(
            f"{name}.dvc of the commit has no md5 of {path.name}. Expected: what DVC writes. "
            f"Next: dvc add {name}, git add {name}.dvc and git commit."
        ) from error
    return found


def hash_md5(path: Path) -> str:
    """Return a file's MD5 in hexadecimal."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def refuse_other(project: Project) -> None:
    """Raise PipelineError unless what lies here is what the commit refers to: a release could not say what it learnt from."""
    reference = read_reference(project)
    if not reference.held:
        raise PipelineError(_describe_mismatch(reference, name_file(project), git.read_head(project.root)[:12]))


def _describe_mismatch(reference: Reference, name: str, commit: str) -> str:
    found, committed = (reference.found or "")[:12], (reference.committed or "")[:12]
    back = "dvc pull" if reference.dvc else f"git checkout HEAD -- {name}"
    if not committed:
        there = f"{name} ({found}) is in no commit" if found else f"There is no {name}"
        dvc = f"if it is too large for git: dvc add {name}, then git commit {name}.dvc"
        return f"{there}. Next: put it there, git add {name} and git commit; {dvc}. {TRY}"
    if not found:
        return f"There is no {name}, but commit {commit} refers to one ({committed}). Next: {back}."
    on = f"dvc add {name} and git commit {name}.dvc" if reference.dvc else f"git commit {name}"
    return (
        f"{name} is not what commit {commit} refers to: its {'md5' if reference.dvc else 'hash in git'} is {found}, expected {committed}. "
        f"Next: {back}, to get that file back; or {on}, to train on this file. {TRY}"
    )
