"""The owner's classes and functions in a fitted model: they are in no file of it, so `model/steps.py` has to define them."""

import ast
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from slipway.adopt.place import STEPS, find_edited
from slipway.errors import PipelineError

SHOWN = 6


@contextmanager
def lend_steps(root: Path, drafts: Path, needed: bool) -> Iterator[None]:
    """Have the project's `model/steps.py` among the drafts while they are fitted; what a person wrote stays theirs."""
    ours = needed and (root / STEPS).is_file()
    if ours:
        shutil.copyfile(root / STEPS, drafts / STEPS)
    yield
    if ours and (find_edited(root, [STEPS]) or "from model.steps import" not in (drafts / "model" / "estimator.py").read_text("utf-8")):
        (drafts / STEPS).unlink(missing_ok=True)


def find_unwritten(folder: Path, names: Sequence[str]) -> str:
    """Say which of the owner's classes and functions `model/steps.py` does not define; nothing where it has all."""
    defined = set(_list_defined(folder / STEPS))
    absent = [name for name in names if name.rpartition(".")[2] not in defined]
    if not absent:
        return ""
    more = f" and {len(absent) - SHOWN} more" if len(absent) > SHOWN else ""
    listed = ", ".join(absent[:SHOWN]) + more
    return (
        f"The model is made of {listed}, which the file only names: of a package that a release does not load, or written by you. "
        "Expected: them in model/steps.py. Next: write them there under these names, then adopt again"
    )


def read_parameters(path: Path) -> dict[str, list[str]]:
    """Return the parameters of each class in a module that has an `__init__` of its own."""
    classes = [each for each in _parse(path) if isinstance(each, ast.ClassDef)]
    made = {each.name: part for each in classes for part in each.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"}
    return {name: [each.arg for each in (*part.args.args[1:], *part.args.kwonlyargs)] for name, part in made.items()}


def _list_defined(path: Path) -> Iterator[str]:
    """Yield the names that a module defines or imports."""
    for each in _parse(path):
        if isinstance(each, ast.FunctionDef | ast.ClassDef):
            yield each.name
        elif isinstance(each, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in each.names)
        elif isinstance(each, ast.Assign):
            yield from (target.id for target in each.targets if isinstance(target, ast.Name))


def _parse(path: Path) -> list[ast.stmt]:
    """Return the statements of a module, none where there is no file. Raises PipelineError where it is no Python."""
    try:
        return ast.parse(path.read_bytes()).body if path.is_file() else []
    except (SyntaxError, ValueError) as error:
        raise PipelineError(f"model/steps.py cannot be read: {error}. Expected: Python. Next: correct that line.") from error
