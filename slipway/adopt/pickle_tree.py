"""A pickle as a tree: names in the place of classes and functions, records in the place of what they would make."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

# Of bytes only short ones are kept, and the beginning and the end of the others.
KEPT, TAIL = 1 << 14, 200
# Python's own ways to write bytes.
BYTES = ("_codecs.encode", "builtins.bytearray", "__builtin__.bytearray")


class NotRead(Exception):
    """The bytes are no pickle, a part of one, or larger than is read."""


@dataclass(frozen=True)
class Name:
    """A class or a function, by its name alone."""

    module: str
    name: str

    @property
    def path(self) -> str:
        """Return the full name, such as `sklearn.linear_model._ridge.Ridge`."""
        return f"{self.module}.{self.name}"

    @property
    def top(self) -> str:
        """Return the package."""
        return self.module.partition(".")[0]


@dataclass(frozen=True)
class Blob:
    """Bytes that are too many to keep: how many, the first and the last of them."""

    size: int
    head: bytes
    tail: bytes


@dataclass(eq=False, slots=True)
class Record:
    """What Python would make by a call: the class or function, its arguments, the states that were set, and what was put into it."""

    made_by: Any
    arguments: tuple[Any, ...] = ()
    keywords: Any = None
    states: list[Any] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)

    @property
    def path(self) -> str:
        """Return the full name of its class or function, nothing where that is no name."""
        return self.made_by.path if isinstance(self.made_by, Name) else ""

    @property
    def state(self) -> dict[Any, Any]:
        """Return its attributes."""
        found: dict[Any, Any] = {}
        for each in self.states[-2:]:  # a hostile file may set any number
            for part in each[:2] if isinstance(each, tuple) else (each,):
                found.update(part if isinstance(part, dict) else {})
        return found


class Opaque:
    """A value that this file does not tell, or that nothing here needs."""


@dataclass
class Tree:
    """A pickle: its outermost value, all names in it, its protocol, and whether joblib wrote it."""

    root: Any
    names: set[Name]
    protocol: int
    joblib: bool = False


def keep_short(value: Any) -> Any:
    """Return a value without what is long in it."""
    if isinstance(value, bytes | bytearray) and len(value) > KEPT:
        return Blob(len(value), bytes(value[:KEPT]), bytes(value[-TAIL:]))
    return bytes(value) if isinstance(value, bytearray) else value


def make_key(value: Any) -> Any:
    """Return what may be a key: text, a number or a name; a record or a list is one by itself."""
    plain = isinstance(value, str | int | float | bytes | Name) or value is None
    return value if plain or isinstance(value, Record | Opaque) else Opaque()


def extend(to: Any, values: list[Any]) -> None:
    """Put values into a list, a set or a record."""
    if isinstance(to, list):
        to.extend(values)
    elif isinstance(to, set):
        to.update(map(make_key, values))
    elif isinstance(to, Record):
        to.items.extend(values)


def set_items(to: Any, values: list[Any]) -> None:
    """Put keys and values, in turn, into a dict or a record."""
    pairs = zip(values[::2], values[1::2], strict=True)
    if isinstance(to, dict):
        to.update((make_key(key), value) for key, value in pairs)
    elif isinstance(to, Record):
        to.items.extend(pairs)


def record_call(function: Any, arguments: tuple[Any, ...]) -> Any:
    """Return a record of a call, or what it stands for where that is Python's own way to write an object or bytes."""
    path = function.path if isinstance(function, Name) else ""
    if path in ("copyreg._reconstructor", "copy_reg._reconstructor") and arguments:
        return Record(arguments[0])
    if path in ("copyreg.__newobj__", "copy_reg.__newobj__") and arguments:
        return Record(arguments[0], arguments[1:])
    if path in BYTES and arguments and isinstance(arguments[0], bytes | Blob):
        return arguments[0]
    if path in BYTES and len(arguments) == 2 and isinstance(arguments[0], str) and arguments[1] in ("latin1", "latin-1"):
        return keep_short(arguments[0].encode("latin1"))
    return Record(function, arguments)


def find_records(value: Any) -> Iterator[Record]:
    """Yield each record within a value, the outermost first; each once."""
    left, seen = [value], set[int]()
    while left:
        each = left.pop()
        if not isinstance(each, Record | list | tuple | dict) or id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, Record):
            yield each
            left.extend([*each.items[::-1], *each.states[::-1], *each.arguments[::-1], each.keywords])
        else:
            left.extend(reversed(each.values() if isinstance(each, dict) else each))
