"""Write the drafts into the project: never over a file that a person has edited, unless that is asked for."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slipway import git
from slipway.adopt.searching import SEARCH, TRAIN
from slipway.errors import PipelineError
from slipway.say import line

STEPS = "model/steps.py"
# What was decided, among the drafts.
PLAN = "plan.json"
# What is only there where a draft has it, and goes with the next one that does not.
PASSING = (STEPS, SEARCH)
# What adopt wrote last, by which an edit is told; and where the rows are from.
RECORD = "data/adopted.json"
FILES = (
    *("model/features.py", "model/data.py", "model/estimator.py", STEPS, "model/metrics.py", "model/behaviour.py"),
    *("validation/expectations.json", "validation/thresholds.toml", "validation/reference.csv", "data/train.csv", "data/README.md"),
    *(TRAIN, SEARCH),
)


def read_plan(drafts: Path) -> dict[str, Any]:
    """Return what was decided for some drafts."""
    return dict(json.loads((drafts / PLAN).read_text(encoding="utf-8")))


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_changed(root: Path, drafts: Path) -> list[str]:
    """Return which files a draft would change."""
    return [name for name in FILES if (drafts / name).is_file() and not _is_same(root / name, drafts / name)]


def _is_same(path: Path, other: Path) -> bool:
    return path.is_file() and path.read_bytes() == other.read_bytes()


def find_edited(root: Path, names: Sequence[str]) -> list[str]:
    """Return which of some files a person has edited: those that are neither as adopt wrote them nor as the project began with them."""
    written = read_record(root).get("files", {})
    there = [name for name in names if (root / name).is_file()]
    return [name for name in there if hash_file(root / name) != written.get(name) and not _is_first(root, name)]


def _is_first(root: Path, name: str) -> bool:
    try:
        return git.read_first(root, name) == (root / name).read_bytes()
    except PipelineError:  # no repository: nothing tells
        return False


def read_record(root: Path) -> dict[str, dict[str, str]]:
    """Return what adopt wrote last, nothing where it never did."""
    try:
        found: dict[str, dict[str, str]] = json.loads((root / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def refuse_edited(root: Path, changed: Sequence[str], drafts: Path) -> None:
    """Raise PipelineError where a draft would change what a person has edited."""
    if edited := find_edited(root, changed):
        raise PipelineError(
            f"{', '.join(edited)}: you edited these since the project was made or adopted, and the drafts differ. Nothing was changed; "
            f"the drafts are in {drafts.relative_to(root)}/. Next: copy from them what you want, or add --force to overwrite your files."
        )


def add_packages(root: Path, drafts: Path) -> bool:
    """Add the packages that the drafts import to `requirements/serve.in`, and tell whether any was added."""
    path = root / "requirements" / "serve.in"
    before = path.read_text(encoding="utf-8")
    wanted = [each for each in read_plan(drafts).get("packages", ()) if each not in before.splitlines()]
    if wanted:
        path.write_text(before.rstrip("\n") + "\n" + "".join(f"{each}\n" for each in wanted), encoding="utf-8")
        line(f"added to {path.relative_to(root)}: {', '.join(wanted)}; then ./run lock")
    return bool(wanted)


def refuse_lacking(root: Path, drafts: Path, dry_run: bool) -> None:
    """Raise PipelineError where the drafts import what is not installed: nothing can be fitted then."""
    found = read_plan(drafts)
    if lacking := ", ".join(found.get("lacking", ())):
        added = ", and requirements/serve.in has it now" if not dry_run and add_packages(root, drafts) else ""
        what = f"model/estimator.py of the drafts imports {lacking}, which is not installed{added}. Nothing else was changed"
        by_hand = "its package into requirements/serve.in and ./run lock, or its code into the notebook"
        way = "./run lock" if found.get("packages") else by_hand
        raise PipelineError(f"{what}; the drafts are in {drafts.relative_to(root)}/. Next: {way}, then adopt again.")


def write_files(root: Path, drafts: Path, changed: Sequence[str], table: Mapping[str, str]) -> None:
    """Replace the project's files by drafts, and record what was written."""
    for name in (*changed, RECORD):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
    parts = {name: root / f"{name}.part" for name in changed}
    try:
        for name, part in parts.items():  # a full disk ends it here, before anything is replaced
            shutil.copyfile(drafts / name, part)
        for name, part in parts.items():
            part.replace(root / name)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
    before = read_record(root).get("files", {})
    for name in PASSING:
        if name in before and not (drafts / name).is_file() and not find_edited(root, [name]):
            (root / name).unlink(missing_ok=True)
    files = {name: hash_file(root / name) for name in FILES if (drafts / name).is_file()}
    record = json.dumps({"table": dict(table), "files": files}, indent=2, ensure_ascii=False)
    (root / RECORD).write_text(record + "\n", encoding="utf-8")
