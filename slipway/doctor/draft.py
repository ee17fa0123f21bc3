"""How a column would be declared in `model/features.py`: its line, or why it would be left out."""

import keyword
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from pydantic import BaseModel

from slipway.doctor.kinds import Kind, read_kind
from slipway.doctor.source import quote

# A column with so few words, each in so many rows on the average, has categories; longer words than these are text.
FEW, REPEATED, SHORT = 12, 4, 30
WIDEST = 120
# Fewer rows do not show that a column is different in each.
ROWS_FOR_KEYS = 20
KEY_NAME = re.compile(r"(?i)(^|[^a-z])(id|uuid|guid|key|index|rowid|rownames?)$|.[a-z]I[Dd]$|^Unnamed: 0$")
ORDINALS = {"1st": "first", "2nd": "second", "3rd": "third"}
# What model/features.py imports: a field of that name would hide it.
IMPORTED = {"Annotated", "BaseModel", "ConfigDict", "Field", "Literal", "Row", "bool", "date", "datetime", "float", "int", "str"}
Number = int | float
# Scales that whole numbers fill: months, hours, weekdays, days of a month, minutes, weeks, quarters, days of a year, percent.
SCALES = ((1, 12), (0, 11), (0, 23), (1, 24), (0, 6), (1, 7), (1, 31), (0, 59), (1, 52), (1, 53), (1, 4), (1, 365), (1, 366), (0, 100))
# A value that is largest by chance has fewer rows than this share of the mean; the last month of a year does not.
EVEN = 0.25
# How near to 0 and 1 shares come.
NEAR = 0.05
# The least room above the largest value.
ROOM = 1.25


@dataclass(frozen=True)
class Draft:
    """A column, the attribute that stands for it, its type as it would be written, and why it would rather be left out."""

    column: str
    attribute: str
    declared: str
    left_out: str = ""

    @property
    def alias(self) -> str:
        """Return the argument of Field that names the column, nothing where the attribute is called so."""
        return "" if self.attribute == self.column else f"alias={quote(self.column)}"

    def format(self) -> str:
        """Return the line in class Row."""
        if self.left_out:
            return f"# {' '.join(self.column.split())}: {self.left_out}"
        return f"{self.attribute}: {self.declared}"


def draft_columns(tables: Iterable[pd.DataFrame], columns: Iterable[str], taken: Iterable[str] = ()) -> list[Draft]:
    """Return how each of some columns would be declared, by what all tables hold."""
    tables, columns = list(tables), list(columns)
    kinds = {name: read_kind([table[name] for table in tables if name in table]) for name in columns}
    attributes = _name_attributes(columns, taken)
    return [_draft(name, attributes[name], kind) for name, kind in kinds.items()]


def _draft(column: str, attribute: str, kind: Kind) -> Draft:
    draft = Draft(column, attribute, _format_type(kind) + " | None" * bool(kind.missing), _leave_out(column, kind))
    return replace(draft, declared=add_alias(draft.declared, draft.alias))


def add_alias(declared: str, alias: str) -> str:
    """Return a type with an alias: among its limits where it is one annotated type, else around all of it."""
    if not alias:
        return declared
    if declared.startswith("Annotated[") and declared.endswith(")]"):
        return f"{declared[:-2]}, {alias})]"
    return f"Annotated[{declared}, Field({alias})]"


def _format_type(kind: Kind) -> str:
    if kind.name == "bool":
        return "bool"
    if kind.name == "number":
        return _format_number(kind.counts)
    if kind.name in ("date", "datetime"):
        return kind.name
    return _format_words({str(value): number for value, number in kind.counts.items()})


def _format_number(counts: Mapping[Any, int]) -> str:
    """Return the type of numbers: whole where all are, with limits that hold next year."""
    whole = all(float(each).is_integer() for each in counts)
    low, high = choose_limits(counts)
    limits = ", ".join([f"ge={format_limit(low)}"] * (low <= min(counts)) + [f"le={format_limit(high)}"] * (high >= max(counts)))
    return f"Annotated[{'int' if whole else 'float'}, Field({limits})]"


def format_limit(limit: float) -> str:
    """Return a limit as it is written: without a decimal point where it needs none."""
    return str(int(limit)) if float(limit).is_integer() and abs(limit) < 1e15 else repr(limit)


