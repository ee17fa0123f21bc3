"""A suite of expectations is used as a whole or not at all: each that cannot be built or evaluated is named."""

import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from slipway import rules
from slipway.cli import ROOT
from slipway.gate import expectations
from slipway.gate.expectations import Checked
from slipway.gate.suite import NotEvaluated, SuiteError
from tests.conftest import Road

BETWEEN = "expect_column_values_to_be_between"
FRAME = pd.DataFrame(
    {
        "length": [1.0, 2.0, 3.5, None],
        "word": ["x", "y", None, "z"],
        "mixed": [1, "b", 2.5, None],
        "when": pd.to_datetime(["2026-01-01"] * 4),
        "flag": [True, False, True, True],
    }
)
HOLDS = {"type": BETWEEN, "kwargs": {"column": "length", "max_value": 10}}


def expect(kind: str, **kwargs: Any) -> dict[str, Any]:
    """Return an expectation as a suite declares it."""
    return {"type": kind, "kwargs": kwargs}


def suite(*declared: Any, **settings: Any) -> str:
    """Return a suite as text."""
    return json.dumps({"name": "rows", "expectations": list(declared), **settings})


def check(folder: Path, text: str, freshness: rules.Freshness | None = None) -> Checked:
    """Hold the frame against a suite."""
    (folder / "expectations.json").write_text(text, encoding="utf-8")
    return expectations.check(FRAME, folder / "expectations.json", freshness)


def found(checked: Checked) -> list[tuple[str, str, list[int]]]:
    """Return the findings by column, with what was observed and where."""
    return [(each.column, each.observed, each.rows) for each in checked.findings]


UNBUILT: dict[str, tuple[Any, str]] = {
    "misspelt": (
        expect("expect_column_value_to_be_between", column="length", max_value=10),
        "expect_column_value_to_be_between of length: there is no such expectation; the nearest is expect_column_values_to_be_between",
    ),
    "the name of the class": (expect("ExpectColumnValuesToBeBetween", column="length", max_value=1), f"the nearest is {BETWEEN}"),
    "nothing like it": (expect("zzzz", column="length"), "zzzz of length: there is no such expectation."),
    "no type": ({"kwargs": {"column": "length"}}, "without a type of length: there is no such expectation"),
    "a number for a type": (expect(5, column="length"), "5 of length: there is no such expectation"),  # type: ignore[arg-type]
    "unknown argument": (expect(BETWEEN, column="length", max_valu=10), "'max_valu' is not known there; the nearest is max_value"),
    "argument beside the arguments": ({**HOLDS, "mostly": 0.5}, "'mostly' is not known there"),
    "argument of another": (expect("expect_column_to_exist", column="length", regex="a"), "'regex' is not known there"),
    "no column": (expect(BETWEEN, max_value=10), f"{BETWEEN}: column field required"),
    "no limit": (expect(BETWEEN, column="length"), "min_value and max_value cannot both be None"),
    "no limit, which Great Expectations takes": (
        expect("expect_column_mean_to_be_between", column="length"),
        "it would hold for anything. Expected: min_value or max_value",
    ),
    "no expression": (expect("expect_column_values_to_match_regex", column="word"), "it would hold for anything. Expected: regex"),
    "a word for a number": (expect(BETWEEN, column="length", max_value="ten"), 'max_value "ten": value is not a valid float'),
    "an empty word for a number": (
        expect("expect_column_mean_to_be_between", column="length", max_value=""),
        'max_value "": this is no value',
    ),
    "a word for a list": (
        expect("expect_column_values_to_be_in_set", column="word", value_set="xyz"),
        'value_set "xyz": value is not a valid list',
    ),
    "an object for a list": (
        expect("expect_column_values_to_be_in_set", column="word", value_set={"x": 1}),
        "this is no value that it takes",
    ),
    "more than all": (expect(BETWEEN, column="length", max_value=9, mostly=2), "mostly 2: ensure this value is less than or equal to 1"),
    "no arguments": ({"type": BETWEEN}, f"{BETWEEN}: it has no arguments"),
    "arguments that are a list": ({"type": BETWEEN, "kwargs": ["length"]}, "it has no arguments"),
    "a severity that there is not": ({**HOLDS, "severity": "dire"}, "Invalid severity 'dire'. Must be one of: critical, warning, info"),
    "of another version": ({"expectation_type": BETWEEN, "kwargs": HOLDS["kwargs"]}, "'expectation_type' is from before Great"),
    "a word": ("expect_column_to_exist", 'which is no object: it is "expect_column_to_exist"'),
    "nothing": (None, "which is no object: it is null"),
}


