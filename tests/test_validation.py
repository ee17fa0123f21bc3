"""What the gate promises: intervals that hold, verdicts at the boundaries, rules that are read strictly, data that is what it was."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model import data, features
from validation import expectations, report, thresholds
from validation.expectations import Finding
from validation.gate import Outcome, floor_missed, judge, margin, unusable
from validation.statistics import Interval, groups_to_decide, interval
from validation.thresholds import Floor

ROOT = Path(__file__).resolve().parents[1]
SUITE = ROOT / "validation" / "expectations.json"
EXPECTED: list[dict[str, Any]] = json.loads(SUITE.read_text(encoding="utf-8"))["expectations"]
COLUMNS = list(features.Row.model_fields)


def harm(low: float, mean: float, high: float) -> Interval:
    """Return an interval of a harm over 100 groups."""
    return Interval(mean, low, high, rows=1000, groups=100)


# --- statistics


def test_an_interval_holds_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    found = [interval(random.normal(1.0, 2.0, 60), None, 0.95, 400, seed) for seed in range(400)]
    assert 0.03 < np.mean([each.low > 1.0 for each in found]) < 0.08
    assert 0.03 < np.mean([each.high < 1.0 for each in found]) < 0.08


@pytest.mark.parametrize(("confidence", "errors"), [(0.9, 1.282), (0.95, 1.645), (0.975, 1.960)])
def test_each_bound_holds_with_the_confidence_that_was_asked(confidence: float, errors: float) -> None:
    values = np.random.default_rng(0).normal(5.0, 2.0, 500)
    found, error = interval(values, None, confidence, 5000, 0), values.std() / np.sqrt(500)
    assert (found.mean - found.low) / error == pytest.approx(errors, rel=0.05)
    assert (found.high - found.mean) / error == pytest.approx(errors, rel=0.05)


def test_a_group_bootstrap_is_wider_where_the_rows_of_a_group_are_alike() -> None:
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 25)
    values = random.normal(0, 1, 40)[groups] + random.normal(0, 0.1, len(groups))
    by_group, by_row = (interval(values, each, 0.95, 500, 0) for each in (groups, None))
    assert by_group.high - by_group.low > 3 * (by_row.high - by_row.low)
    assert (by_group.mean, by_group.rows, by_group.groups) == (by_row.mean, 1000, 40)
    assert by_row.groups == 1000


def test_an_interval_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    values, groups = np.random.default_rng(0).normal(0, 1, 200), np.arange(200) // 5
    assert interval(values, groups, 0.95, 300, 7) == interval(values, groups, 0.95, 300, 7)
    assert interval(values, groups, 0.95, 300, 7) != interval(values, groups, 0.95, 300, 8)


def test_an_interval_depends_on_who_is_together_and_not_on_their_names() -> None:
    values, groups = np.random.default_rng(0).normal(0, 1, 90), np.repeat(["a", "b", "c"], 30)
    assert interval(values, groups, 0.95, 300, 0) == interval(values, np.repeat([10, 20, 30], 30), 0.95, 300, 0)


def test_groups_of_unlike_size_weigh_by_their_rows() -> None:
    values, groups = np.array([0.0] * 90 + [1.0] * 10), np.array([0] * 90 + [1] * 10)
    assert interval(values, groups, 0.95, 1000, 0) == Interval(mean=0.1, low=0.0, high=1.0, rows=100, groups=2)
    # In the middle half of the resamples each group is drawn once.
    assert interval(values, groups, 0.6, 1000, 0) == Interval(mean=0.1, low=0.1, high=0.1, rows=100, groups=2)


def test_what_never_varies_has_no_width() -> None:
    found = interval(np.full(50, 3.5), None, 0.95, 200, 0)
    assert (found.low, found.mean, found.high) == pytest.approx((3.5, 3.5, 3.5))


@pytest.mark.parametrize(
    ("found", "tolerated", "groups"),
    [
        # half-width 4 at distance 2 below the margin: twice as sharp, four times the groups
        (harm(-4, 0, 4), 2, 400),
        # above the margin and worse: half-width 4 at distance 2 above zero
        (harm(-2, 2, 6), 1, 400),
        # already decided, but for the boundary: at least one more
        (harm(-1, 0, 2), 2, 101),
        (harm(-1, 0, 1), 0, None),
        (harm(math.nan, math.nan, math.nan), 1, None),
    ],
    ids=["below the margin", "above the margin", "at the margin", "no effect and no margin", "not a number"],
)
def test_groups_to_decide_grow_with_the_square_of_what_is_missing(found: Interval, tolerated: float, groups: int | None) -> None:
    assert groups_to_decide(found, tolerated) == groups


# --- verdict


@pytest.mark.parametrize(
    ("found", "tolerated", "outcome"),
    [
        (harm(-3, -2, -1), 1, Outcome.PASS),
        (harm(-1, 0, 0.999), 1, Outcome.PASS),
        (harm(-1, 0, 1), 1, Outcome.INCONCLUSIVE),
        (harm(0, 0.5, 1), 1, Outcome.INCONCLUSIVE),
        (harm(0, 2, 3), 1, Outcome.INCONCLUSIVE),
        (harm(0.001, 2, 3), 1, Outcome.FAIL),
        (harm(0.001, 0.5, 1), 1, Outcome.FAIL),
        (harm(0.001, 0.5, 0.999), 1, Outcome.PASS),
        (harm(2, 3, 4), 1, Outcome.FAIL),
        (harm(-2, -1, -0.001), 0, Outcome.PASS),
        (harm(-2, -1, 0), 0, Outcome.INCONCLUSIVE),
        (harm(0.001, 1, 2), 0, Outcome.FAIL),
        (harm(math.nan, math.nan, math.nan), 1, Outcome.INCONCLUSIVE),
    ],
)
def test_only_a_harm_that_is_surely_below_the_margin_passes(found: Interval, tolerated: float, outcome: Outcome) -> None:
    assert judge(found, tolerated, "the champion", []).outcome is outcome


def test_a_pass_tells_its_figures() -> None:
    assert judge(harm(-2, -1, 0.5), 1, "the champion", []).reasons == [
        "Loss minus that of the champion: -1 (from -2 to +0.5), inside the margin of 1."
    ]


def test_a_significant_harm_inside_the_margin_passes_and_is_said() -> None:
    assert judge(harm(0.1, 0.2, 0.3), 1, "the champion", []).reasons == [
        "Loss minus that of the champion: +0.2 (from +0.1 to +0.3), inside the margin of 1. It is worse, but inside the margin."
    ]


def test_a_fail_says_that_it_is_worse() -> None:
    assert judge(harm(0.5, 1, 1.5), 1, "a trivial model", []).reasons == [
        "Loss minus that of a trivial model: +1 (from +0.5 to +1.5): it is worse, and not inside the margin of 1."
    ]


def test_inconclusive_says_how_many_groups_would_decide() -> None:
    [reason] = judge(harm(-4, 0, 4), 2, "the champion", []).reasons
    assert reason == (
        "Loss minus that of the champion: +0 (from -4 to +4), margin 2: cannot tell. About 400 groups of rows would decide; there are 100."
    )
    [reason] = judge(harm(-1, 0, 1), 0, "the champion", []).reasons
    assert reason.endswith("cannot tell. More rows would not decide.")


def test_what_alone_refuses_goes_before_the_harm() -> None:
    verdict = judge(harm(-3, -2, -1), 1, "the champion", ["One.", "Two."])
    assert (verdict.outcome, verdict.reasons) == (Outcome.FAIL, ["One.", "Two."])


def test_each_outcome_has_its_exit_code() -> None:
    assert {each.value: each.exit_code for each in Outcome} == {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}


@pytest.mark.parametrize(
    ("champion", "trivial", "tolerated"), [(40, 140, 5.0), (140, 140, 0.0), (150, 140, 0.0)], ids=["better", "equal", "worse than trivial"]
)
def test_the_margin_is_a_share_of_the_champions_gain_and_never_negative(champion: float, trivial: float, tolerated: float) -> None:
    assert margin(0.05, champion, trivial) == pytest.approx(tolerated)


@pytest.mark.parametrize(
    ("value", "floor", "said"),
    [
        (5, Floor(max=5), None),
        (5.001, Floor(max=5), "score is 5.001, the floor in validation/thresholds.toml is at most 5."),
        (5, Floor(min=5), None),
        (4.999, Floor(min=5), "score is 4.999, the floor in validation/thresholds.toml is at least 5."),
        (math.nan, Floor(max=5), "score is nan, the floor in validation/thresholds.toml is at most 5."),
        (math.nan, Floor(min=5), "score is nan, the floor in validation/thresholds.toml is at least 5."),
        (0, Floor(min=-1, max=1), None),
        (7, Floor(), None),
    ],
)
def test_a_floor_is_missed_beyond_its_limit_and_by_what_is_no_number(value: float, floor: Floor, said: str | None) -> None:
    assert floor_missed("score", value, floor) == said


def test_answers_that_are_no_finite_numbers_are_unusable() -> None:
    assert unusable([1.0, -2.0]) is None
    assert unusable([1.0, math.nan, math.inf, -math.inf]) == "3 of 4 answers are not finite numbers."


# --- rules

WHOLE = "margin_fraction = 0.05\nconfidence = 0.95\nresamples = 200\n[floors.score]\nmax = 1\n"


def test_rules_are_read(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.toml"
    path.write_text(WHOLE, encoding="utf-8")
    assert thresholds.load(path).floors == {"score": Floor(max=1)}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("confidence", "confidense", "confidence\n  Field required"),
        ("confidence", "confidense", "confidense\n  Extra inputs are not permitted"),
        ("max = 1", "maximum = 1", "floors.score.maximum\n  Extra inputs are not permitted"),
        ("0.05", "-0.01", "margin_fraction\n  Input should be greater than or equal to 0"),
        ("0.05", "1", "margin_fraction\n  Input should be less than 1"),
        ("0.95", "0.5", "confidence\n  Input should be greater than 0.5"),
        ("0.95", "1.0", "confidence\n  Input should be less than 1"),
        ("200", "199", "resamples\n  Input should be greater than or equal to 200"),
        ("max = 1", "max = 'low'", "floors.score.max\n  Input should be a valid number"),
        ("max = 1", "max = ", "line 5"),
    ],
)
def test_an_error_in_the_rules_is_named_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "thresholds.toml"
    path.write_text(WHOLE.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(said)):
        thresholds.load(path)


# --- report


def judgement(verdict: Outcome, champion: report.Side | None) -> report.Judgement:
    """Return a judgement with a reason."""
    return report.Judgement(
        verdict=verdict,
        exit_code=verdict.exit_code,
        reasons=["Because."],
        candidate=report.Side(tag="none", digest="none", manifest_sha256="c" * 64, loss=1.23456, metrics={"score": 0.5}),
        champion=champion,
        trivial_loss=9.87654,
        harm=None,
        reference_sha256="e" * 64,
        thresholds_sha256="f" * 64,
        expectations_sha256="a" * 64,
        seed=1,
        at="2026-01-01T00:00:00+00:00",
    )


@pytest.mark.parametrize("verdict", list(Outcome))
def test_the_report_begins_with_the_verdict_and_ends_with_what_to_do(verdict: Outcome) -> None:
    lines = report.markdown(judgement(verdict, None)).splitlines()
    assert lines[:3] == [f"## Gate: {verdict.value}", "", "- Because."]
    assert lines[-1] == report.NEXT[verdict]


def test_the_report_of_a_first_release_has_no_champion() -> None:
    text = report.markdown(judgement(Outcome.PASS, None))
    assert "Candidate cccccccccccc against a trivial model (first release), on the reference dataset eeeeeeeeeeee." in text
    assert "| loss | 1.235 | – |\n| score | 0.5 | – |\n| loss of a trivial model | 9.877 | |" in text


def test_the_report_holds_both_sides_beside_each_other_and_a_dash_where_there_is_no_figure() -> None:
    champion = report.Side(tag="v1", digest="sha256:" + "d" * 64, manifest_sha256="b" * 64, loss=None, metrics={"score": 0.25})
    text = report.markdown(judgement(Outcome.FAIL, champion))
    assert "against v1 (sha256:dddddddddddd)" in text
    assert "| loss | 1.235 | – |\n| score | 0.5 | 0.25 |" in text


def test_a_judgement_is_read_as_it_was_written_and_nothing_else() -> None:
    written = judgement(Outcome.INCONCLUSIVE, None)
    assert report.Judgement.model_validate_json(written.model_dump_json()) == written
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        report.Judgement.model_validate({**written.model_dump(), "verdikt": "PASS"})


# --- expectations


@pytest.fixture(scope="module")
def reference() -> pd.DataFrame:
    """What is judged on."""
    return data.load(ROOT / "validation" / "reference.csv")


def said(kind: str) -> list[dict[str, Any]]:
    """Return the arguments of the expectations of a kind."""
    return [each["kwargs"] for each in EXPECTED if each["type"] == kind]


def first(kind: str) -> dict[str, Any]:
    """Return the arguments of the first expectation of a kind; skips where the suite has none."""
    if not said(kind):
        pytest.skip(f"the suite has no {kind}")
    return said(kind)[0]


def found(frame: pd.DataFrame) -> dict[tuple[str, str], Finding]:
    """Check a frame; returns the findings by kind and column."""
    return {(each.expectation.split(" ")[0], each.column): each for each in expectations.check(frame, SUITE)}


@pytest.mark.parametrize("name", ["data/train.csv", "validation/reference.csv"])
def test_the_data_is_what_the_suite_describes(name: str) -> None:
    assert expectations.check(data.load(ROOT / name), SUITE) == []


def test_a_dropped_column_is_missed(reference: pd.DataFrame) -> None:
    kind = "expect_table_columns_to_match_set"
    column = first(kind)["column_set"][-1]
    assert found(reference.drop(columns=column))[kind, ""].observed == f"missing: {column}"


def test_a_dropped_column_is_missed_by_its_own_expectations(reference: pd.DataFrame) -> None:
    kind = "expect_column_values_to_be_between"
    column = first(kind)["column"]
    assert found(reference.drop(columns=column))[kind, column].observed == "there is no such column"


def test_another_unit_is_noticed_in_every_row(reference: pd.DataFrame) -> None:
    kind = "expect_column_values_to_be_between"
    kwargs = first(kind)
    column = kwargs["column"]
    converted = reference[column].fillna(0) * 1.8 + kwargs["max_value"] + 32
    finding = found(reference.assign(**{column: converted}))[kind, column]
    assert finding.observed.startswith(f"{len(reference)} of {len(reference)} rows, such as {converted.iloc[0]}, ")
    assert finding.rows == [0, 1, 2, 3, 4]
    assert '"max_value"' in finding.expectation


def test_repeated_rows_are_noticed(reference: pd.DataFrame) -> None:
    kind = "expect_compound_columns_to_be_unique"
    first(kind)
    repeated = pd.concat([reference, reference.tail(1)], ignore_index=True)
    assert found(repeated)[kind, ""].rows == [len(reference) - 1, len(reference)]


def test_a_missing_value_is_noticed_at_its_row(reference: pd.DataFrame) -> None:
    kind = "expect_column_values_to_not_be_null"
    column = first(kind)["column"]
    holed = reference.assign(**{column: reference[column].where(reference.index != 3)})
    finding = found(holed)[kind, column]
    assert finding.rows == [3]
    assert finding.observed.startswith(f"1 of {len(reference)} rows, such as ")


def test_every_column_that_is_learnt_from_has_an_expectation() -> None:
    named = {kwargs.get("column") for kwargs in (each["kwargs"] for each in EXPECTED)}
    listed = {column for kwargs in said("expect_table_columns_to_match_set") for column in kwargs["column_set"]}
    assert {*COLUMNS, features.TARGET} - named - listed == set()


def limits(name: str) -> set[Any] | list[Any] | None:
    """Return what the declaration allows of a field: some values, or a range."""
    schema = features.Row.model_json_schema()["properties"][name]
    schema = next((each for each in schema.get("anyOf", []) if each.get("type") != "null"), schema)
    if "enum" in schema:
        return set(schema["enum"])
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
