"""The example's expectations say what its declaration says."""

import json
from pathlib import Path
from typing import Any

import pytest

from model import features
from slipway.gate import dataset
from slipway.serving.declared import FEATURES

SUITE = Path(__file__).parents[2] / "validation" / "expectations.json"
EXPECTED: list[dict[str, Any]] = json.loads(SUITE.read_text(encoding="utf-8"))["expectations"]
COLUMNS = dataset.list_inputs()
DECLARED = {each.name: each for each in FEATURES}


def said(kind: str) -> list[dict[str, Any]]:
    """Return the arguments of the expectations of a kind."""
    return [each["kwargs"] for each in EXPECTED if each["type"] == kind]


def test_every_column_that_is_learnt_from_has_an_expectation() -> None:
    named = {kwargs.get("column") for kwargs in (each["kwargs"] for each in EXPECTED)}
    listed = {column for kwargs in said("expect_table_columns_to_match_set") for column in kwargs["column_set"]}
    assert {*COLUMNS, features.TARGET} - named - listed == set()


def limits(name: str) -> set[Any] | list[Any] | None:
    """Return what the declaration allows of a field: some values, or a range."""
    if DECLARED[name].categories:
        return None if DECLARED[name].open else set(DECLARED[name].categories)
    whole = features.Row.model_json_schema()["properties"][name]
    [schema, *_] = [each for each in whole.get("anyOf", [whole]) if each.get("type") != "null"]
    return [schema.get("minimum"), schema.get("maximum")] if {"minimum", "maximum"} & set(schema) else None


@pytest.mark.parametrize("name", [name for name in COLUMNS if limits(name)])
def test_the_suite_allows_what_the_declaration_allows(name: str) -> None:
    declared = limits(name)
    expected: list[Any] = [set(each["value_set"]) for each in said("expect_column_values_to_be_in_set") if each["column"] == name]
    for each in said("expect_column_values_to_be_between"):
        if each["column"] == name:
            bounds: list[Any] = [each.get("min_value"), each.get("max_value")]
            # Whole numbers without a gap may be said as a range.
            expected.append(set(range(bounds[0], bounds[1] + 1)) if isinstance(declared, set) else bounds)
    assert expected == [declared]


@pytest.mark.parametrize("name", COLUMNS)
def test_the_suite_says_how_much_of_each_column_may_be_missing(name: str) -> None:
    [mostly] = [each.get("mostly", 1) for each in said("expect_column_values_to_not_be_null") if each["column"] == name]
    assert (mostly < 1) == DECLARED[name].optional


def test_the_declared_range_of_the_target_is_the_suites() -> None:
    between = [each for each in said("expect_column_values_to_be_between") if each["column"] == features.TARGET]
    assert [(each["min_value"], each["max_value"]) for each in between] == ([features.TARGET_RANGE] if features.TARGET_RANGE else [])
