"""The one conversion for the rows of tables, whether they are learnt from, judged on, recorded or watched.

Cells are read by `model/features.py`, or by their form where nothing is declared; they are checked as the service checks a request, and
become what the pipeline gets in production. The service imports this module, and pandas with it, only for a pipeline that is not compiled.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError

from slipway.serving.declared import FEATURES, Feature, typed
from slipway.serving.rows import ROWS, Columns, Values, read_values, to_array, to_columns

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
# A number that no code or identifier is written like: `01067` and `1E5` are words until they are declared as numbers.
PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-][0-9]+)?")
BOOLEANS = {"true": True, "false": False}
# Python reads no longer ones as whole numbers.
LONGEST = 4000
# Whole numbers beyond this are not told apart as 64-bit floats.
EXACT = 2.0**53
# Rows are read and checked in parts, which bounds the memory that cells and errors take.
PART = 10_000
Cells = dict[str, list[Any]]


@dataclass(frozen=True)
class Misfit:
    """A column with cells that no request may have: how many, the first of them with its row from 0, and what is expected of it.

    Of a column that is not there `rows` is 0.
    """

    column: str
    rows: int
    row: int
    cell: Any
    expected: str

    def format(self) -> str:
        """Return it as part of a sentence."""
        if not self.rows:
            return self.expected
        more = f" ({self.rows - 1} more rows)" if self.rows > 1 else ""
        return f"row {self.row}, {self.column}: {self.expected}, found {'an empty cell' if self.cell is None else repr(self.cell)}{more}"


def convert(table: pd.DataFrame) -> tuple[pd.DataFrame, list[Misfit]]:
    """Return a table with each declared column as the pipeline gets it in production, and what cannot be converted.

    A column with misfits has its cells as they could be read; what is not declared is read by its form. Raises ValueError where several
    columns have a declared name.
    """
    table = table.reset_index(drop=True)
    if twice := [each.name for each in FEATURES if isinstance(table.get(each.name), pd.DataFrame)]:
        raise ValueError(f"several columns are called {', '.join(twice)}")
    declared = {each.name: each for each in FEATURES if each.name in table}
    misfits, values = _check(table, declared)
    read = _guess_columns(table.drop(columns=list(declared)))
    if misfits:
        wrong, cells = {each.column for each in misfits}, _read_cells(table, declared)
        read |= {name: pd.Series(cells[name]) for name in wrong & set(declared)}
        values = {name: to_array(_validate_column(each, cells[name]), each) for name, each in declared.items() if name not in wrong}
    read |= {str(name): column for name, column in to_frame(values).items()}
    return table.assign(**read), [_name_absent(each, table.columns) for each in misfits]


def records(frame: pd.DataFrame) -> list[Values]:
    """Return rows as JSON values, to the last digit; what is missing becomes null."""
    columns = [[_format_number(cell) for cell in to_cells(frame[name])] for name in frame.columns]
    return [dict(zip(map(str, frame.columns), values, strict=True)) for values in zip(*columns, strict=True)]


def read_columns(frame: pd.DataFrame) -> Columns:
    """Return the declared features of a converted frame, each as `slipway.serving.rows.to_columns` makes it from a request."""
    return {each.name: to_array(to_cells(frame[each.name]), each) for each in FEATURES}


def to_frame(columns: Columns) -> pd.DataFrame:
    """Return what a pipeline is fitted on and asked: text as pandas reads it, also where all of a column are missing."""
    words = {each.name for each in FEATURES if each.kind is str}
    return pd.DataFrame({name: pd.Series(values, dtype="str") if name in words else values for name, values in columns.items()})


def to_cells(column: "pd.Series[Any]") -> list[Any]:
    """Return a column's cells as plain Python values; what is missing is None."""
    return column.astype(object).where(column.notna(), None).tolist()


def fold(name: str) -> str:
    """Return a name without what people do not see in it."""
    return " ".join(unicodedata.normalize("NFKC", name).replace("_", " ").split()).casefold()


def _read_cell(feature: Feature, cell: Any) -> Any:
    # An empty cell is missing, and blanks alone are text; what cannot be read stays as it is, and validation refuses it.
    if isinstance(cell, str):
        return _read_text(feature, cell) if (cell if feature.kind in (str, object) else cell.strip()) else None
    if isinstance(cell, float):
        return _read_float(feature, cell)
    if feature.time is None or not hasattr(cell, "isoformat"):
        return cell
    return cell.isoformat().removesuffix("T00:00:00") if feature.time is date else cell.isoformat()


