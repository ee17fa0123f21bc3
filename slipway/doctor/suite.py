"""A first draft of `validation/expectations.json`: what `model/features.py` declares, held by the data that it was drafted from."""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from model import features
from slipway.gate.suite import find_columns
from slipway.serving.declared import Feature, read

# Of the cells that are there so many are expected next time.
ROOM = 0.9
LIMITS = {"minimum": "min_value", "maximum": "max_value", "exclusiveMinimum": "min_value", "exclusiveMaximum": "max_value"}
STRICT = {"exclusiveMinimum": "strict_min", "exclusiveMaximum": "strict_max"}


def draft_suite(tables: Sequence[pd.DataFrame], declared: ModuleType = features) -> str:
    """Return expectations that hold for tables, by a declaration: a first draft, to be read."""
    return format_suite(
        [*describe_table(declared), *(each for one in read(declared.Row) for each in describe_feature(one, tables, declared))]
    )


def format_suite(expectations: Sequence[dict[str, Any]]) -> str:
    """Return a suite with an expectation on each line."""
    lines = ",\n    ".join(json.dumps(each, ensure_ascii=False) for each in expectations)
    return f'{{\n  "name": "rows",\n  "expectations": [\n    {lines}\n  ]\n}}\n'


def describe_table(declared: ModuleType) -> Iterator[dict[str, Any]]:
    """Yield what is expected of the columns as a whole, and of the target."""
    names = [each.name for each in read(declared.Row)] + [declared.TARGET, *([declared.GROUP] if declared.GROUP else [])]
    yield expect("expect_table_columns_to_match_set", column_set=list(dict.fromkeys(names)), exact_match=False)
    yield expect("expect_column_values_to_not_be_null", column=declared.TARGET)
    if declared.TARGET_RANGE and declared.TASK == "regression":
        low, high = declared.TARGET_RANGE
        yield expect("expect_column_values_to_be_between", column=declared.TARGET, min_value=low, max_value=high)


def describe_feature(feature: Feature, tables: Sequence[pd.DataFrame], declared: ModuleType) -> Iterator[dict[str, Any]]:
    """Yield the expectations of a feature: categories, range, and how often it is there."""
    schema = declared.Row.model_json_schema()["properties"][feature.name]
    limits: dict[str, Any] = next((each for each in schema.get("anyOf", [schema]) if LIMITS.keys() & each.keys()), {})
    if feature.categories and not feature.open:
        yield expect("expect_column_values_to_be_in_set", column=feature.name, value_set=list(feature.categories))
    if limits and feature.kind in (int, float):
        bounds = {LIMITS[key]: value for key, value in limits.items() if key in LIMITS}
        strict = {STRICT[key]: True for key in limits if key in STRICT}
        yield expect("expect_column_values_to_be_between", column=feature.name, **bounds, **strict)
    mostly = 1.0 if not feature.optional else expect_share(feature.name, tables)
    if mostly:
        share = {"mostly": mostly} if feature.optional else {}
        yield expect("expect_column_values_to_not_be_null", column=feature.name, **share)


def expect_share(name: str, tables: Sequence[pd.DataFrame]) -> float:
    """Return how many of a feature's values have to be there, by how many are in the table with the fewest; 0 where that is nothing."""
    shares = [float(table[name].replace("", None).notna().mean()) for table in tables if name in table and len(table)]
    return math.floor(100 * ROOM * min(shares, default=0.0)) / 100


def expect(kind: str, **arguments: Any) -> dict[str, Any]:
    """Return an expectation as Great Expectations reads it."""
    return {"type": kind, "kwargs": arguments}


def write_suite(tables: Sequence[pd.DataFrame], build: Path) -> None:
    """Write the draft for tables to build/expectations.json."""
    build.mkdir(parents=True, exist_ok=True)
    (build / "expectations.json").write_text(draft_suite(tables), encoding="utf-8")


def find_absent(suite: Path, names: Sequence[str]) -> list[str]:
    """Return the columns that a suite names and a table does not have; none of what is no suite."""
    try:
        kwargs = [each["kwargs"] for each in json.loads(suite.read_text(encoding="utf-8-sig"))["expectations"]]
        named = [name for each in kwargs for name in (*find_columns(each), *(each.get("column_set") or ()))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return [name for name in dict.fromkeys(named) if name not in names]
