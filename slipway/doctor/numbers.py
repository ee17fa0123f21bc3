"""Numbers in other forms than a program's: decimal commas, thousands' marks, and words for what is missing among them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import pandas as pd

from slipway.doctor.kinds import CODE, is_number
from slipway.serving.frames import NUMBER

# Words that stand for a missing number in files of other programs.
MISSING = re.compile(
    r"n/?a|#n/?a|n\.a\.|nan|<na>|#?null!?|none|nil|missing|unknown|\?|-{1,3}|\.{1,3}|\*|\\n|k\.a\.|n/k|[+-]?inf(inity)?", re.IGNORECASE
)
# Decimal and thousands' marks, those that pandas reads without options first; blanks are of three kinds.
PLAIN = (".", "")
MARKS = [PLAIN, (",", ""), (".", ","), (",", "."), *((point, blank) for blank in " '\u00a0\u202f\u2019" for point in ".,")]


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
def form(decimal: str, thousands: str) -> re.Pattern[str]:
    """Return what numbers with these marks look like."""
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
    marks = [each for each in MARKS if each != PLAIN and all(form(*each).fullmatch(cell.strip()) for cell in numbers)]
    plain = [PLAIN] if all(map(is_number, numbers)) else []
    return Numbers((*plain, *marks), words) if plain or marks else None


def choose_marks(columns: Iterable[Numbers], separator: str) -> tuple[str, str] | None:
    """Return the marks with which all columns can be read, None where they differ. `1,234` is ambiguous: the file's separator decides."""
    columns = list(columns)
    order = [PLAIN, (".", ","), (",", ""), *MARKS[3:]] if separator == "," else MARKS
    return next((each for each in order if all(each in column.marks for column in columns)), None)
