"""What the names of a notebook stand for, as far as its text shows: expressions, and columns of the table on their way to the model."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from slipway.adopt.notebook.cells import Place

# Types of columns, as pandas names them.
NUMBER, TEXT, TIME, UNKNOWN = "float64", "object", "datetime64[ns]", "unknown"


class NotFollowed(Exception):
    """Something that the text does not show; `place` and `code` say what, where it is known."""

    def __init__(self, why: str, place: Place | None = None, code: str = "") -> None:
        """Say why it is not followed."""
        self.why, self.place, self.code = why, place, code
        super().__init__(why)


@dataclass(frozen=True)
class Made:
    """An expression that may stand in build(): literals, imported names, and what is defined in the notebook."""

    node: ast.expr

    def literal(self) -> Any:
        """Return its value. Raises NotFollowed where it is no literal."""
        try:
            return ast.literal_eval(self.node)
        except (ValueError, TypeError, SyntaxError) as error:
            raise NotFollowed(f"{ast.unparse(self.node)} is no literal") from error


@dataclass(frozen=True)
class Searched:
    """A search for parameters: the estimator, the whole call, where it is, and the best parameters that the notebook shows."""

    estimator: Made
    call: ast.Call
    place: Place
    name: str = ""
    best: ast.Dict | None = None


@dataclass(frozen=True)
class Part:
    """Columns of a frame that go through the same steps together."""

    columns: tuple[str, ...]
    chain: tuple[ast.expr, ...] = ()
    kind: str = NUMBER
    alone: bool = False  # a column as a Series, as text is given to a vectorizer
    label: str = ""  # of a column that has become several, such as "area_*"
    error: NotFollowed | None = None  # where it is computed in a way that is not followed

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names under which it is found."""
        return (self.label,) if self.label else self.columns


@dataclass(frozen=True)
class Operation:
    """A column that is computed from columns of the same row: its name, how, from which, and where it says so."""

    column: str
    node: ast.expr
    reads: frozenset[str]
    place: Place


@dataclass(frozen=True)
class Frame:
    """Rows of the table: parts with steps of their own, columns computed before them, and steps on all of it after them."""

    parts: tuple[Part, ...]
    operations: tuple[Operation, ...] = ()
    steps: tuple[ast.expr, ...] = ()
    alone: bool = False  # one column, as a Series
    notes: tuple[tuple[Place, str], ...] = ()  # what to say of the rows, where they reach the model

    def add_note(self, place: Place, text: str) -> "Frame":
        """Return the frame with a sentence for people, once for each place."""
        return self if (place, text) in self.notes else replace(self, notes=(*self.notes, (place, text)))

    @property
    def columns(self) -> list[str]:
        """Return the names of all columns."""
        return [name for part in self.parts for name in part.names]

    @property
    def inputs(self) -> list[str]:
        """Return the columns that its parts are made from."""
        return list(dict.fromkeys(name for part in self.parts for name in part.columns))

    def find(self, name: str) -> Part | None:
        """Return the part with a column."""
        return next((part for part in self.parts if name in part.names), None)

    def select(self, names: Sequence[str], alone: bool = False) -> "Frame":
        """Return some columns. Raises NotFollowed where they are not there, or no longer apart."""
        if self.steps:
            raise NotFollowed("columns are taken from what a transformer returned")
        found = [self.find(name) for name in names]
        if missing := [name for name, part in zip(names, found, strict=True) if part is None]:
            raise NotFollowed(f"there is no column {', '.join(map(repr, missing))}")
        parts = tuple(dict.fromkeys(part for part in found if part))
        if sum(len(part.names) for part in parts) != len(set(names)):
            raise NotFollowed("columns are taken from several that were transformed together")
        return replace(self, parts=parts, alone=alone)

    def replace_part(self, name: str, part: Part) -> "Frame":
        """Return the frame with another part for a column, at its place, or at the end where it is new."""
        if self.find(name) is None:
            return replace(self, parts=(*self.parts, part))
        return replace(self, parts=tuple(part if name in each.names else each for each in self.parts))

    def compute(self, operation: Operation, kind: str) -> "Frame":
        """Return the frame with a computed column. Raises NotFollowed where a step that learns came before."""
        read = [(name, part) for name in operation.reads if (part := self.find(name))]
        for name, part in (*read, *((operation.column, part) for part in self.parts if operation.column in part.columns)):
            if part.chain:
                raise NotFollowed(f"{name!r} was transformed before")
        if self.steps:
            raise NotFollowed("a column is computed from what a transformer returned")
        lost = next((part for _, part in read if part.error and part.kind == UNKNOWN), None)
        part = Part((operation.column,), kind=UNKNOWN, error=lost.error) if lost else Part((operation.column,), kind=kind)
        frame = self.replace_part(operation.column, part)
        return replace(frame, operations=(*self.operations, operation))


@dataclass(frozen=True)
class Computed:
    """A value for each row, from columns of the same row of a frame called `rows`."""

    node: ast.expr
    frame: Frame
    kind: str = NUMBER

    @property
    def reads(self) -> frozenset[str]:
        """Return the columns that it is computed from."""
        return frozenset(find_read(self.node))


@dataclass(frozen=True)
class Statistic:
    """A figure of a column, as SimpleImputer names it."""

    column: str
    name: str


@dataclass(frozen=True)
class Several:
    """Values that are assigned to several names."""

    values: tuple["Value", ...]


@dataclass(frozen=True)
class Unknown:
    """What is not followed."""

    error: NotFollowed


@dataclass(frozen=True)
class Dataset:
    """What a function such as load_iris returns."""

    frame: Frame
    target: str


Value = Made | Searched | Frame | Computed | Statistic | Several | Unknown | Dataset


def read_column(name: str) -> ast.expr:
    """Return `rows["name"]`."""
    return ast.Subscript(ast.Name("rows", ast.Load()), ast.Constant(name), ast.Load())


def find_read(node: ast.expr) -> Iterator[str]:
    """Yield the columns of `rows` that an expression reads."""
    for each in ast.walk(node):
        if isinstance(each, ast.Subscript) and isinstance(each.value, ast.Name) and each.value.id == "rows":
            yield str(ast.literal_eval(each.slice))


def as_made(value: Any) -> Made:
    """Return a literal as an expression."""
    return Made(ast.parse(repr(value), mode="eval").body)
