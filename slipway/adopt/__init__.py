"""From a table to a project whose pipeline is green: a declaration, a baseline, rows held back, and what judges, all as drafts."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slipway import say
from slipway.adopt import own_steps, place, searching
from slipway.errors import PipelineError
from slipway.project import Project
from slipway.say import line

NOTES = "notes.json"
# What the drafts begin with: the project's own, of which they change a part.
BEGIN = ("project.toml", "service/config.toml", "validation/thresholds.toml")
EMPTY_ROW = '''"""Nothing is declared yet."""

from pydantic import BaseModel

TASK = "regression"
TARGET = ""
POSITIVE = None
GROUP = None
TARGET_RANGE = None
SLICES = {}
CONTRACT_VERSION = 1


class Row(BaseModel):
    """No feature yet."""
'''
EMPTY = {
    "__init__": '"""What is learned. The one folder to replace for another model."""\n',
    "features": EMPTY_ROW,
    "data": "def load(path): ...\n",
    "estimator": "def build(): ...\n",
    "metrics": "def loss(truth, answers): ...\n\n\ndef metrics(truth, answers): ...\n",
    "behaviour": "CASES = []\n",
}


@dataclass(frozen=True)
class Adopted:
    """How it ended: what the doctor says of the project."""

    exit_code: int


def adopt(
    project: Project,
    file: str,
    column: str,
    task: str = "",
    positive: str = "",
    notebook: str = "",
    model: str = "",
    answers: str = "",
    dry_run: bool = False,
    force: bool = False,
) -> Adopted:
    """Draft `model/`, `data/` and `validation/` for a table, say each decision, and check the outcome. Raises PipelineError."""
    source, drafts = Path(file).expanduser().absolute(), project.root / "build" / "adopt"
    made_by = {name: str(Path(each).expanduser().absolute()) for name, each in (("model", model), ("notebook", notebook)) if each}
    try:
        _draft(project.root, drafts, dry_run, [str(source), column, task, positive, answers], made_by)
        notes = _write_notes(project, drafts, source)
        changed = place.find_changed(project.root, drafts)
        names = ", ".join(changed) or "nothing: all files are up to date"
        if dry_run:
            line(f"\nNothing was changed. The drafts are in {drafts.relative_to(project.root)}/; they would change {names}.")
            return Adopted(0)
        if not force:
            place.refuse_edited(project.root, changed, drafts)
        place.write_files(project.root, drafts, changed, _describe_sources(source, drafts, made_by))
        place.add_packages(project.root, drafts)
    except OSError as error:
        raise PipelineError(f"adopt cannot read or write a file: {error}. Next: correct that, then adopt again.") from error
    return _check(project.root, notes, names)


def _draft(root: Path, drafts: Path, dry_run: bool, words: Sequence[str], made_by: Mapping[str, str]) -> None:
    """Write all drafts into a folder. Raises PipelineError."""
    _begin(root, drafts)
    with own_steps.lend_steps(root, drafts, "model" in made_by):
        _run(root, drafts, "draft", *words, made_by.get("notebook", ""), made_by.get("model", ""))
        searching.draft_call(root, drafts)
        _format_code(root, drafts)
        _refuse_unfit(root, drafts)
        place.refuse_lacking(root, drafts, dry_run)
        _fit(root, drafts, bool(made_by))
        _format_code(root, drafts)


def _check(root: Path, notes: Path, names: str) -> Adopted:
    """Print which files were written, and have the doctor check the project."""
    line(f"\nwrote {names}\n")
    found = subprocess.run([sys.executable, "-m", "slipway.cli", "doctor", "--model"], cwd=root, check=False)
    if not found.returncode:
        line(f"\nAll decisions: {notes.relative_to(root)}. Next: read them and the drafts, then\n{NEXT}")
    return Adopted(found.returncode)


def _describe_sources(source: Path, drafts: Path, others: dict[str, str]) -> dict[str, str]:
    """Return what was adopted: the table, what is learnt of it, and the file of a model or a notebook, by their hashes."""
    target = place.read_plan(drafts)["target"]
    found = {name: Path(file) for name, file in others.items()}
    made_by = {name: file.name for name, file in found.items()} | {f"{name}_sha256": place.hash_file(file) for name, file in found.items()}
    return {"name": source.name, "sha256": place.hash_file(source), "target": target, **made_by}


NEXT = """    git add --all
    git commit --message "Adopt our table"
    ./run train
    ./run validate --target local
    ./run test
    ./run demo --target local"""


def _begin(root: Path, drafts: Path) -> None:
    """Make a folder in which a model of nothing can be imported."""
    shutil.rmtree(drafts, ignore_errors=True)
    for name in BEGIN:
        (drafts / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, drafts / name)
    (drafts / "model").mkdir()
    for name, text in EMPTY.items():
        (drafts / "model" / f"{name}.py").write_text(text, encoding="utf-8")


def _run(root: Path, drafts: Path, step: str, *words: str) -> None:
    """Run a step in a process of its own, in which `model` is the draft. Raises PipelineError with what it said."""
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", f"slipway.adopt.{step}", *words]
    done = subprocess.run(command, cwd=drafts, env=environment, stderr=subprocess.PIPE, text=True, check=False)
    reason = done.stderr.rpartition("error: ")
    if done.returncode in (1, 2) and reason[1]:  # 1: the model that was drafted is refused
        raise PipelineError(reason[2].strip())
    print(done.stderr, end="", file=sys.stderr)
    if done.returncode:
        what = f"adopt ended in its step {step} with code {done.returncode}. Nothing was changed."
        raise PipelineError(f"{what} Next: report it, with the lines above.")


def _refuse_unfit(root: Path, drafts: Path) -> None:
    """Raise PipelineError where a draft cannot be fitted; the drafts stay."""
    if refusal := place.read_plan(drafts)["refusal"]:
        raise PipelineError(f"{refusal}. Nothing in the project was changed; the drafts are in {drafts.relative_to(root)}/.")


def _fit(root: Path, drafts: Path, modelled: bool) -> None:
    """Fit what was drafted. Raises PipelineError."""
    try:
        _run(root, drafts, "fit")
    except PipelineError as error:
        if not modelled:
            raise
        where = drafts.relative_to(root)
        hint = place.read_plan(drafts)["hint"]
        raise PipelineError(f"{error}{hint} This concerns the drafts in {where}/; nothing in the project was changed.") from error


def _format_code(root: Path, drafts: Path) -> None:
    """Have ruff order the imports and break the lines, as `./run check` wants them."""
    # What is imported from the project is found there, and not in the folder of the drafts.
    settings = ["--config", str(root / "pyproject.toml"), "--config", f"src = [{json.dumps(str(root))}]"]
    names = [each for each in ("model", "pipeline") if (drafts / each).is_dir()]
    for words in (["check", "--quiet", "--fix", "--select", "I"], ["format", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *words, *settings, *names], cwd=drafts, check=True)


def _write_notes(project: Project, drafts: Path, source: Path) -> Path:
    """Write all decisions to build/adopt.md, and the columns to the README of the data."""
    plan, fitted = place.read_plan(drafts), json.loads((drafts / NOTES).read_text(encoding="utf-8"))
    columns = say.table(["column", "is", "why"], plan["columns"])
    facts = "\n".join(f"- {each}" for each in [*plan["notes"][: -len(plan["columns"])], *fitted])
    notes = project.root / "build" / "adopt.md"
    notes.write_text(f"# {source.name}, adopted to tell {plan['target']}\n\n{facts}\n\n{columns}\n", encoding="utf-8")
    readme = drafts / "data" / "README.md"
    readme.write_text(README.format(name=source.name, target=plan["target"], facts=facts, columns=columns), encoding="utf-8")
    return notes


README = """# The training data

`train.csv` and the frozen reference dataset, `../validation/reference.csv`, are the rows of `{name}`; `{target}` is what the model tells.
Whoever knows the data: say here where they are from, and what each column means.

{facts}

{columns}
"""
