"""From a request's content to rows that hold to `model/features.py`, or to an error that names row, field and what is expected.

msgspec reads rows of plain values in a third of pydantic's time. What it refuses, pydantic reads again, and says what is wrong or takes it.
"""

import json
from collections.abc import Sequence
from operator import itemgetter
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from model.features import Row
from slipway.serving.declared import FEATURES, TYPES, Feature, exact
from slipway.serving.requests import Refused, describe_invalid

Values = dict[str, Any]
Record = tuple[Any, ...]
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
# The types of plain values, and the limits of each that msgspec holds as pydantic does.
LIMITS: dict[str, tuple[type, set[str]]] = {
    "int": (int, {"ge", "gt", "le", "lt"}),
    "float": (float, {"ge", "gt", "le", "lt"}),
    "str": (str, {"min_length", "max_length"}),
    "bool": (bool, set()),
}
# Settings of a row that leave its values as they are sent.
HARMLESS = {"title", "strict", "allow_inf_nan", "extra_fields_behavior"}
# A count in numpy costs as much as one of so many bytes without it.
LONG = 2048


def build_decoder(row: Any) -> "msgspec.json.Decoder[Any] | None":
    """Return what reads one row or several, from pydantic's schema of a row; None where a field is more than a plain value."""
    try:
        fields = row["schema"]["fields"].items()
        if row["type"] != "model" or row["schema"]["type"] != "model-fields" or not set(row.get("config", {})) <= HARMLESS:
            return None
        types = {each.get("validation_alias", name): _read_plain(each["schema"]) for name, each in fields}
        Plain = TypedDict("Plain", types)  # type: ignore[misc]  # they are known when it runs
        return msgspec.json.Decoder(Plain | list[Plain])
    except (KeyError, TypeError):
        return None


def _read_plain(schema: Any) -> Any:
    # The same type for msgspec. Raises TypeError where it has none.
    match schema:
        case {"type": "nullable", "schema": inner}:
            return _read_plain(inner) | None
        case {"type": "chain", "steps": [first, {"type": "literal"} as literal]} if first in TYPES.values():
            return _read_plain(literal)
        case {"type": "literal", "expected": values} if {*map(type, values)} in ({int}, {str}):
            return Literal[tuple(values)]
        case {"type": "union", "choices": choices} if {*map(_read_kind, choices)} == {str}:
            return str
        case {"type": kind} if kind in LIMITS:
            limits = {name: limit for name, limit in schema.items() if name not in ("type", "strict", "metadata")}
            if limits.keys() <= LIMITS[kind][1]:
                return Annotated[LIMITS[kind][0], msgspec.Meta(**limits)]
    raise TypeError(f"{schema} is no plain value")


def _read_kind(schema: Any) -> type | None:
    # Of words and of text without limits; the union of these is any text.
    match schema:
        case {"type": "literal", "expected": values} if {*map(type, values)} == {str}:
            return str
        case {"type": "str", **more} if set(more) <= {"strict", "metadata"}:
            return str
    return None


DECODER = build_decoder(ROW.core_schema)


def parse(content: bytes, max_rows: int) -> list[Values]:
    """Parse one row, or a list of rows, from JSON. Raises Refused."""
    rows = _decode_plain(content)
    return _parse_checked(content, max_rows) if rows is None else check_bounds(rows, max_rows)


def _decode_plain(content: bytes) -> list[Values] | None:
    # None unless all is right: each row has all its fields, so one that is there twice, or is none of these, makes more colons.
    if DECODER is None:
        return None
    try:
        found = DECODER.decode(content)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    rows = found if isinstance(found, list) else [found]
    return rows if _count_colons(content) == len(rows) * len(FEATURES) else None


def _count_colons(content: bytes) -> int:
    return content.count(b":") if len(content) < LONG else int(np.count_nonzero(np.frombuffer(content, np.uint8) == ord(":")))


def _parse_checked(content: bytes, max_rows: int) -> list[Values]:
    # pydantic checks while it reads.
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
    if ALL_REQUIRED and _count_colons(content) == rows * len(FEATURES):
        return

    def once(pairs: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in pairs}) < len(pairs):
            raise Refused(422, "the request: a row has the same field twice.")

    json.loads(content, object_pairs_hook=once)


def to_columns(rows: list[Values]) -> Columns:
    """Return rows as columns, each of shape (n,)."""
    return stack_records(to_records(rows))


def to_records(rows: list[Values]) -> list[Record]:
    """Return the values of each row in the order of FEATURES: they take a third of a row's room."""
    return [*map(itemgetter(*NAMES), rows)] if len(NAMES) > 1 else [tuple(row[name] for name in NAMES) for row in rows]


def stack_records(records: list[Record]) -> Columns:
    """Return records as columns, each of shape (n,)."""
    columns = zip(*records, strict=True) if records else [()] * len(FEATURES)
    return {each.name: to_array(values, each) for each, values in zip(FEATURES, columns, strict=True)}


def to_array(values: Sequence[Any], feature: Feature) -> NDArray[Any]:
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
