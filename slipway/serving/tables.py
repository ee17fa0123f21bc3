"""The one conversion for the rows of tables, whether they are learnt from, judged on, recorded or watched.

Cells are read by `model/features.py`, checked as the service checks a request, and become what the pipeline gets in production.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError

from slipway.serving.cells import guess_cell, read_cell
from slipway.serving.declared import FEATURES, Feature, typed
from slipway.serving.frames import frame, to_cells
from slipway.serving.rows import ROWS, Columns, columns, read_values, to_array

# Rows are checked in parts, which bounds the memory that errors take.
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
    cells = {name: [read_cell(each, cell) for cell in to_cells(table[name])] for name, each in declared.items()}
    misfits, values = check(cells, len(table))
    read = guess_columns(table.drop(columns=list(declared)))
    if misfits:
        wrong = {each.column for each in misfits}
        read |= {name: pd.Series(cells[name]) for name in wrong & set(declared)}
        values = {name: to_array(validate_column(each, cells[name]), each) for name, each in declared.items() if name not in wrong}
    read |= {str(name): column for name, column in frame(values).items()}
    return table.assign(**read), [describe_absence(each, table.columns) for each in misfits]


def guess_columns(table: pd.DataFrame) -> dict[str, "pd.Series[Any]"]:
    """Return columns of text as numbers or booleans, where all their cells have the form of these."""
    found = {}
    for name, column in table.select_dtypes(["object", "str"]).items():
        cells = [guess_cell(cell) for cell in to_cells(column)]
        kinds = {type(cell) for cell in cells} - {type(None)}
        if (kinds and kinds <= {int, float}) or kinds == {bool} or not kinds:
            found[str(name)] = pd.Series(cells)
        else:
            found[str(name)] = column.where(column != "")  # an empty cell is missing
    return found


def check(cells: Cells, rows: int) -> tuple[list[Misfit], Columns]:
    """Check rows as requests are checked, and return them as columns where they all hold."""
    found: dict[str, Misfit] = {}
    parts = []
    for first in range(0, max(rows, 1), PART):
        values = to_rows({name: column[first : first + PART] for name, column in cells.items()}, min(PART, rows - first))
        try:
            parts.append(columns(read_values(ROWS.validate_python(values))))
        except ValidationError as error:
            for each in read_errors(error, cells, first):
                before = found.setdefault(each.column, replace(each, rows=0))
                found[each.column] = replace(before, rows=before.rows + each.rows)
    return list(found.values()), {} if found else {each.name: np.concatenate([part[each.name] for part in parts]) for each in FEATURES}


def to_rows(cells: Cells, rows: int) -> list[dict[str, Any]]:
    """Return columns as rows."""
    return [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)] if cells else [{}] * rows


def read_errors(error: ValidationError, cells: Cells, first: int) -> Iterator[Misfit]:
    """Yield a misfit for each cell that is wrong in rows of which the first has this number."""
    seen = set()
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        number, name = first + int(each["loc"][0]), str((*each["loc"], "", "")[1])
        if (number, name) not in seen:  # a value that may have several types has an error for each
            seen.add((number, name))
            there = name in cells
            yield Misfit(name or "the row", int(there or not name), number, cells[name][number] if there else None, each["msg"])


def describe_absence(misfit: Misfit, names: Iterable[Any]) -> Misfit:
    """Return a misfit that names the columns which are most like one that is not there."""
    if misfit.rows:
        return misfit
    wanted, known = fold(misfit.column), {fold(str(name)): str(name) for name in names}
    if wanted in known:
        said = f"there is no column {misfit.column!r}, but {known[wanted]!r}, which differs in its case, its blanks or its Unicode form"
    else:
        like = [known[each] for each in get_close_matches(wanted, known, n=3)] or list(known.values())[:8]
        said = f"there is no column {misfit.column!r} among {', '.join(map(repr, like))}"
    return replace(misfit, expected=said)


def fold(name: str) -> str:
    """Return a name without what people do not see in it."""
    return " ".join(unicodedata.normalize("NFKC", name).replace("_", " ").split()).casefold()


def validate_column(feature: Feature, values: list[Any]) -> list[Any]:
    """Return a column's values as a request with them would be read. Raises ValidationError."""
    adapter: TypeAdapter[list[Any]] = TypeAdapter(list[typed(feature.declared)])  # type: ignore[misc, arg-type]
    return adapter.validate_python(values, strict=True)
