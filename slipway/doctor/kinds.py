"""What a column holds, by the form of all its cells: numbers, also as other programs write them, booleans, times or text."""

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

import pandas as pd

from slipway.serving.frames import BOOLEANS, LONGEST, NUMBER, to_cells

# Written like numbers, and none: postal codes and part numbers such as 01067 and 1E5.
CODE = re.compile(r"[+-]?0[0-9]+|[0-9]+[eE][0-9]+")
DATE = re.compile(r"\d{4}-\d\d-\d\d")
DATETIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?")
ZONED = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?\s?(Z|[+-]\d\d:?\d\d)")
# Words that stand for a missing number in files of other programs.
MISSING = re.compile(
    r"n/?a|#n/?a|n\.a\.|nan|<na>|#?null!?|none|nil|missing|unknown|\?|-{1,3}|\.{1,3}|\*|\\n|k\.a\.|n/k|[+-]?inf(inity)?", re.IGNORECASE
)
# Decimal and thousands' marks, those that pandas reads without options first; blanks are of three kinds.
PLAIN = (".", "")
MARKS = [PLAIN, (",", ""), (".", ","), (",", "."), *((point, blank) for blank in " '\u00a0\u202f\u2019" for point in ".,")]
# Whole numbers beyond this do not fit 64 bits.
LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Kind:
    """A column: `name` says what it holds, `counts` its values and how often each is there, `missing` how many cells hold none.

    Names: empty, bool, number, date, datetime, zoned (times with a zone), text, infinite, large (beyond 64 bits), mixed, other.
    `typed` says that the cells were no text: `load` has read them.
    """

    name: str
    counts: Counter[Any]
    missing: int
    typed: bool = False
    types: tuple[str, ...] = ()


def read_kind(columns: Iterable["pd.Series[Any]"]) -> Kind:
    """Return what a column holds in all files together."""
    cells = [cell for column in columns for cell in to_cells(column)]
    try:
        counts = Counter(cell for cell in cells if not _is_missing(cell))
    except TypeError:  # a list or an object that cannot be counted
        return Kind("other", Counter(), 0, typed=True, types=_name_types(cells))
    missing = len(cells) - counts.total()
    if not counts:
        return Kind("empty", counts, missing)
    types = {type(cell) for cell in cells if not _is_missing(cell)}
    if types <= {str}:
        return _read_texts(counts, missing)
    plain = Counter(dict(_unify(counts)))
    # True and 1 are one key of a Counter, and two kinds.
    return _read_typed(plain, missing, mixed=str in types or (bool in types and types != {bool}), types=_name_types(cells))


def _is_missing(cell: Any) -> bool:
    return cell is None or cell is pd.NaT or cell == "" or (isinstance(cell, float) and math.isnan(cell))


def _unify(counts: Counter[Any]) -> Iterable[tuple[Any, int]]:
    return ((cell.item() if hasattr(cell, "item") and not hasattr(cell, "isoformat") else cell, number) for cell, number in counts.items())


def _read_typed(counts: Counter[Any], missing: int, mixed: bool, types: tuple[str, ...]) -> Kind:
    kinds = {type(cell) for cell in counts}
    if mixed:
        return Kind("mixed", counts, missing, typed=True, types=types)
    if kinds == {bool}:
        return Kind("bool", counts, missing, typed=True)
    if kinds <= {int, float}:
        if any(isinstance(cell, int) and abs(cell) > LARGEST for cell in counts):
            return Kind("large", counts, missing, typed=True)
        finite = all(math.isfinite(cell) for cell in counts)
        return Kind("number" if finite else "infinite", counts, missing, typed=True)
    if all(hasattr(cell, "isoformat") for cell in counts):
        return Kind(_read_times(counts), counts, missing, typed=True, types=types)
    return Kind("other", counts, missing, typed=True, types=types)


def _read_times(counts: Counter[Any]) -> str:
    if any(getattr(cell, "tzinfo", None) for cell in counts):
        return "zoned"
    if not all(isinstance(cell, date) for cell in counts):
        return "other"
    days = all(not isinstance(cell, datetime) or cell.time() == datetime.min.time() for cell in counts)
    return "date" if days else "datetime"


