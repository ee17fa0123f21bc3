"""Between pandas and what the service works with. It is imported only where a DataFrame is needed: that costs memory and half a second.

Every table goes through `convert`: what is learnt from, judged on, and recorded. So its rows are what the service makes of a request.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError

from service import rows as requests
from service.cells import format_number, guess_cell, read_cell
from service.declared import FEATURES, Feature, typed
from service.rows import Columns, Values

# Rows are checked in parts, which bounds the memory that errors take.
PART = 10_000


@dataclass(frozen=True)
class Misfit:
    """A column with cells that no request may have: how many, the first of them with its row from 0, and what is expected of it."""

    column: str
    rows: int
    row: int
    cell: Any
    expected: str

    def format(self) -> str:
        """Return it as a sentence without its end."""
        more = f"; {self.rows - 1} more rows" if self.rows > 1 else ""
        return f"row {self.row}, {self.column}: {self.expected}, found {self.cell!r}{more}"


def convert(table: pd.DataFrame) -> tuple[pd.DataFrame, list[Misfit]]:
    """Return a table with each declared column as the pipeline gets it in production, and what cannot be converted.

    Cells are read by `model/features.py`, then checked as a request is. A column with misfits has its cells as they could be read; what
    is not declared is read by its form. Raises ValueError where a declared name stands over several columns.
    """
    table = table.reset_index(drop=True)
    if twice := [each.name for each in FEATURES if isinstance(table.get(each.name), pd.DataFrame)]:
        raise ValueError(f"several columns are called {', '.join(twice)}")
    cells = {each.name: read_column(table[each.name], each) for each in FEATURES if each.name in table}
    names = {each.name for each in FEATURES}
    guessed = {str(name): guess_column(table[name]) for name in table.columns if name not in names and table[name].dtype in ("str", "object")}
    misfits, values = check(cells, len(table))
    if misfits:
        wrong = {each.column for each in misfits}
        right = [each for each in FEATURES if each.name in cells and each.name not in wrong]
        values = {each.name: requests.to_array(validate_column(each, cells[each.name]), each) for each in right}
        guessed |= {name: pd.Series(cells[name]) for name in wrong & set(cells)}
    return table.assign(**{**guessed, **{str(name): column for name, column in frame(values).items()}}), misfits


def read_column(column: "pd.Series[Any]", feature: Feature) -> list[Any]:
    """Return a column's cells as JSON values."""
    return [read_cell(feature, cell) for cell in to_cells(column)]


def guess_column(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a column of text as numbers or booleans, where all its cells have the form of these."""
    cells = [guess_cell(cell) for cell in to_cells(column)]
    kinds = {type(cell) for cell in cells} - {type(None)}
    return pd.Series(cells, index=column.index) if (kinds and kinds <= {int, float}) or kinds == {bool} else column


def to_cells(column: "pd.Series[Any]") -> list[Any]:
    """Return a column's cells as plain Python values; what is missing is None."""
    return column.astype(object).where(column.notna(), None).tolist()


def check(cells: dict[str, list[Any]], rows: int) -> tuple[list[Misfit], Columns]:
    """Check rows as requests are checked, and return them as columns where they all hold."""
    found: dict[str, Misfit] = {}
    parts = []
    for first in range(0, max(rows, 1), PART):
        part = {name: values[first : first + PART] for name, values in cells.items()}
        values = [dict(zip(part, row, strict=True)) for row in zip(*part.values(), strict=True)]
        try:
            parts.append(requests.columns(requests.read_values(requests.ROWS.validate_python(values))))
        except ValidationError as error:
            for each in read_errors(error, cells, first):
                before = found.get(each.column)
                found[each.column] = Misfit(each.column, before.rows + 1, before.row, before.cell, before.expected) if before else each
    columns = {} if found else {each.name: np.concatenate([part[each.name] for part in parts]) for each in FEATURES}
    return list(found.values()), columns


def read_errors(error: ValidationError, cells: dict[str, list[Any]], first: int) -> Iterator[Misfit]:
    """Yield a misfit for each cell that is wrong in rows of which the first has this number."""
    seen = set()
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        row, *place = each["loc"]
        name = str(place[0]) if place else "the row"
        if (row, name) not in seen:
            seen.add((row, name))
            number = first + int(row)
            yield Misfit(name, 1, number, cells[name][number] if name in cells else None, each["msg"])


def validate_column(feature: Feature, values: list[Any]) -> list[Any]:
    """Return a column's values as a request with them would be read. Raises ValidationError."""
    adapter: TypeAdapter[list[Any]] = TypeAdapter(list[typed(feature.declared)])  # type: ignore[misc, arg-type]
    return adapter.validate_python(values, strict=True)


def records(frame: pd.DataFrame) -> list[Values]:
    """Return rows as JSON values, to the last digit; what is missing becomes null."""
    columns = [[format_number(cell) for cell in to_cells(frame[name])] for name in frame.columns]
    return [dict(zip(map(str, frame.columns), values, strict=True)) for values in zip(*columns, strict=True)]


def columns(frame: pd.DataFrame) -> Columns:
    """Return the declared features of a converted frame, each as `service.rows.columns` makes it from a request."""
    return requests.columns(records(frame[[each.name for each in FEATURES]]))


def frame(columns: Columns) -> pd.DataFrame:
    """Return what a pipeline is fitted on and asked: text as pandas reads it, also where all of a column are missing."""
    words = {each.name for each in FEATURES if each.kind is str}
    return pd.DataFrame({name: pd.Series(values, dtype="str") if name in words else values for name, values in columns.items()})
