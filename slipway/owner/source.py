"""Find lines in the source of `model/`: where a step is made, where a function is defined."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

Node = TypeVar("Node", bound=ast.AST)
Found = tuple[str, int]


def parse_file(path: Path) -> ast.Module:
    """Return what a file holds; nothing where it cannot be read."""
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ast.Module([], [])


def find_part(folder: Path, path: list[tuple[str, str]]) -> Found | None:
    """Return file and line of the innermost part that the source names, `model/estimator.py` first."""
    files = sorted(folder.rglob("*.py"), key=lambda file: (file.name != "estimator.py", file))
    trees = {file: parse_file(file) for file in files}
    for depth in range(len(path), 0, -1):
        for file, tree in trees.items():
            if node := narrow(tree, path[:depth]):
                return file.relative_to(folder.parent).as_posix(), node.lineno
    return None


def narrow(tree: ast.AST, path: list[tuple[str, str]]) -> ast.expr | None:
    """Return the node that makes the last part of a path: inside that of the part around it, or else the only one."""
    scope, node = tree, None
    for name, kind in path:
        node = find_node(scope, name, kind) or find_node(tree, name, kind)
        scope = node or tree
    return node


def find_node(scope: ast.AST, name: str, kind: str) -> ast.expr | None:
    """Return what makes a part: the tuple that begins with its name, or the only call of its class."""
    tuples = [each for each in walk(scope, ast.Tuple) if name and each.elts and is_text(each.elts[0], name)]
    calls = [each for each in walk(scope, ast.Call) if called(each) == kind]
    return tuples[0] if tuples else calls[0] if len(calls) == 1 else None


def walk(scope: ast.AST, kind: type[Node]) -> Iterator[Node]:
    """Yield the nodes of a kind."""
    return (each for each in ast.walk(scope) if isinstance(each, kind))


def is_text(node: ast.expr, text: str) -> bool:
    """Tell whether a node is this text."""
    return isinstance(node, ast.Constant) and node.value == text


def called(node: ast.Call) -> str:
    """Return the name of what is called."""
    return node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""


def find_definition(path: Path, name: str) -> int | None:
    """Return the line in which a file defines a name."""
    for node in parse_file(path).body:
        names = [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [each.id for each in targets if isinstance(each, ast.Name)]
        if name in names:
            return node.lineno
    return None
