"""The declared features against the columns of a dataset, and what declares or describes the columns as they are."""

import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from model import features
from pipeline.doctor.finding import Finding, mend
from service.declared import FEATURES, Feature, exact
from service.frames import records

# A column with so few values has categories; longer words than these are text.
FEW, SHORT = 12, 30
# Of a feature that may be missing, so many values are expected to be there, until somebody knows better.
MAY_BE_MISSING = 0.5
WHY = "What is not declared is refused, at `train` and from every caller."


def findings(rows: pd.DataFrame, source: str) -> Iterator[Finding]:
    """Say of each declared feature that a dataset does not have as declared what is wrong, with the line that would declare it."""
    wrong = broken(rows)
    for each in FEATURES:
        if each.name not in rows:
            others = ", ".join(name for name in map(str, rows.columns) if name not in features.Row.model_fields)
            yield mend(f"feature {each.name}", f"{source} has no such column; not declared are {others or 'none'}", WHY, "correct the name")
        elif each.name in wrong:
            line = f"{each.name}: {declaration(rows[each.name])}"
            yield mend(f"feature {each.name}", f"{source}, {wrong[each.name]}", WHY, f"correct the data, or in model/features.py: {line}")
    if features.TARGET not in rows:
        yield mend(
            "target", f"{source} has no column {features.TARGET}", "There is nothing to learn.", "correct TARGET in model/features.py"
        )


def broken(rows: pd.DataFrame) -> dict[str, str]:
    """Return of each feature the first row that may not be asked, and why."""
    names = [each.name for each in FEATURES if each.name in rows]
    try:
        TypeAdapter(list[exact(features.Row)]).validate_json(json.dumps(records(rows[names])))  # type: ignore[misc, arg-type]
    except ValidationError as error:
        found: dict[str, str] = {}
        for each in error.errors(include_url=False, include_context=False, include_input=False):
            row, name = each["loc"][:2]
            found.setdefault(str(name), f"row {row}: {each['msg']}")
        return found
    return {}


def declaration(column: "pd.Series[Any]") -> str:
    """Return how a column would be declared: its type, range or categories, and whether it may be missing."""
    there = column.dropna()
    return typed(there) + (" | None" if len(there) < len(column) else "")


def typed(there: "pd.Series[Any]") -> str:
    """Return the type of a column that has no missing values."""
    values = sorted(there.unique().tolist())
    if pd.api.types.is_bool_dtype(there):
        return "bool"
    if not pd.api.types.is_numeric_dtype(there):
        return worded([str(each) for each in values])
    whole = bool((there % 1 == 0).all())
    if whole and len(values) <= FEW:
        return f"Literal[{', '.join(str(int(each)) for each in values)}]"
    low, high = (int(each) if whole else each for each in (values[0], values[-1]))
    return f"Annotated[{'int' if whole else 'float'}, Field(ge={low}, le={high})]"


def worded(words: list[str]) -> str:
    """Return the type of words: times, categories of which others may come, or text."""
    for kind in (date, datetime):
        if all(is_time(kind, each) for each in words):
            return kind.__name__
    longest = max(map(len, words), default=0)
    if longest <= SHORT and len(words) <= 50:
        return f"Literal[{', '.join(json.dumps(each, ensure_ascii=False) for each in words)}] | str"
    return f"Annotated[str, Field(max_length={2 * longest})]"


def is_time(kind: Any, word: str) -> bool:
    """Tell whether a word is a time of this kind."""
    try:
        return bool(kind.fromisoformat(word))
    except ValueError:
        return False


def suite() -> str:
    """Return expectations that say of a dataset what `model/features.py` declares, and little else: a first draft, to be read."""
    names = [*(each.name for each in FEATURES), features.TARGET, *([features.GROUP] if features.GROUP else [])]
    whole = {"column_set": list(dict.fromkeys(names)), "exact_match": False}
    found = [{"type": "expect_table_columns_to_match_set", "kwargs": whole}, *(each for one in FEATURES for each in described(one))]
    found.append({"type": "expect_column_values_to_not_be_null", "kwargs": {"column": features.TARGET}})
    if features.TARGET_RANGE:
        between = dict(zip(("min_value", "max_value"), features.TARGET_RANGE, strict=True))
        found.append({"type": "expect_column_values_to_be_between", "kwargs": {"column": features.TARGET, **between}})
    lines = ",\n    ".join(json.dumps(each, ensure_ascii=False) for each in found)
    return f'{{\n  "name": "rows",\n  "expectations": [\n    {lines}\n  ]\n}}\n'


def described(feature: Feature) -> Iterator[dict[str, Any]]:
    """Yield the expectations of a feature: categories, range, and how often it is there."""
    said = features.Row.model_json_schema()["properties"][feature.name]
    limits: dict[str, Any] = next((each for each in said.get("anyOf", [said]) if {"minimum", "maximum"} & set(each)), {})
    if feature.categories and not feature.open:
        yield {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": feature.name, "value_set": list(feature.categories)}}
    if limits:
        bounds = {"min_value": limits.get("minimum"), "max_value": limits.get("maximum")}
        yield {"type": "expect_column_values_to_be_between", "kwargs": {"column": feature.name, **bounds}}
    mostly = {"mostly": MAY_BE_MISSING} if feature.optional else {}
    yield {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": feature.name, **mostly}}
