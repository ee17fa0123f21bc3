"""From a request's content to rows that hold to `model/features.py`, or to an error that names row, field and what is expected."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from model.features import Row
from slipway.serving.declared import FEATURES, Feature, exact
from slipway.serving.requests import Refused, describe_invalid

Values = dict[str, Any]
# One array of shape (n,) for each feature: float64 (missing is NaN), int64, bool, or objects (missing is None).
Columns = dict[str, NDArray[Any]]

NAMES = [each.name for each in FEATURES]
ALIASED = [each.attribute for each in FEATURES] != NAMES
ROW: TypeAdapter[Row] = TypeAdapter(exact(Row))
ROWS: TypeAdapter[list[Row]] = TypeAdapter(list[exact(Row)])  # type: ignore[misc, arg-type]
LOWEST, HIGHEST = -(2**63), 2**63 - 1
BOUNDED = ({"enum"}, {"const"}, {"minimum", "maximum"}, {"exclusiveMinimum", "exclusiveMaximum"})
# All bytes but those that open a list or an object, or limit a string.
NEITHER = bytes(set(range(256)) - set(b'[{"'))
# A field that may be left out hides another that is there twice from a count of colons.
ALL_REQUIRED = all(info.is_required() for info in Row.model_fields.values())
# Whole numbers that may be of any size, by their declaration.
DECLARED = Row.model_json_schema()["properties"]
UNBOUNDED = [each.name for each in FEATURES if each.kind is int and not any(some <= set(DECLARED[each.name]) for some in BOUNDED)]


def parse(content: bytes, max_rows: int) -> list[Values]:
    """Parse one row, or a list of rows, from JSON. Raises Refused.

    pydantic's parser checks while it reads: 1000 rows take a few milliseconds, less than with json alone.
    """
    refuse_crowded(content, max_rows)
    try:
        if content.count(b",") >= max_rows * len(FEATURES):
            # Counted before it is checked, and made once: of what is checked as it is read, each error makes all of its row again.
            value = from_json(content, allow_inf_nan=False)
            rows = check(value if isinstance(value, list) else [value], max_rows)
        elif content.lstrip(b" \t\r\n")[:1] == b"[":
            rows = read_values(ROWS.validate_json(content))
        else:
            rows = read_values([ROW.validate_json(content)])
    except ValidationError as error:
        raise Refused(422, describe_invalid(error, NAMES)) from None
    except ValueError:
        raise Refused(422, "the request: this is not JSON.") from None
    _refuse_repeated(content, len(rows))
    return check_bounds(rows, max_rows)


def check(values: list[Any], max_rows: int) -> list[Values]:
    """Check rows that came in another form than our own. Raises Refused."""
    _refuse_number(len(values), max_rows)
    try:
        return check_bounds(read_values(ROWS.validate_python(values)), max_rows)
    except ValidationError as error:
        raise Refused(422, describe_invalid(error, NAMES)) from None


def read_values(rows: list[Row]) -> list[Values]:
    """Return the values of rows by the names of their columns, which are not those of the fields where there are aliases."""
    if not ALIASED:
        return [vars(row) for row in rows]
    return [{each.name: getattr(row, each.attribute) for each in FEATURES} for row in rows]


def check_bounds(rows: list[Values], max_rows: int) -> list[Values]:
    """Return rows that are neither too few nor too many, with whole numbers of 64 bits. Raises Refused."""
    _refuse_number(len(rows), max_rows)
    for name in UNBOUNDED:
        for number, row in enumerate(rows):
            if row[name] is not None and not LOWEST <= row[name] <= HIGHEST:
                raise Refused(422, f"row {number}, {name}: Input should be a whole number of 64 bits")
    return rows


def refuse_crowded(content: bytes, max_rows: int) -> None:
    """Raise Refused when JSON has more lists and objects than rows can have: each costs much more than the two bytes of sending it."""
    most = (len(FEATURES) + 8) * (max_rows + 8)
    if content.count(b"[") + content.count(b"{") > most and count_openings(content) > most:
        raise Refused(413, f"More lists and objects than {max_rows} rows have. Send fewer rows in one request.")


def count_openings(content: bytes) -> int:
    """Count the lists and objects of JSON: what opens one, and stands in no string. In linear time, whatever the content is."""
    quotes_that_end = content.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside = quotes_that_end.translate(None, NEITHER).split(b'"')[::2]
    return sum(map(len, outside))


def _refuse_number(rows: int, max_rows: int) -> None:
    if not rows:
        raise Refused(422, "the request: List should have at least 1 item after validation, not 0")
    if rows > max_rows:
        raise Refused(413, f"{rows} rows in one request; at most {max_rows}. Send them in several requests.")


def _refuse_repeated(content: bytes, rows: int) -> None:
    # Each row has all fields, once: only where there are more colons are the names compared.
    if ALL_REQUIRED and content.count(b":") == rows * len(FEATURES):
        return

    def once(pairs: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in pairs}) < len(pairs):
            raise Refused(422, "the request: a row has the same field twice.")

    json.loads(content, object_pairs_hook=once)


def to_columns(rows: list[Values]) -> Columns:
    """Return rows as columns, each of shape (n,)."""
    count = len(rows)
    return {
        each.name: np.array([*map(each.pick, rows)], each.dtype) if each.makes_nan else np.fromiter(map(each.pick, rows), each.dtype, count)
        for each in FEATURES
    }


def to_array(values: list[Any], feature: Feature) -> NDArray[Any]:
    """Return a feature's values."""
    return np.array(values, feature.dtype) if feature.makes_nan else np.fromiter(values, feature.dtype, len(values))


def find_unknown(rows: list[Values]) -> list[dict[str, Any]]:
    """Name the places where a category stands that `model/features.py` does not list, and allows."""
    return [
        {"row": number, "field": each.name}
        for each in FEATURES
        if each.open
        for number, row in enumerate(rows)
        if row[each.name] is not None and row[each.name] not in each.categories
    ]
