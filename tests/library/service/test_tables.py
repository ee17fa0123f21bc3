"""A table's rows become what the pipeline gets of a request with them, however the table was written and read."""

import json
from datetime import date, datetime
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from slipway.serving import declared, frames, rows
from slipway.serving.declared import exact, read

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Declared(BaseModel):
    """One field of each form."""

    model_config = STRICT
    whole: int
    calls: Annotated[int, Field(ge=0)] | None
    size: float
    share: Annotated[float, Field(ge=0, le=1)] | None
    flag: bool
    maybe: bool | None
    code: str
    country: Literal["NA", "DE"] | str | None
    grade: Literal[1, 2, 3]
    at: datetime
    day: date | None
    area: float = Field(alias="Gr Liv Area", ge=1)


ROW: dict[str, Any] = {
    "whole": 3,
    "calls": None,
    "size": 0.1,
    "share": 0.5,
    "flag": True,
    "maybe": None,
    "code": "01067",
    "country": "NA",
    "grade": 2,
    "at": "2026-01-31T15:00:00",
    "day": "2026-01-31",
    "Gr Liv Area": 1500.5,
}


@pytest.fixture(autouse=True)
def _declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this declaration stand where the project's does."""
    found = read(Declared)
    for module in (rows, frames, declared):
        monkeypatch.setattr(module, "FEATURES", found)
    adapter: TypeAdapter[Any] = TypeAdapter(list[exact(Declared)])  # type: ignore[misc, arg-type]
    for module in (rows, frames):
        monkeypatch.setattr(module, "ROWS", adapter)
    monkeypatch.setattr(rows, "ALIASED", True)
    monkeypatch.setattr(rows, "NAMES", [each.name for each in found])
    monkeypatch.setattr(rows, "UNBOUNDED", [])


def as_text(**cells: Any) -> pd.DataFrame:
    """Return a table of one row as text, as the default `load` reads a file."""
    row = {name: "" if value is None else str(value) for name, value in {**ROW, **cells}.items()}
    return pd.DataFrame([row], dtype="str")


def from_request(**cells: Any) -> pd.DataFrame:
    """Return what the pipeline gets of a request with these values."""
    content = json.dumps([{**ROW, **cells}]).encode()
    return frames.to_frame(rows.to_columns(rows.parse(content, 10)))


def converted(table: pd.DataFrame) -> pd.DataFrame:
    """Convert a table that fits."""
    found, misfits = frames.convert(table)
    assert [each.format() for each in misfits] == []
    return found[rows.NAMES]


def test_a_row_of_text_is_what_the_same_request_becomes() -> None:
    pd.testing.assert_frame_equal(converted(as_text()), from_request())


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("whole", "36.0", 36),
        ("whole", " 36 ", 36),
        ("calls", "7.0", 7),
        ("calls", " ", None),
        ("size", "1E5", 1e5),
        ("size", "3", 3.0),
        ("size", ".5", 0.5),
        ("flag", "FALSE", False),
        ("flag", "true", True),
        ("maybe", "True", True),
        ("code", "1E5", "1E5"),
        ("code", "NA", "NA"),
        ("code", "None", "None"),
        ("code", "True", "True"),
        ("code", " ", " "),
        ("country", None, None),
        ("country", "NA", "NA"),
        ("country", "nan", "nan"),
        ("grade", "3.0", 3),
        ("at", "2026-01-31 15:00", "2026-01-31T15:00:00"),
        ("Gr Liv Area", "856", 856),
    ],
)
def test_a_cell_is_read_by_its_declaration(name: str, cell: Any, value: Any) -> None:
    pd.testing.assert_frame_equal(converted(as_text(**{name: cell})), from_request(**{name: value}))


@pytest.mark.parametrize(
    ("name", "cells", "values"),
    [
        ("calls", pd.Series([3, None], dtype="Int64"), [3, None]),
        ("calls", pd.Series([3.0, np.nan]), [3, None]),
        ("maybe", pd.Series([True, None], dtype="boolean"), [True, None]),
        ("maybe", pd.Series([True, None], dtype=object), [True, None]),
        ("size", pd.Series([3, 4], dtype="Float64"), [3.0, 4.0]),
        ("country", pd.Series(["DE", None], dtype="category"), ["DE", None]),
        ("at", pd.to_datetime(pd.Series(["2026-01-31 15:00", "2026-02-01 00:00"])), ["2026-01-31T15:00:00", "2026-02-01T00:00:00"]),
        ("day", pd.to_datetime(pd.Series(["2026-01-31", None])), ["2026-01-31", None]),
        ("day", pd.Series([date(2026, 1, 31), None], dtype=object), ["2026-01-31", None]),
        ("grade", pd.Series([1.0, 2.0]), [1, 2]),
    ],
)
def test_what_the_owner_s_load_made_of_a_column_is_the_same_to_the_pipeline(name: str, cells: Any, values: list[Any]) -> None:
    table = pd.DataFrame([ROW, ROW]).assign(**{name: cells}).set_index("whole", drop=False)
    expected = pd.concat([from_request(**{name: value}) for value in values], ignore_index=True)
    pd.testing.assert_frame_equal(converted(table), expected, check_dtype=False)
    assert frames.records(converted(table))[0][name] == values[0]


