"""Prepare a retraining: other training data, in one commit on a branch of its own. Nothing is trained or pushed; a person decides."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from model import features
from slipway import git, rules
from slipway.bundle import data_reference
from slipway.errors import PipelineError
from slipway.gate import dataset
from slipway.project import Project
from slipway.say import line, table
from slipway.serving.manifest import sha256

NEXT = """{branch} has one commit more than {before}, which changes {changed} alone. You are on it.
Nothing was trained or pushed: a person decides, by the gate's verdict on the pull request. Next, to open that:
  {push}git push --set-upstream origin {branch}
To see the verdict here: ./run train && ./run validate
To drop it: git switch {before} && git branch -D {branch}{back}"""


def retrain(project: Project, data: str) -> str:
    """Put a file in the place of the training data on a new branch, and return that. Raises PipelineError; nothing is changed then."""
    file = Path(data)
    dvc = kept_by_dvc(project, file)
    before, found = dataset.load(project.train_data).rows, dataset.load(file)
    after = found.rows
    old, new = (sha256(each.read_bytes()) for each in (project.train_data, file))
    if old == new:
        raise PipelineError(f"{file} ({new[:12]}) is already the training data. Expected: other data. Next: ./run train.")
    dataset.refuse_unfit(found, rules.load_rules(project), f"./run retrain --data {data}")
    told = compare_data(before, after, (old, new))
    left, branch = git.read_branch(project.root), f"retrain-{date.today()}-{new[:8]}"
    changed = data_reference.name_file(project) + ".dvc" * dvc
    with git.work_on_branch(project.root, branch), replaced(project.train_data, file, project.root / "build"):
        if dvc:
            dvc_add(project)
        message = project.root / "build" / "retrain.txt"
        message.write_text(f"Train on {len(after)} rows instead of {len(before)}\n\n{told}\n", encoding="utf-8")
        git.run_git(project.root, "commit", "--quiet", "--file", str(message), "--only", "--", changed)
        data_reference.refuse_other(project)  # a hook may have changed it
    more = {"push": "dvc push && " * dvc, "back": " && dvc checkout" * dvc}
    line(f"{told}\n\n{NEXT.format(branch=branch, before=left, changed=changed, **more)}")
    return branch


def kept_by_dvc(project: Project, file: Path) -> bool:
    """Tell whether DVC keeps the training data. Raises PipelineError where something uncommitted would be lost, or a command is missing."""
    if file.resolve() == project.train_data.resolve():
        raise PipelineError(
            f"{file} is the present training data itself. Expected: another file. Next: move it, git checkout HEAD -- {file} "
            "(or dvc checkout), and ./run retrain --data with its new name."
        )
    git.refuse_changes(project.root, "retrain", besides=file)
    data_reference.refuse_other(project)
    dvc = data_reference.read_reference(project).dvc
    if dvc and not shutil.which("dvc"):
        raise PipelineError(
            'DVC keeps the training data, and there is no dvc on the PATH. Next: uv tool install "dvc[s3]", or [gs], [azure] or [ssh].'
        )
    return dvc


@contextmanager
def replaced(path: Path, file: Path, aside: Path) -> Iterator[None]:
    """Put a copy of a file in another's place. The other, maybe a link of DVC's, is moved, and comes back where what follows fails."""
    aside.mkdir(exist_ok=True)
    before = path.replace(aside / f"{path.name}.before")
    try:
        shutil.copyfile(file, path)
        yield
    except BaseException:
        before.replace(path)
        raise
    before.unlink()


def dvc_add(project: Project) -> None:
    """Have DVC keep what lies in the place of the training data. Raises PipelineError."""
    name = data_reference.name_file(project)
    done = subprocess.run(["dvc", "add", "--quiet", name], cwd=project.root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PipelineError(f"dvc add {name} failed: {(done.stderr or done.stdout).strip()} Nothing was changed. Next: dvc doctor.")


def compare_data(before: pd.DataFrame, after: pd.DataFrame, hashes: tuple[str, str]) -> str:
    """Return a short table; `hashes` are those of both files."""
    sides = (before, after)
    rows = [
        ["sha256", *(each[:12] for each in hashes)],
        ["rows", *(str(len(each)) for each in sides)],
        ["rows only here", *count_new_rows(*sides)],
    ]
    if features.GROUP in before and features.GROUP in after:
        rows.append([f"{features.GROUP}, from and to", *(format_span(each[features.GROUP].astype(str)) for each in sides)])
    if features.TARGET in before:
        rows.append([features.TARGET, *(summarise_target(each[features.TARGET]) for each in sides)])
    if set(before) != set(after):
        rows.append(["columns only here", list_missing_columns(before, after), list_missing_columns(after, before)])
    return table(["", "before", "now"], rows)


def count_new_rows(before: pd.DataFrame, after: pd.DataFrame) -> tuple[str, str]:
    """Return how many rows are only in the one, and only in the other, by what is declared of them."""
    known = [name for name in dataset.list_columns() if name in before and name in after]
    left, right = dataset.hash_rows(before[known]), dataset.hash_rows(after[known])
    return str(int((~left.isin(right)).sum())), str(int((~right.isin(left)).sum()))


def format_span(groups: "pd.Series[str]") -> str:
    """Return the first and the last group."""
    return f"{groups.min()}, {groups.max()}"


def summarise_target(target: "pd.Series[Any]") -> str:
    """Return the mean of a target, or the share of each class."""
    if features.TASK == "regression":
        return f"mean {target.mean():.4g}"
    return ", ".join(f"{label}: {share:.1%}" for label, share in target.value_counts(normalize=True).sort_index().items())


def list_missing_columns(rows: pd.DataFrame, others: pd.DataFrame) -> str:
    """Return the columns that others do not have."""
    return ", ".join(str(name) for name in rows if name not in others)
