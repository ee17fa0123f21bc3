"""What is known at a point of a notebook: what its names stand for, and what was found on the way."""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from slipway.adopt.notebook.cells import Cell, Place
from slipway.adopt.notebook.searches import set_best
from slipway.adopt.notebook.values import Computed, Frame, Made, NotFollowed, Searched, Unknown, Value

BUILTINS = {"abs", "all", "any", "bool", "chr", "dict", "enumerate", "filter", "float", "hash", "int", "isinstance", "len", "list"}
BUILTINS |= {"map", "max", "min", "object", "ord", "print", "range", "round", "set", "slice", "sorted", "str", "sum", "super", "tuple"}
BUILTINS |= {"type", "zip"}
TURNING = "it differs from turn to turn"
# Nodes of an expression, or columns, beyond which it is no longer followed.
LARGEST = 20_000


@dataclass(frozen=True)
class Definition:
    """A class or function of the notebook: its tree, its text and where it is."""

    node: ast.ClassDef | ast.FunctionDef
    source: str
    place: Place
    is_lambda: bool = False


@dataclass(frozen=True)
class Fit:
    """A call of fit: the estimator, the rows, the target, and what else it got."""

    place: Place
    model: Made | Searched
    rows: Value
    truth: Value
    others: tuple[str, ...] = ()


@dataclass
class State:
    """Names with their values, imports and definitions, and what was found: fits, scores, splits and notes."""

    kinds: dict[str, str]  # of the table's columns
    target: str
    cells: Sequence[Cell]
    cell: Cell
    run: Callable[["State", Sequence[ast.stmt]], Value | None]  # follows statements
    evaluate: Callable[["State", ast.expr], Value]
    values: dict[str, Value] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)  # full names
    lines: dict[str, str] = field(default_factory=dict)  # that import them
    missed: list[NotFollowed] = field(default_factory=list)  # calls of fit
    definitions: dict[str, Definition] = field(default_factory=dict)
    fits: list[Fit] = field(default_factory=list)
    notes: list[tuple[Place, str]] = field(default_factory=list)
    scores: list[tuple[Place, str]] = field(default_factory=list)
    splits: list[tuple[Place, str]] = field(default_factory=list)
    fitted: dict[str, list[str]] = field(default_factory=dict)  # columns that a transformer was fitted on apart
    output: str = ""  # what transformers return, by set_config
    depth: int = 0
    turns: int = 0  # of loops
    aliases: dict[str, list[ast.expr]] = field(default_factory=dict)  # lists of tables
    lambdas: int = 0

    def place(self, node: ast.AST) -> Place:
        """Return where something stands."""
        return Place(self.cell.number, getattr(node, "lineno", 1))

    def locate(self, error: NotFollowed, node: ast.AST) -> NotFollowed:
        """Return an error that says where it is."""
        return error if error.place else NotFollowed(error.why, self.place(node), ast.unparse(node).partition("\n")[0])

    def note(self, node: ast.AST, text: str) -> None:
        """Keep a sentence for people, once for each place."""
        if (self.place(node), text) not in self.notes:
            self.notes.append((self.place(node), text))

    def forget(self, name: str) -> None:
        """Forget what a name stood for."""
        self.values.pop(name, None)
        self.imports.pop(name, None)
        self.aliases.pop(name, None)

    def bind(self, name: str, value: Value) -> None:
        """Let a name stand for a value. Raises NotFollowed where that grows without end, as in a loop that doubles it."""
        parts = len(value.parts) if isinstance(value, Frame) else 0
        large = isinstance(value, Made | Computed) and next(islice(ast.walk(value.node), LARGEST, None), None) is not None
        if large or parts > LARGEST:
            raise NotFollowed("it is too long")
        self.forget(name)
        self.values[name] = value

    def read(self, name: str) -> Value:
        """Return what a name stands for. Raises NotFollowed."""
        if name in self.values:
            found = self.values[name]
            if isinstance(found, Unknown):
                raise found.error
            return found
        if name in self.imports or name in self.definitions or name in BUILTINS:
            return Made(ast.Name(name, ast.Load()))
        raise NotFollowed(f"{name!r} is not known")

    def value(self, node: ast.expr) -> Value:
        """Return what an expression stands for. Raises NotFollowed."""
        return self.evaluate(self, node)

    def make(self, node: ast.expr) -> ast.expr:
        """Return an expression that may stand in build(). Raises NotFollowed."""
        found = self.value(node)
        if isinstance(found, Searched):
            found = set_best(found)
        if not isinstance(found, Made):
            raise NotFollowed(f"`{ast.unparse(node)}` depends on the data")
        return found.node

    def literal(self, node: ast.expr) -> Any:
        """Return the value of a literal. Raises NotFollowed."""
        return Made(self.make(node)).literal()

    def find_path(self, node: ast.AST) -> str:
        """Return the full name of what is imported, nothing for other expressions."""
        if isinstance(node, ast.Name):
            return self.imports.get(node.id, "") if node.id not in self.values else ""
        if isinstance(node, ast.Attribute) and (owner := self.find_path(node.value)):
            return f"{owner}.{node.attr}"
        return ""


def name_class(node: ast.AST) -> str:
    """Return the name of what is called, without its module."""
    return ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