@pytest.mark.parametrize("case", UNBUILT)
def test_an_expectation_that_cannot_be_built_is_named(case: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    declared, reason = UNBUILT[case]
    with pytest.raises(SuiteError) as error:
        check(tmp_path, suite(HOLDS, declared, HOLDS))
    assert str(error.value).startswith("1 of 3 expectations cannot be built: number 2, ")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_all_that_cannot_be_built_are_named(tmp_path: Path) -> None:
    declared = [each for each, _ in UNBUILT.values()]
    with pytest.raises(SuiteError) as error:
        check(tmp_path, suite(HOLDS, *declared))
    lines = str(error.value).splitlines()
    assert [line.partition("number ")[2].partition(",")[0] for line in lines] == [str(number) for number in range(2, len(declared) + 2)]


UNEVALUATED: dict[str, tuple[Any, str]] = {
    "words against a number": (expect(BETWEEN, column="word", max_value=5), "word is of type"),
    "words and numbers": (expect(BETWEEN, column="mixed", max_value=5), "mixed is of type object, such as 1"),
    "times against a number": (expect(BETWEEN, column="when", max_value=5), "when is of type datetime64"),
    "the mean of words": (expect("expect_column_mean_to_be_between", column="word", max_value=5), "word is of type"),
    "the highest of words and numbers": (expect("expect_column_max_to_be_between", column="mixed", max_value=5), "mixed is of type"),
    "an expression that is none": (expect("expect_column_values_to_match_regex", column="word", regex="["), "unterminated character set"),
    "a condition on no column": (
        expect(BETWEEN, column="length", max_value=5, row_condition='other=="x"', condition_parser="pandas"),
        "'other' is not defined",
    ),
    "a parameter without a value": (expect(BETWEEN, column="length", max_value={"$PARAMETER": "top"}), "No value found for $PARAMETER top"),
    "a question for a database": (expect("unexpected_rows_expectation", unexpected_rows_query="select 1"), "No provider found"),
    "another table": (expect("expect_table_row_count_to_equal_other_table", other_table_name="x"), "multiple named tables"),
}


@pytest.mark.parametrize("case", UNEVALUATED)
def test_an_expectation_that_is_not_evaluated_is_named(case: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    declared, reason = UNEVALUATED[case]
    with pytest.raises(NotEvaluated) as error:
        check(tmp_path, suite(HOLDS, declared))
    assert str(error.value).startswith(f"1 of 2 expectations cannot be evaluated: number 2, {declared['type']}")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_several_that_are_not_evaluated_are_all_named_and_equal_ones_twice(tmp_path: Path) -> None:
    declared = [each for each, _ in UNEVALUATED.values()]
    with pytest.raises(NotEvaluated, match=r"^3 of 4 expectations") as error:
        check(tmp_path, suite(declared[0], HOLDS, declared[0], declared[4]))
    assert [line.partition(",")[0][-1] for line in str(error.value).splitlines()] == ["1", "3", "4"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "It is a list"),
        ('{"expectations": []}', "It has no name"),
        ('{"name": "rows"}', "It has no list of expectations"),
        ('{"name": "rows", "expectations": {}}', "It has no list of expectations"),
        ('{"name": "rows", "expectations": [], "expectation": []}', "'expectation' is not known there; the nearest is expectations"),
        ('{"name": "rows", "expectations": [], "expectations": []}', "'expectations' is there twice"),
        (
            f'{{"name": "rows", "expectations": [{{"type": "{BETWEEN}", "kwargs": {{"max_value": 1, "max_value": 9}}}}]}}',
            "'max_value' is there twice in one object",
        ),
        ('{"expectation_suite_name": "rows", "expectations": []}', "is from before Great Expectations 1.0, which calls it 'name'"),
    ],
    ids=range(8),
)
def test_a_suite_that_cannot_be_read(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=reason.replace(".", r"\.")):
        check(tmp_path, text)


def test_a_column_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    declared = [
        expect(BETWEEN, column="gone", max_value=5),
        expect("expect_column_pair_values_to_be_equal", column_A="length", column_B="gone"),
        expect("expect_compound_columns_to_be_unique", column_list=["length", "far", "gone"]),
        expect("expect_column_to_exist", column="gone"),
        HOLDS,
    ]
    checked = check(tmp_path, suite(*declared))
    assert checked.expectations == 5
    assert sorted(found(checked)) == [(name, "there is no such column", []) for name in ("far, gone", "gone", "gone", "gone")]