def _read_text(feature: Feature, cell: str) -> Any:
    if feature.kind is bool:
        return BOOLEANS.get(cell.strip().lower(), cell)
    if feature.kind in (int, float):
        return _read_number(feature, cell)
    if feature.kind is object:
        value = _guess_cell(cell)
        return value if feature.takes(value) else cell
    return cell


def _read_number(feature: Feature, cell: str) -> Any:
    text = cell.strip()
    if len(text) > LONGEST or not NUMBER.fullmatch(text):
        return cell
    return int(text) if text.lstrip("+-").isdecimal() else _read_float(feature, float(text))


def _read_float(feature: Feature, cell: float) -> Any:
    # NaN is missing, and 36.0 is a whole number where one is declared.
    if math.isnan(cell):
        return None
    return int(cell) if feature.kind is int and cell.is_integer() else cell


def _format_number(value: Any) -> Any:
    # JSON does not tell 3 from 3.0, and a service that wants whole numbers does.
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < EXACT else value


def _guess_cell(cell: Any) -> Any:
    if not isinstance(cell, str):
        return None if cell != cell else cell  # NaN alone is not itself
    if len(cell) <= LONGEST and PLAIN_NUMBER.fullmatch(cell):
        return int(cell) if cell.lstrip("-").isdecimal() else float(cell)
    return {"": None, "True": True, "False": False}.get(cell, cell)


def _guess_columns(table: pd.DataFrame) -> dict[str, "pd.Series[Any]"]:
    # Columns of text are numbers or booleans, where all their cells have the form of these.
    columns = {}
    for name, column in table.select_dtypes(["object", "str"]).items():
        cells = [_guess_cell(cell) for cell in to_cells(column)]
        kinds = {type(cell) for cell in cells} - {type(None)}
        if (kinds and kinds <= {int, float}) or kinds == {bool} or not kinds:
            columns[str(name)] = pd.Series(cells)
        else:
            columns[str(name)] = column.where(column != "")  # an empty cell is missing
    return columns


def _read_cells(table: pd.DataFrame, declared: dict[str, Feature]) -> Cells:
    return {name: [_read_cell(each, cell) for cell in to_cells(table[name])] for name, each in declared.items()}


def _check(table: pd.DataFrame, declared: dict[str, Feature]) -> tuple[list[Misfit], Columns]:
    # Check rows as requests are checked, and return them as columns where they all hold.
    misfits: dict[str, Misfit] = {}
    parts = []
    for first in range(0, max(len(table), 1), PART):
        part = table.iloc[first : first + PART]
        cells = _read_cells(part, declared)
        try:
            parts.append(to_columns(read_values(ROWS.validate_python(_to_rows(cells, len(part))))))
        except ValidationError as error:
            for each in _read_errors(error, cells, first):
                before = misfits.setdefault(each.column, replace(each, rows=0))
                misfits[each.column] = replace(before, rows=before.rows + each.rows)
    return list(misfits.values()), {} if misfits else {each.name: np.concatenate([part[each.name] for part in parts]) for each in FEATURES}


def _to_rows(cells: Cells, rows: int) -> list[dict[str, Any]]:
    return [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)] if cells else [{}] * rows


def _read_errors(error: ValidationError, cells: Cells, first: int) -> Iterator[Misfit]:
    # Yield a misfit for each cell that is wrong, in rows of which the first has this number.
    seen = set()
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        number, name = int(each["loc"][0]), str((*each["loc"], "", "")[1])
        if (number, name) not in seen:  # a value that may have several types has an error for each
            seen.add((number, name))
            there = name in cells
            yield Misfit(name or "the row", int(there or not name), first + number, cells[name][number] if there else None, each["msg"])


def _name_absent(misfit: Misfit, names: Iterable[Any]) -> Misfit:
    # For a column that is not there, name those that are most like it.
    if misfit.rows:
        return misfit
    wanted, folded = fold(misfit.column), {fold(str(name)): str(name) for name in names}
    if wanted in folded:
        near = f"but {folded[wanted]!r}, which differs in its case, its blanks or its Unicode form"
        return replace(misfit, expected=f"there is no column {misfit.column!r}, {near}")
    like = [folded[each] for each in get_close_matches(wanted, folded, n=3)] or list(folded.values())[:8]
    return replace(misfit, expected=f"there is no column {misfit.column!r} among {', '.join(map(repr, like))}")


def _validate_column(feature: Feature, values: list[Any]) -> list[Any]:
    adapter: TypeAdapter[list[Any]] = TypeAdapter(list[typed(feature.declared)])  # type: ignore[misc, arg-type]
    return adapter.validate_python(values, strict=True)