@pytest.mark.parametrize(
    ("name", "cell", "said"),
    [
        ("size", "12,50", "valid number, found '12,50'"),
        ("size", "nan", "valid number, found 'nan'"),
        ("size", "1_0", "valid number, found '1_0'"),
        ("size", "", "valid number, found an empty cell"),
        ("whole", "3.5", "valid integer"),
        ("flag", "1", "valid boolean"),
        ("code", "", "valid string, found an empty cell"),
        ("grade", "4", "found 4"),
        ("day", "2026-W05", "a time such as 2026-01-31, found '2026-W05'"),
        ("at", "2026-01-31T15:00:00Z", "without a time zone, found"),
        ("share", "7", "less than or equal to 1, found 7"),
        ("Gr Liv Area", "0", "greater than or equal to 1"),
    ],
)
def test_a_cell_that_no_request_may_have_is_named(name: str, cell: str, said: str) -> None:
    found, [misfit] = frames.convert(pd.concat([as_text(), as_text(**{name: cell}), as_text(**{name: cell})]))
    assert misfit.format().startswith(f"row 1, {name}: ")
    assert said in misfit.format()
    assert misfit.format().endswith("(1 more rows)")
    others = [each for each in rows.NAMES if each != name]
    pd.testing.assert_frame_equal(found[others].head(1), from_request()[others])


def test_numbers_where_text_is_declared_are_named() -> None:
    [misfit] = frames.convert(pd.DataFrame([{**ROW, "code": 1067}]))[1]
    assert misfit.format() == "row 0, code: Input should be a valid string, found 1067"


@pytest.mark.parametrize(
    ("name", "there", "said"),
    [
        ("size", "Size ", "but 'Size ', which differs in its case, its blanks or its Unicode form"),
        ("code", "cod", "among 'cod'"),
        ("Gr Liv Area", "Gr_Liv_Area", "but 'Gr_Liv_Area'"),
    ],
)
def test_a_column_that_is_not_there_is_named_with_the_one_that_is_like_it(name: str, there: str, said: str) -> None:
    [misfit] = frames.convert(as_text().rename(columns={name: there}))[1]
    assert said in misfit.format()


def test_a_name_over_two_columns_is_an_error() -> None:
    table = pd.concat([as_text(), as_text()[["size"]]], axis=1)
    with pytest.raises(ValueError, match="several columns are called size"):
        frames.convert(table)


def test_many_rows_are_checked_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "PART", 2)
    wrong = [as_text(), as_text(size="x"), as_text(), as_text(size="y", whole="z"), as_text()]
    [size, whole] = frames.convert(pd.concat(wrong))[1]
    assert (size.row, size.rows, size.cell, whole.row) == (1, 2, "x", 3)
    assert len(converted(pd.concat([as_text()] * 5))) == 5


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "2", ""], [1, 2, None]),
        (["0.5", "1", "-1.5e+10"], [0.5, 1, -1.5e10]),
        (["True", "False", ""], [True, False, None]),
        (["01067", "1"], ["01067", "1"]),
        (["1E5", "2"], ["1E5", "2"]),
        (["a", ""], ["a", None]),
        (["", ""], [None, None]),
    ],
)
def test_a_column_that_is_not_declared_is_read_by_its_form(cells: list[str], values: list[Any]) -> None:
    found, _ = frames.convert(pd.concat([as_text()] * len(cells), ignore_index=True).assign(other=cells))
    assert frames.to_cells(found["other"]) == values


@pytest.mark.parametrize(
    ("number", "text"), [(3.0, "3"), (-2.0, "-2"), (0.1, "0.1"), (2.0**60, "1.152921504606847e+18"), (1e300, "1e+300")]
)
def test_a_float_that_is_a_whole_number_is_written_as_one(number: float, text: str) -> None:
    assert json.dumps(frames.records(pd.DataFrame({"x": [number]}))[0]["x"]) == text