def test_what_is_odd_and_legal_is_evaluated(tmp_path: Path) -> None:
    whole = {"id": "a", "notes": ["b"], "meta": {"c": 1}, "description": "d", "severity": "info"}
    declared = [
        {**HOLDS, **whole},
        {**HOLDS, **whole},
        expect(BETWEEN, column="length", max_value=3),
        expect(BETWEEN, column="length", max_value=3, mostly=0.5, result_format="BOOLEAN_ONLY", catch_exceptions=False),
        expect(BETWEEN, column="length", max_value={"$PARAMETER": "top"}),
        expect(BETWEEN, column="when", min_value="2027-01-01T00:00:00"),
        expect("expect_column_distinct_values_to_be_in_set", column="flag", value_set=[True]),
        expect("expect_table_columns_to_match_set", column_set=["length", "word", "mixed", "when"]),
        expect("expect_table_columns_to_match_ordered_list", column_list=["length"]),
        expect("expect_column_to_exist", column="length", column_index=3),
    ]
    text = suite(*declared, id="e", notes="f", meta={"great_expectations_version": "1.0.0"}, suite_parameters={"top": 2})
    checked = check(tmp_path, "\ufeff" + text)
    assert checked.expectations == len(declared)
    assert "<html" in checked.page()
    assert found(checked) == [
        ("length", "1 of 4 rows, such as 3.5", [2]),
        ("length", "1 of 4 rows, such as 3.5", [2]),
        ("length", "it does not hold", []),
        ("when", "4 of 4 rows, such as 2026-01-01T00:00:00, 2026-01-01T00:00:00, 2026-01-01T00:00:00, 2026-01-01T00:00:00", [0, 1, 2, 3]),
        ("flag", "such as False", []),
        ("", "not expected: flag", []),
        ("", str(list(FRAME.columns)), []),
    ]


def test_a_suite_that_great_expectations_wrote_is_read(tmp_path: Path) -> None:
    import great_expectations as gx
    from great_expectations.expectations.row_conditions import Column

    make: Any = gx.expectations
    quantiles = {"quantiles": [0.5], "value_ranges": [[8, 9]]}
    written = gx.ExpectationSuite(
        name="rows",
        expectations=[
            make.ExpectColumnValuesToBeBetween(column="length", min_value=0, mostly=0.5, row_condition=Column("word") == "x"),
            make.ExpectTableRowCountToEqual(value=4, severity="warning"),
            make.ExpectColumnQuantileValuesToBeBetween(column="length", quantile_ranges=quantiles),
        ],
    )
    checked = check(tmp_path, json.dumps(written.to_json_dict()))
    assert (checked.expectations, found(checked)) == (3, [("length", "{'quantiles': [0.5], 'values': [2.0]}", [])])


def test_a_freshness_that_is_not_evaluated_says_where_it_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(NotEvaluated, match=r"number 2, .* of length \(\[freshness\] in validation/thresholds.toml\)"):
        check(tmp_path, suite(HOLDS), rules.Freshness(column="length", max_days=1))


def test_the_library_logs_as_before_afterwards(tmp_path: Path) -> None:
    log = logging.getLogger("great_expectations")
    level = log.level
    check(tmp_path, suite(HOLDS))
    assert log.level == level


def test_train_validate_and_the_doctor_name_it_and_end_with_2(tmp_path: Path) -> None:
    road = Road.copied(tmp_path / "road")
    road.must("train")
    path = rules.load_rules(road.project).suite
    content = json.loads(path.read_text(encoding="utf-8"))
    content["expectations"].append(expect("expect_column_value_to_be_between", column="length", max_value=10))
    path.write_text(json.dumps(content), encoding="utf-8")
    number = len(content["expectations"])
    reason = f"number {number}, expect_column_value_to_be_between of length: there is no such expectation; the nearest is {BETWEEN}. "
    for verb in (("train",), ("validate", "--champion", "none"), ("doctor", "--model")):
        said = road.run(*verb)
        assert (said.code, reason.rstrip(". ") in said.text, "Traceback" in said.text) == (2, True, False), said.text
    assert ROOT not in path.parents
