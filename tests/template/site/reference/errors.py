"""The page of errors: exit codes and the classes behind them, and what the service answers instead of a prediction."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from slipway import errors as declared
from slipway.serving.description import REFUSALS
from tests.template.site.reference.text import to_code, to_sentence, to_table

INTRODUCTION = """# Errors and exit codes

To find out what a verb ended with, type `echo $?` after it. A message says what was found, what is expected, and, after the word
`Next:`, what to type. After every code but 0 the release that served before still serves.

## Exit codes
"""
CLASSES = """
## Errors by their class

What the library raises; tests and code of yours may catch it. `PipelineError` is the root of all.
"""
STATUSES = """
## Statuses of the service

What the service answers to callers instead of a prediction, as `{"error": "..."}`. [Inputs and answers](../inputs.md) has the sentences.
"""
INTERRUPTED = ("130", "It was interrupted from the keyboard.")
ROOT_CLASS = declared.PipelineError.__name__


def write(root: Path) -> str:
    """Return the page."""
    codes = sorted([*list_codes(), INTERRUPTED], key=lambda each: int(each[0]))
    classes = [(to_code(name), str(code), to_sentence(text), to_code(where)) for name, code, text, where in list_classes(root)]
    statuses = [(str(status), to_sentence(str(each["description"]))) for status, each in sorted(REFUSALS.items(), key=str)]
    return "\n".join(
        [
            INTRODUCTION,
            to_table(("code", "means"), codes),
            CLASSES,
            to_table(("class", "exit code", "means", "module"), classes),
            STATUSES,
            to_table(("status", "means"), statuses),
        ]
    )


def list_codes() -> list[tuple[str, str]]:
    """Return the exit codes and what they mean, from the head of slipway/errors.py."""
    lines = (declared.__doc__ or "").split("\n\n", 1)[1].splitlines()
    cells = [cell for line in lines for cell in re.split(r"\s+(?=\d\s{2})", line.strip())]
    return [(code, to_sentence(text)) for code, text in (cell.split(None, 1) for cell in cells)]


def list_classes(root: Path) -> Iterator[tuple[str, int, str, str]]:
    """Yield each error: its name, exit code, meaning and module; read, not imported, since some modules cost seconds."""
    found = {
        node.name: (node, path)
        for path in sorted((root / "slipway").rglob("*.py"))
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    }
    codes: dict[str, int] = {}
    for _ in found:  # until the last of a line of descendants is known
        for name, (node, _path) in found.items():
            bases = [base.id for base in node.bases if isinstance(base, ast.Name) and base.id in codes]
            if name == ROOT_CLASS or bases:
                codes[name] = read_code(node) or codes[bases[0]]
    for name in sorted(codes, key=lambda name: (codes[name], name)):
        node, path = found[name]
        yield name, codes[name], (ast.get_docstring(node) or "").split("\n\n")[0], path.relative_to(root).as_posix()


def read_code(node: ast.ClassDef) -> int | None:
    """Return the exit code that a class sets."""
    for each in node.body:
        if isinstance(each, ast.Assign) and isinstance(each.value, ast.Constant) and ast.unparse(each.targets[0]) == "exit_code":
            return int(str(each.value.value))
    return None
