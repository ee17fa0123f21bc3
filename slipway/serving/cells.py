"""Cells of a text file as the values that a caller sends in JSON: by the declaration, or by their form where nothing is declared."""

import math
import re
from datetime import date
from typing import Any

from slipway.serving.declared import Feature

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
# A number that no code or identifier is written like: `01067` and `1E5` are words until they are declared as numbers.
PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-][0-9]+)?")
BOOLEANS = {"true": True, "false": False}
# Python reads no longer ones as whole numbers.
LONGEST = 4000
# Whole numbers beyond this are not told apart as 64-bit floats.
EXACT = 2.0**53


def read_cell(feature: Feature, cell: Any) -> Any:
    """Return a cell as its feature's kind. An empty cell is missing; what cannot be read stays as it is, and validation refuses it."""
    if isinstance(cell, str):
        return None if is_empty(feature, cell) else read_text(feature, cell)
    if isinstance(cell, float):
        return read_float(feature, cell)
    return format_time(feature, cell) if hasattr(cell, "isoformat") else cell


def is_empty(feature: Feature, cell: str) -> bool:
    """Tell whether a cell holds nothing; blanks alone are text, and no number."""
    return not (cell if feature.kind in (str, object) else cell.strip())


def read_text(feature: Feature, cell: str) -> Any:
    """Return a text as its feature's kind."""
    if feature.kind is bool:
        return BOOLEANS.get(cell.strip().lower(), cell)
    if feature.kind in (int, float):
        return read_number(feature, cell)
    if feature.kind is object:
        return read_any(feature, cell)
    return cell


def read_number(feature: Feature, cell: str) -> Any:
    """Return a text as a number; one that is none stays text."""
    text = cell.strip()
    if len(text) > LONGEST or not NUMBER.fullmatch(text):
        return cell
    return int(text) if text.lstrip("+-").isdecimal() else read_float(feature, float(text))


def read_any(feature: Feature, cell: str) -> Any:
    """Return a text as the kind that it has the form of, among those that its feature may have."""
    value = guess_cell(cell)
    return value if feature.takes(value) else cell


def read_float(feature: Feature, cell: float) -> Any:
    """Return a float; NaN is missing, and 36.0 is a whole number where one is declared."""
    if math.isnan(cell):
        return None
    return int(cell) if feature.kind is int and cell.is_integer() else cell


def format_time(feature: Feature, cell: Any) -> Any:
    """Return a time as text, of a feature that is one; a day is written without its midnight."""
    if feature.time is None:
        return cell
    return cell.isoformat().removesuffix("T00:00:00") if feature.time is date else cell.isoformat()


def guess_cell(cell: Any) -> Any:
    """Return what a cell is by its form alone: a number, a boolean, text, or None where it is empty."""
    if not isinstance(cell, str):
        return None if cell != cell else cell  # NaN alone is not itself
    if len(cell) <= LONGEST and PLAIN_NUMBER.fullmatch(cell):
        return int(cell) if cell.lstrip("-").isdecimal() else float(cell)
    return {"": None, "True": True, "False": False}.get(cell, cell)


def format_number(value: Any) -> Any:
    """Return a float that is a whole number as one: JSON does not tell 3 from 3.0, and a service that wants whole numbers does."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < EXACT else value
