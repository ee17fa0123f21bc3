"""Change the owner's files as text: the end of `load`, and the lines of `Row` and above it."""

import ast
from collections.abc import Sequence

DEFAULT_LOAD = '''"""Where the rows come from."""

from pathlib import Path

import pandas as pd


def load(path: Path) -> pd.DataFrame:
    """Read rows with their target: the training data or the reference dataset."""
    return pd.read_csv(path)
'''


def find_last_return(source: str) -> ast.Return | None:
    """Return the last statement of `load` where that is its only `return`."""
    for each in ast.parse(source).body:
        if isinstance(each, ast.FunctionDef) and each.name == "load":
            returns = [node for node in ast.walk(each) if isinstance(node, ast.Return)]
            return returns[0] if len(returns) == 1 and returns[0] is each.body[-1] and returns[0].value else None
    return None


def end_load(source: str, expression: str | None, steps: Sequence[str]) -> list[str]:
    """Return the last lines of `load`: what it returns, or another expression, and the steps after that."""
    found = find_last_return(source)
    own = ast.get_source_segment(source, found.value) if found and found.value else None
    first, *more = (expression or own or "pd.read_csv(path)").splitlines()
    if not steps:
        return [f"return {first}", *more]
    if (first, more) == ("rows", []):
        return [*steps, "return rows"]
    return [f"rows = {first}", *more, *steps, "return rows"]


def replace_end(source: str, lines: Sequence[str]) -> str:
    """Return `model/data.py` with other lines in the place of the last `return` of `load`."""
    found = find_last_return(source)
    if found is None:
        source = DEFAULT_LOAD
        found = find_last_return(source)
        assert found
    return replace_lines(source, found.lineno, found.end_lineno or found.lineno, [" " * found.col_offset + each for each in lines])


def replace_lines(source: str, first: int, last: int, lines: Sequence[str]) -> str:
    """Return a text with other lines in the place of those from `first` to `last`, counted from 1."""
    before = source.splitlines()
    return "\n".join([*before[: first - 1], *lines, *before[last:]]) + "\n"


def find_row(source: str) -> ast.ClassDef | None:
    """Return the class Row."""
    return next((each for each in ast.parse(source).body if isinstance(each, ast.ClassDef) and each.name == "Row"), None)


def declare(source: str, fields: dict[str, str], gone: Sequence[str], constants: dict[str, str]) -> str | None:
    """Return `model/features.py` with these fields and constants, each a line by its name, and without what is gone.

    None where class Row is not written there as such.
    """
    row = find_row(source)
    if row is None:
        return None
    found = {each.target.id: each for each in row.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)}
    new = [f"    {line}" for name, line in fields.items() if name not in found]
    source = replace_lines(source, row.end_lineno + 1, row.end_lineno, new) if row.end_lineno else source
    for name, node in sorted(found.items(), key=lambda each: -each[1].lineno):
        if name in fields or name in gone:
            lines = [f"    {fields[name]}"] if name in fields else []
            source = replace_lines(source, node.lineno, node.end_lineno or node.lineno, lines)
    for name, line in constants.items():
        source = set_constant(source, name, line)
    return add_imports(source)


def set_constant(source: str, name: str, line: str) -> str:
    """Return a module with another line for one of its constants, above class Row where there was none."""
    for each in ast.parse(source).body:
        targets = each.targets if isinstance(each, ast.Assign) else [each.target] if isinstance(each, ast.AnnAssign) else []
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return replace_lines(source, each.lineno, each.end_lineno or each.lineno, [line])
    row = find_row(source)
    at = min([row.lineno, *(each.lineno for each in row.decorator_list)]) if row else len(source.splitlines()) + 1
    return replace_lines(source, at, at - 1, [line, "", ""])


IMPORTS = {"typing": ("Annotated", "Literal"), "pydantic": ("Field",), "datetime": ("date", "datetime")}


def find_imports(source: str) -> list[str]:
    """Return the lines that import what a module uses of types and does not have."""
    tree = ast.parse(source)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    had = {alias.asname or alias.name for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names}
    lacking = {module: [name for name in names if name in used - had] for module, names in IMPORTS.items()}
    return [f"from {module} import {', '.join(names)}" for module, names in lacking.items() if names]


def add_imports(source: str) -> str:
    """Return a module with the imports that it lacks, before its first import."""
    lines = find_imports(source)
    first = next((each.lineno for each in ast.parse(source).body if isinstance(each, ast.Import | ast.ImportFrom)), None)
    return replace_lines(source, first, first - 1, lines) if lines and first else source
