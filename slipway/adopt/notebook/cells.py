"""Read a notebook, or a Python file, as cells of syntax trees. Nothing of it is run."""

import ast
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.errors import PipelineError

# What parsing raises; the latter of what is nested beyond measure.
BROKEN = (SyntaxError, ValueError, RecursionError, MemoryError)
# Magics whose line, or cell, holds Python that is run as it stands.
TIMED = re.compile(r"^(\s*)%{1,2}(?:time|timeit|prun|memit|mprun)\b(?:[ \t]+-\w+(?:[ \t]+\d+)?)*[ \t]*(.*)$")
COMMAND = re.compile(r"^(\s*)(?:[\w., ]+=\s*)?[!%].*$|^(\s*)\?.*$|^(\s*)[\w.\[\]'\"]+\?{1,2}\s*$")
EXPORTED = re.compile(r"^# (?:In\s?\[[\d ]*\]:|%%.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Place:
    """Where something stands: the code cell, counted from 1, and the line in it."""

    cell: int
    line: int

    def __str__(self) -> str:
        """Return it as people name it."""
        return f"cell {self.cell}, line {self.line}"


@dataclass(frozen=True)
class Cell:
    """A code cell: its number, its text without commands of Jupyter, its statements, and the text of what it printed."""

    number: int
    source: str
    body: Sequence[ast.stmt]
    printed: str = ""


@dataclass(frozen=True)
class Notebook:
    """The code cells of a notebook, and what of it is no Python."""

    cells: Sequence[Cell]
    notes: Sequence[str]


def read_notebook(path: Path) -> Notebook:
    """Read an .ipynb or a .py file. Raises PipelineError for a file that is neither, or in another language."""
    if not path.is_file():
        raise PipelineError(f"{path} is no file. Expected: a notebook (.ipynb), or its code as a .py file. Next: --notebook with its path.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except ValueError as error:
        raise PipelineError(
            f"{path} is no text in UTF-8. Expected: a notebook as Jupyter writes it. Next: save it from Jupyter."
        ) from error
    sources = [(each, "") for each in EXPORTED.split(text)] if path.suffix == ".py" else list(_list_sources(_read_json(path, text)))
    notes: list[str] = []
    cells = [_parse_cell(number, source, printed, notes) for number, (source, printed) in enumerate(sources, 1)]
    if not any(each.body for each in cells):
        raise PipelineError(f"{path} has no code. Expected: a notebook that fits a model. Next: --notebook with another file.")
    return Notebook(cells, notes)


def _read_json(path: Path, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
        found["cells"] = found["cells"] if "cells" in found else [each for sheet in found["worksheets"] for each in sheet["cells"]]
    except (ValueError, KeyError, TypeError) as error:
        raise PipelineError(f"{path} is no notebook. Expected: an .ipynb file as Jupyter writes it. Next: save it from Jupyter.") from error
    data = found.get("metadata") or {}
    language = str((data.get("language_info") or {}).get("name") or (data.get("kernelspec") or {}).get("language") or "python")
    if not language.lower().startswith(("python", "ipython")):
        what = f"{path} is a notebook in {language}. Expected: Python, with an estimator that has scikit-learn's interface"
        raise PipelineError(f"{what}. Next: adopt the table without --notebook, and write build() in model/estimator.py.")
    return dict(found)


def _list_sources(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for each in found["cells"]:
        if each.get("cell_type") == "code":
            yield _join(each.get("source", each.get("input", ""))), "\n".join(map(_read_output, each.get("outputs") or []))


def _join(text: str | list[str] | None) -> str:
    return text if isinstance(text, str) else "".join(text or [])


def _read_output(output: dict[str, Any]) -> str:
    return _join(output.get("text") or (output.get("data") or {}).get("text/plain"))


def _parse_cell(number: int, source: str, printed: str, notes: list[str]) -> Cell:
    source = _drop_commands(source)
    try:
        return Cell(number, source, _parse(source), printed)
    except BROKEN as error:
        notes.append(f"{Place(number, getattr(error, 'lineno', 1) or 1)}: no Python that can be read; the cell is left out")
        return Cell(number, "", [])


def _parse(source: str) -> list[ast.stmt]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as escapes that a later Python does not take
        return ast.parse(source).body


def _drop_commands(source: str) -> str:
    """Return a cell without what only Jupyter understands; lines keep their numbers."""
    try:
        _parse(source)
    except BROKEN:
        lines = source.splitlines()
        first = next((each for each in lines if each.strip()), "")
        if first.startswith("%%") and not TIMED.match(first):
            return ""
        return "\n".join(_drop_command(each) for each in lines)
    return source


def _drop_command(line: str) -> str:
    if timed := TIMED.match(line):
        return f"{timed[1]}{timed[2] or 'pass'}"
    if command := COMMAND.match(line):
        return f"{next((each for each in command.groups() if each is not None), '')}pass"
    return line
