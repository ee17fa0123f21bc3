"""The forms in which the platforms' callers send rows: wrapped in JSON in several ways, or CSV."""

import csv
import json
from io import StringIO
from itertools import islice
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json

from slipway.serving.declared import FEATURES, Feature
from slipway.serving.requests import MOST_ERRORS, Refused
from slipway.serving.rows import NAMES, Values, refuse_crowded

Kind = TypeVar("Kind")
FEATURE = {each.name: each for each in FEATURES}


class Split(BaseModel):
    """A table as pandas writes it with orient="split"; its index is ignored."""

    columns: list[str]
    data: list[list[Any]]


LIST, SPLIT, OBJECT = TypeAdapter(list[Any]), TypeAdapter(Split), TypeAdapter(dict[str, Any])


def parse_json(content: bytes, max_rows: int) -> Any:
    """Parse JSON in which each name is there once and each number is one. Raises Refused."""
    refuse_crowded(content, max_rows)
    try:
        value = from_json(content, allow_inf_nan=False)
    except ValueError:
        raise Refused(422, "the request: this is not JSON.") from None
    # Outside of words there are as many colons as names: only where there are more are the names compared.
    if content.count(b":") != _count_names(value):
        json.loads(content, object_pairs_hook=_refuse_repeated)
    return value


def _count_names(value: Any) -> int:
    # Recursive: pydantic's parser takes no more than 200 levels.
    if isinstance(value, dict):
        return len(value) + sum(_count_names(each) for each in value.values() if isinstance(each, dict | list))
    return sum(_count_names(each) for each in value if isinstance(each, dict | list)) if isinstance(value, list) else 0


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        raise Refused(422, "the request: a name is there twice in one object.")


def check_kind(kind: TypeAdapter[Kind], value: Any, where: str) -> Kind:
    """Return a value that has to be of a kind whose names are the contract's. Raises Refused with the places where it is not."""
    try:
        return kind.validate_python(value, strict=True)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)[:MOST_ERRORS]
        raise Refused(422, "; ".join(f"{', '.join(map(str, (where, *each['loc'])))}: {each['msg']}" for each in errors)) from None


def read_list(value: Any, where: str) -> list[Any]:
    """Read a list of rows. Raises Refused."""
    return check_kind(LIST, value, where)


def read_split(value: Any, where: str) -> list[Any]:
    """Read a table of columns and rows of values. Raises Refused."""
    table = check_kind(SPLIT, value, where)
    if len(set(table.columns)) < len(table.columns):
        raise Refused(422, f"{where}, columns: each has to be there once.")
    for number, row in enumerate(table.data):
        if len(row) != len(table.columns):
            raise Refused(422, f"{where}, data, {number}: {len(table.columns)} values are expected, as many as there are columns.")
    return [dict(zip(table.columns, row, strict=True)) for row in table.data]


def read_columns(value: Any, where: str) -> list[Any]:
    """Read a list of rows, or a list of values for each column. Raises Refused."""
    if not isinstance(value, dict):
        return read_list(value, where)
    columns = [read_list(each, f"{where}, each column") for each in value.values()]
    if len({len(each) for each in columns}) > 1:
        raise Refused(422, f"{where}: all columns have to have as many values.")
    return [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]


def read_instances(value: Any) -> list[Any]:
    """Read the rows of {"instances": [...]}. Raises Refused."""
    fields = check_kind(OBJECT, value, "the request")
    if "instances" not in fields:
        raise Refused(422, "instances: Field required")
    return read_list(fields["instances"], "instances")


def read_bare(value: Any) -> list[Any]:
    """Read rows that nothing is wrapped around: a list of them, or one. Raises Refused."""
    if not isinstance(value, dict | list):
        raise Refused(422, "the request: a row, a list of rows or instances are expected.")
    return value if isinstance(value, list) else [value]


def parse_csv(content: bytes, max_rows: int) -> list[Values]:
    """Parse CSV, with a header that names the features or else in declared order. Raises Refused."""
    try:
        text = StringIO(content.decode("utf-8-sig"), newline="")
        lines = list(islice(csv.reader(text, strict=True), max_rows + 2))
    except (UnicodeDecodeError, csv.Error):
        raise Refused(422, "the request: this is no CSV in UTF-8.") from None
    header = NAMES
    # A header that is misspelt in part is one, and refused; nothing is guessed.
    if lines and not set(NAMES).isdisjoint(lines[0]):
        header = lines.pop(0)
        if sorted(header) != sorted(NAMES):
            raise Refused(422, f"the header: it has to name each of {', '.join(NAMES)} once.")
    refuse_more_rows(len(lines), max_rows)
    return [_parse_line(number, header, cells) for number, cells in enumerate(lines)]


def refuse_more_rows(rows: int, max_rows: int) -> None:
    """Raise Refused for more rows than the serving config allows, where their number is only known to be higher."""
    if rows > max_rows:
        raise Refused(413, f"More than {max_rows} rows in one request. Send them in several requests.")


def _parse_line(number: int, header: list[str], cells: list[str]) -> Values:
    if len(cells) != len(header):
        raise Refused(422, f"row {number}: {len(header)} values are expected.")
    return {name: parse_cell(f"row {number}, {name}", FEATURE[name], cell) for name, cell in zip(header, cells, strict=True)}


def parse_cell(where: str, feature: Feature, cell: str) -> Any:
    """Parse a cell of CSV as its feature's kind. An empty cell is missing; what is no such value stays text. Raises Refused."""
    if cell == "":
        return None
    if feature.kind is object:
        raise Refused(422, f"{where}: this may be of several types, which CSV does not tell apart. Send JSON.")
    if feature.kind is str:
        return cell
    try:
        value = from_json((cell.lower() if feature.kind is bool else cell).encode(), allow_inf_nan=False)
    except ValueError:
        return cell
    fits = type(value) is feature.kind or (feature.kind is float and type(value) is int)
    return value if fits else cell
