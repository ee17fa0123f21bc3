"""Which columns of a frame are chosen, by type, position, name or range."""

import ast
from collections.abc import Callable
from typing import Any

from slipway.adopt.notebook.frames import NUMBERS, WORDS, Arguments
from slipway.adopt.notebook.values import TEXT, TIME, Frame, Made, NotFollowed, Part, Value


def select_types(frame: Frame, arguments: Arguments) -> Frame:
    """Follow select_dtypes."""
    include, exclude = (arguments.find(number, name) for number, name in enumerate(("include", "exclude")))
    names = [part for part in frame.parts if _has_type(part, include, True) and not _has_type(part, exclude, False)]
    return frame.select([name for part in names for name in part.names])


def _has_type(part: Part, value: Value | None, default: bool) -> bool:
    if value is None:
        return default
    if not isinstance(value, Made):
        raise NotFollowed("select_dtypes with what the text does not show")
    return any(is_type(part.kind, word) for word in list_types(value.node))


def list_types(node: ast.expr) -> list[str]:
    """Return the types that an expression names, such as `np.number`, or a list of them."""
    nodes = node.elts if isinstance(node, ast.List | ast.Tuple) else [node]
    return [str(each.value) if isinstance(each, ast.Constant) else ast.unparse(each).rpartition(".")[2] for each in nodes]


def is_type(kind: str, word: str) -> bool:
    """Tell whether a column has a type that is written so."""
    if word in ("number", "int", "float"):
        return kind in NUMBERS and (word == "number" or kind.startswith(word))
    if word in WORDS:
        return kind == TEXT
    return kind == word or (word.startswith("datetime") and kind == TIME)


def select_positions(frame: Frame, index: ast.expr, literal: Callable[[ast.expr], Any]) -> Frame:
    """Follow .iloc and .loc: rows, or columns by position, name or range."""
    if not isinstance(index, ast.Tuple) or len(index.elts) != 2:
        return frame
    chosen = index.elts[1]
    if any(part.label for part in frame.parts):
        raise NotFollowed("columns are chosen by position after get_dummies")
    if isinstance(chosen, ast.Slice):
        ends = [None if each is None else literal(each) for each in (chosen.lower, chosen.upper, chosen.step)]
        if any(isinstance(each, str) for each in ends):
            first = frame.columns.index(ends[0]) if ends[0] else 0
            last = frame.columns.index(ends[1]) if ends[1] else len(frame.columns) - 1
            return frame.select(frame.columns[first : last + 1])
        return frame.select(frame.columns[slice(*ends)])
    found = literal(chosen)
    several = isinstance(found, list | tuple)
    try:
        names = [frame.columns[each] if isinstance(each, int) else str(each) for each in (found if several else [found])]
    except IndexError as error:
        raise NotFollowed(f"there is no column {found}") from error
    return frame.select(names, alone=not several)