def _read_texts(counts: Counter[Any], missing: int) -> Kind:
    """Return what a column of text holds; blanks alone are missing among numbers."""
    blank = Counter({cell: number for cell, number in counts.items() if not cell.strip()})
    words = counts - blank
    if not words:
        return Kind("empty", Counter(), missing + blank.total())
    if all(is_number(cell) for cell in words):
        numbers: Counter[Any] = Counter()
        for cell, number in words.items():
            numbers[_read_number(cell)] += number
        return Kind("number", numbers, missing + blank.total())
    if all(cell.strip().lower() in BOOLEANS for cell in words):
        return Kind("bool", words, missing + blank.total())
    for name, form, read in (("date", DATE, date.fromisoformat), ("datetime", DATETIME, datetime.fromisoformat)):
        if all(form.fullmatch(cell) and _can_read(read, cell) for cell in counts):
            return Kind(name, counts, missing)
    return Kind("zoned" if all(ZONED.fullmatch(cell) for cell in counts) else "text", counts, missing)


def is_number(cell: str) -> bool:
    """Tell whether a text is a number, and no code that is written like one."""
    text = cell.strip()
    return len(text) <= LONGEST and bool(NUMBER.fullmatch(text)) and not CODE.fullmatch(text) and math.isfinite(_read_number(text))


def _read_number(cell: str) -> int | float:
    """Return a text as a number; 36.0 is 36."""
    text = cell.strip()
    if text.lstrip("+-").isdecimal():
        return int(text) if abs(int(text)) <= LARGEST else float("inf")
    return int(value) if (value := float(text)).is_integer() and abs(value) <= LARGEST else value


def _can_read(read: Any, cell: str) -> bool:
    try:
        read(cell)
    except ValueError:
        return False
    return True


def _name_types(cells: Iterable[Any]) -> tuple[str, ...]:
    return tuple(sorted({type(cell).__name__ for cell in cells if not (cell is None or cell != cell)}))


# --- numbers in other forms than a program's: decimal commas, thousands' marks, and words for what is missing among them


@dataclass(frozen=True)
class Numbers:
    """A column of numbers as text: the marks with which all of it can be read, and the words for what is missing in it."""

    marks: tuple[tuple[str, str], ...]
    words: tuple[str, ...]

    @property
    def plain(self) -> bool:
        """Tell whether they are written as programs write numbers."""
        return PLAIN in self.marks


@cache
def _form(decimal: str, thousands: str) -> re.Pattern[str]:
    groups = rf"[1-9]\d{{0,2}}({re.escape(thousands)}\d{{3}})+|" if thousands else ""
    return re.compile(rf"[+-]?({groups}0|[1-9]\d*)({re.escape(decimal)}\d*)?([eE][+-]?\d+)?")


def read_numbers(column: "pd.Series[str]") -> Numbers | None:
    """Return how a column of text holds numbers, None where it holds something else."""
    cells = [each for each in map(str, column.unique()) if each.strip()]
    words = tuple(each for each in cells if MISSING.fullmatch(each.strip()))
    numbers = [each for each in cells if each not in words]
    if not numbers or any(CODE.fullmatch(each.strip()) for each in numbers):
        return None
    if any(NUMBER.fullmatch(each.strip()) and not is_number(each) for each in numbers):  # more digits than a number has: a code
        return None
    marks = [each for each in MARKS if each != PLAIN and all(_form(*each).fullmatch(cell.strip()) for cell in numbers)]
    plain = [PLAIN] if all(map(is_number, numbers)) else []
    return Numbers((*plain, *marks), words) if plain or marks else None


def choose_marks(columns: Iterable[Numbers], separator: str) -> tuple[str, str] | None:
    """Return the marks with which all columns can be read, None where they differ. `1,234` is ambiguous: the file's separator decides."""
    columns = list(columns)
    order = [PLAIN, (".", ","), (",", ""), *MARKS[3:]] if separator == "," else MARKS
    return next((each for each in order if all(each in column.marks for column in columns)), None)