def _format_words(counts: Mapping[str, int]) -> str:
    """Return the type of words: categories of which others may come, or text with room."""
    listed = f"Literal[{', '.join(map(quote, sorted(counts)))}] | str"
    repeated = sum(counts.values()) >= REPEATED * len(counts)
    if counts and len(counts) <= FEW and repeated and max(map(len, counts)) <= SHORT and len(listed) <= WIDEST:
        return listed
    return f"Annotated[str, Field(max_length={max(20, _round_up(2 * max(map(len, counts), default=10)))})]"


def _leave_out(column: str, kind: Kind) -> str:
    if kind.name == "empty":
        return "left out, no row has a value"
    if kind.name == "other":
        return f"left out, it holds {', '.join(kind.types)}"
    if len(kind.counts) == 1 and not kind.missing:
        return f"left out, it is {str(next(iter(kind.counts)))[:SHORT]!r} in all rows"
    return "left out, it is different in each row" if _is_key(column, kind) else ""


def _is_key(column: str, kind: Kind) -> bool:
    """Tell whether a column only names its row: all different, and without blanks and of one length, or running numbers, or called so."""
    rows = kind.counts.total()
    if kind.missing or len(kind.counts) < rows or rows < ROWS_FOR_KEYS:
        return False
    if kind.name == "number":
        if not all(isinstance(each, int) or float(each).is_integer() for each in kind.counts):
            return False
        return bool(KEY_NAME.search(column)) or max(kind.counts) - min(kind.counts) < 2 * rows
    if kind.name != "text" or any(" " in str(each) for each in kind.counts):
        return False
    lengths = [len(str(each)) for each in kind.counts]
    return bool(KEY_NAME.search(column)) or max(lengths) - min(lengths) <= 2


def _can_be_attribute(name: str) -> bool:
    usual = name.isidentifier() and not keyword.iskeyword(name) and name == unicodedata.normalize("NFKC", name)
    return usual and not name.startswith(("_", "model_")) and not hasattr(BaseModel, name) and name not in IMPORTED


def _name_attributes(columns: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Return an attribute for each column, all different: the column's own name where that is possible."""
    columns = list(columns)
    used = {*taken, *filter(_can_be_attribute, columns)}
    found = {}
    for column in columns:
        found[column] = column if _can_be_attribute(column) else _number_name(_form_name(column), used)
        used.add(found[column])
    return found


def _form_name(column: str) -> str:
    """Return a name that says what a column is called: `1st Flr SF` becomes `first_flr_sf`."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])|\W+", " ", unicodedata.normalize("NFKC", column))
    words = [ORDINALS.get(word, word) for word in plain.lower().split()]
    name = "_".join(words).strip("_") or "column"
    name = name if name.isidentifier() else f"n_{name}"
    return name if _can_be_attribute(name) else f"{name}_" if _can_be_attribute(f"{name}_") else f"the_{name}"


def _number_name(name: str, used: set[str]) -> str:
    return next(each for each in (name, *(f"{name}_{number}" for number in range(2, len(used) + 3))) if each not in used)


# --- limits of a number that hold next year too: beyond what was seen, at a round figure, or where the kind of number ends by itself


def choose_limits(counts: Mapping[Number, int]) -> tuple[Number, Number]:
    """Return the lowest and the highest value to allow in a column with these values, and how often each is there."""
    low, high = min(counts), max(counts)
    whole = all(float(each).is_integer() for each in counts)
    if whole and (low, high) == (0, 1):
        return 0, 1
    if whole and _fills_scale(counts, int(low), int(high)):
        return int(low), int(high)
    if not whole and 0 <= low <= NEAR and 1 - NEAR <= high <= 1:
        return 0, 1
    span = high - low
    above = _round_up(max(high + span, ROOM * high)) if high > 0 else 0
    below = -_round_up(max(span - low, -ROOM * low)) if low < 0 else 0
    return below, above


def _fills_scale(counts: Mapping[Number, int], low: int, high: int) -> bool:
    """Tell whether whole numbers are those of a scale: all of them are there, none much more rarely than the others."""
    mean = sum(counts.values()) / len(counts)
    return (low, high) in SCALES and len(counts) == high - low + 1 and min(counts.values()) >= EVEN * mean


def _round_up(value: Number) -> Number:
    """Return the next larger number with one digit that is not 0: 218 becomes 300, 0.37 becomes 0.4."""
    if isinstance(value, int) or value >= 1:
        digits = len(str(math.ceil(value))) - 1
        unit = int("1" + "0" * digits)
        return -(-math.ceil(value) // unit) * unit
    exponent = math.floor(math.log10(value))
    return float(f"{math.ceil(round(value / math.pow(10, exponent), 9))}e{exponent}")
