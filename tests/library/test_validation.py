"""What the gate promises: intervals that hold, verdicts at the boundaries, rules that are read strictly, data that is what it was."""

import json
import math
import re
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model import features
from slipway import report, rules
from slipway.gate import behaviour, comparison, dataset, expectations
from slipway.gate.gate import (
    Interval,
    Slice,
    adjust_slices,
    bootstrap_mean,
    compute_margin,
    compute_p_value,
    describe_creep,
    describe_implausible,
    describe_missed_floor,
    describe_not_finite,
    describe_regressions,
    describe_too_few,
    estimate_groups,
    holm,
    judge,
)
from slipway.report import Finding, Outcome
from slipway.rules import Floor
from slipway.serving.frames import records

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = dataset.list_inputs()


def harm(low: float, mean: float, high: float, p: float = 0.5) -> Interval:
    """Return an interval of a harm over 100 groups."""
    return Interval(mean, low, high, p, rows=1000, groups=100)


# --- statistics


def bounds(found: Interval) -> tuple[float, float, float, int, int]:
    """Return all of an interval but its p-value."""
    return found.mean, found.low, found.high, found.rows, found.groups


def test_an_interval_holds_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    found = [bootstrap_mean(random.normal(1.0, 2.0, 60), None, 0.95, 400, seed) for seed in range(400)]
    assert 0.03 < np.mean([each.low > 1.0 for each in found]) < 0.08
    assert 0.03 < np.mean([each.high < 1.0 for each in found]) < 0.08


@pytest.mark.parametrize(("confidence", "errors"), [(0.9, 1.282), (0.95, 1.645), (0.975, 1.960)])
def test_each_bound_holds_with_the_confidence_that_was_asked(confidence: float, errors: float) -> None:
    values = np.random.default_rng(0).normal(5.0, 2.0, 500)
    found, error = bootstrap_mean(values, None, confidence, 5000, 0), values.std() / np.sqrt(500)
    assert (found.mean - found.low) / error == pytest.approx(errors, rel=0.05)
    assert (found.high - found.mean) / error == pytest.approx(errors, rel=0.05)


def test_a_group_bootstrap_is_wider_where_the_rows_of_a_group_are_alike() -> None:
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 25)
    values = random.normal(0, 1, 40)[groups] + random.normal(0, 0.1, len(groups))
    by_group, by_row = (bootstrap_mean(values, each, 0.95, 500, 0) for each in (groups, None))
    assert by_group.high - by_group.low > 3 * (by_row.high - by_row.low)
    assert (by_group.mean, by_group.rows, by_group.groups) == (by_row.mean, 1000, 40)
    assert by_row.groups == 1000


def test_an_interval_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    values, groups = np.random.default_rng(0).normal(0, 1, 200), np.arange(200) // 5
    assert bootstrap_mean(values, groups, 0.95, 300, 7) == bootstrap_mean(values, groups, 0.95, 300, 7)
    assert bootstrap_mean(values, groups, 0.95, 300, 7) != bootstrap_mean(values, groups, 0.95, 300, 8)


def test_an_interval_depends_on_who_is_together_and_not_on_their_names() -> None:
    values, groups = np.random.default_rng(0).normal(0, 1, 90), np.repeat(["a", "b", "c"], 30)
    assert bootstrap_mean(values, groups, 0.95, 300, 0) == bootstrap_mean(values, np.repeat([10, 20, 30], 30), 0.95, 300, 0)


def test_groups_of_unlike_size_weigh_by_their_rows() -> None:
    values, groups = np.array([0.0] * 90 + [1.0] * 10), np.array([0] * 90 + [1] * 10)
    assert bounds(bootstrap_mean(values, groups, 0.95, 1000, 0)) == (0.1, 0.0, 1.0, 100, 2)
    # In the middle half of the resamples each group is drawn once.
    assert bounds(bootstrap_mean(values, groups, 0.6, 1000, 0)) == (0.1, 0.1, 0.1, 100, 2)


def test_what_never_varies_has_no_width() -> None:
    found = bootstrap_mean(np.full(50, 3.5), None, 0.95, 200, 0)
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
    assert estimate_groups(found, tolerated) == groups


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
        "Loss minus that of the champion: -1 (from -2 to +0.5): inside the margin of 1."
    ]


def test_a_significant_harm_inside_the_margin_passes_and_is_said() -> None:
    assert judge(harm(0.1, 0.2, 0.3), 1, "the champion", []).reasons == [
        "Loss minus that of the champion: +0.2 (from +0.1 to +0.3): it is worse, but inside the margin of 1."
    ]


def test_a_candidate_that_is_surely_better_is_said_to_be() -> None:
    assert judge(harm(-3, -2, -1), 0, "a trivial model", []).reasons == [
        "Loss minus that of a trivial model: -2 (from -3 to -1): it is better."
    ]


def test_a_fail_says_that_it_is_worse() -> None:
    assert judge(harm(0.5, 1, 1.5), 1, "a trivial model", []).reasons == [
        "Loss minus that of a trivial model: +1 (from +0.5 to +1.5): it is worse, and not inside the margin of 1."
    ]


def test_inconclusive_says_how_many_groups_would_decide() -> None:
    [reason] = judge(harm(-4, 0, 4), 2, "the champion", []).reasons
    assert reason == (
        "Loss minus that of the champion: +0 (from -4 to +4), margin 2: cannot tell. About 400 groups would decide; there are 100."
    )
    [reason] = judge(harm(-1, 0, 1), 0, "the champion", []).reasons
    assert reason.endswith("cannot tell. More groups would not decide.")


def test_what_alone_refuses_does_so_whatever_the_harm() -> None:
    verdict = judge(harm(-3, -2, -1), 1, "the champion", ["One.", "Two."])
    assert (verdict.outcome, verdict.reasons) == (Outcome.FAIL, ["One.", "Two."])


def test_a_harm_that_refuses_goes_before_what_refuses_too() -> None:
    first, *others = judge(harm(2, 3, 4), 1, "the champion", ["One.", "Two."]).reasons
    assert first.startswith("Loss minus that of the champion: +3")
    assert others == ["One.", "Two."]


def test_each_outcome_has_its_exit_code() -> None:
    assert {each.value: each.exit_code for each in Outcome} == {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}


@pytest.mark.parametrize(
    ("champion", "trivial", "tolerated"), [(40, 140, 5.0), (140, 140, 0.0), (150, 140, 0.0)], ids=["better", "equal", "worse than trivial"]
)
def test_the_margin_is_a_share_of_the_champions_gain_and_never_negative(champion: float, trivial: float, tolerated: float) -> None:
    assert compute_margin(0.05, champion, trivial) == pytest.approx(tolerated)


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
    assert describe_missed_floor("score", value, floor) == said


def test_answers_that_are_no_finite_numbers_are_broken() -> None:
    assert describe_not_finite(np.array([1.0, -2.0])) is None
    assert describe_not_finite(np.array([1.0, math.nan, math.inf, -math.inf])) == "3 of 4 answers are not finite numbers, rows 1, 2, 3."
    assert describe_not_finite(np.array([[0.5, 0.5], [0.5, math.nan]])) == "1 of 2 answers are not finite numbers, row 1."


@pytest.mark.parametrize(
    ("answers", "limits", "said"),
    [
        ([1.0, 2.0], None, None),
        ([0.0, 1.0], (0, 1), None),
        ([math.nan, 2.0], (0, 1), "1 of 2 answers are not finite numbers, row 0."),
        ([-0.5, 0.5, 1.5], (0, 1), "2 of 3 answers are outside 0 to 1 (such as -0.5, 1.5), rows 0, 2."),
        ([3.0, 3.0], None, "All 2 answers are 3: the model ignores its input."),
        ([[0.25, 0.75], [0.25, 0.75]], (0, 1), "All 2 answers are 0.25, 0.75: the model ignores its input."),
        ([[0.25, 0.75], [0.75, 0.25]], (0, 1), None),
    ],
    ids=["honest", "at the limits", "not a number", "outside", "constant", "constant shares", "shares"],
)
def test_answers_that_cannot_be_a_models_are_insane(answers: Any, limits: tuple[float, float] | None, said: str | None) -> None:
    assert describe_implausible(np.asarray(answers), limits) == said


def test_more_rows_than_can_be_told_are_cut() -> None:
    assert describe_not_finite(np.full(9, math.nan)) == "9 of 9 answers are not finite numbers, rows 0, 1, 2, 3, 4 and others."


def test_a_reference_dataset_of_one_value_or_one_group_can_judge_nothing() -> None:
    assert describe_too_few([1.0, 2.0], 2, "score") is None
    assert describe_too_few([1.0, 1.0], 2, "score") == "it has 2 rows with 1 different values of score; at least 2 are needed"
    assert describe_too_few([1.0, 2.0], 1, "score") == "all its rows are of one group; at least 2 groups are needed"


# --- slices and the chain


def test_p_values_grow_with_how_many_are_looked_at_and_keep_their_order() -> None:
    assert holm([]) == []
    assert holm([0.03]) == [0.03]
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@pytest.mark.parametrize(
    ("mean", "error", "freedom", "p"),
    [(0, 1, 10, 0.5), (1.812, 1, 10, 0.05), (-1.812, 1, 10, 0.95), (1, 0, 10, 0), (0, 0, 10, 1), (1, 1, 0, 1)],
)
def test_a_tail_is_students(mean: float, error: float, freedom: int, p: float) -> None:
    assert compute_p_value(mean, error, freedom) == pytest.approx(p, abs=1e-4)


def test_many_groups_are_put_together_and_keep_their_spread() -> None:
    values = np.random.default_rng(0).normal(1.0, 2.0, 40_000)
    found, error = bootstrap_mean(values, None, 0.95, 1000, 0), 2.0 / np.sqrt(40_000)
    assert (found.groups, found.rows) == (40_000, 40_000)
    assert (found.high - found.mean) / error == pytest.approx(1.645, rel=0.1)


def cut(name: str, mean: float, p: float, rows: int = 1000, groups: int = 100) -> Slice:
    """Return a slice with a margin of 1."""
    return Slice(name, Interval(mean, mean - 1, mean + 1, p, rows, groups), 1.0)


def test_a_slice_with_too_few_rows_or_groups_is_not_judged_and_does_not_count() -> None:
    found = adjust_slices([cut("a", 2, 0.03), cut("b", 2, 0.001, rows=99), cut("c", 2, 0.001, groups=9)], min_rows=100, min_groups=10)
    assert [each.p for each in found] == [0.03, None, None]


def test_a_slice_fails_only_when_it_is_surely_worse_and_beyond_its_margin() -> None:
    slices = adjust_slices(
        [cut("sure", 2, 0.001), cut("inside", 0.9, 0.001), cut("unsure", 2, 0.06), cut("few", 2, 0.0001, rows=5)], 100, 10
    )
    found = describe_regressions(slices, 0.95)
    assert list(found) == ["sure"]
    assert found["sure"] == (
        "sure: loss minus that of the champion +2 (from +1 to +3), worse (p 0.003 after Holm) and beyond the margin of 1 there."
    )


@pytest.mark.parametrize(
    ("gap", "outcome"),
    [(0, None), (0.5, None), (0.95, Outcome.PASS), (1.5, Outcome.FAIL), (3, Outcome.FAIL)],
    ids=["is the best", "inside", "said", "not surely inside two margins", "beyond two margins"],
)
def test_small_losses_add_up(gap: float, outcome: Outcome | None) -> None:
    found = describe_creep(harm(-0.3, 0.1, 0.6), gap, 1.0)
    assert (found and found[0]) == outcome


# --- rules

WHOLE = """margin_fraction = 0.05
confidence = 0.95
resamples = 200
leak = 0.9
[floors.score]
max = 1
[slices]
min_rows = 100
min_groups = 10
"""


def test_rules_are_read(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.toml"
    path.write_text(WHOLE, encoding="utf-8")
    assert rules.load_thresholds(path).floors == {"score": Floor(max=1)}


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
        ("max = 1", "max = ", "line 6"),
        ("min_rows = 100", "min_rows = 1", "slices.min_rows\n  Input should be greater than or equal to 2"),
        ("leak = 0.9", "leak = 2", "leak\n  Input should be less than or equal to 1"),
        (
            "[slices]",
            "[freshness]\ncolumn = 'day'\nmax_days = -1\n[slices]",
            "freshness.max_days\n  Input should be greater than or equal to 0",
        ),
    ],
)
def test_an_error_in_the_rules_is_named_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "thresholds.toml"
    path.write_text(WHOLE.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(said)):
        rules.load_thresholds(path)


# --- report


def judgement(verdict: Outcome, champion: report.Side | None) -> report.Judgement:
    """Return a judgement with a reason."""
    return report.Judgement(
        verdict=verdict,
        exit_code=verdict.exit_code,
        reasons=["Because."],
        candidate=report.Side(tag="commit abc", digest="none", manifest_sha256="c" * 64, loss=1.23456, metrics={"score": 0.5}),
        champion=champion,
        trivial_loss=9.87654,
        harm=None,
        reference_sha256="e" * 64,
        thresholds_sha256="f" * 64,
        expectations_sha256="a" * 64,
        data=report.Data(expectations=3, findings=[], overlap=[]),
        rules="this checkout",
        task="regression",
        seed=1,
        at="2026-01-01T00:00:00+00:00",
    )


@pytest.mark.parametrize("verdict", list(Outcome))
def test_the_report_begins_with_the_verdict_and_ends_with_what_to_do(verdict: Outcome) -> None:
    lines = report.format_markdown(judgement(verdict, None)).splitlines()
    assert lines[:3] == [f"## Gate: {verdict.value}", "", "- Because."]
    assert lines[-1] == report.NEXT[verdict]


def test_the_report_of_a_first_release_has_no_champion() -> None:
    text = report.format_markdown(judgement(Outcome.PASS, None))
    assert "commit abc (cccccccccccc) against a trivial model (first release), on the reference dataset eeeeeeeeeeee, by" in text
    assert "| loss | 1.235 | – |\n| score | 0.5 | – |\n| loss of a trivial model | 9.877 | |" in text


def test_the_report_holds_both_sides_beside_each_other_and_a_dash_where_there_is_no_figure() -> None:
    champion = report.Side(tag="v1", digest="sha256:" + "d" * 64, manifest_sha256="b" * 64, loss=None, metrics={"score": 0.25})
    text = report.format_markdown(judgement(Outcome.FAIL, champion))
    assert "against v1 (sha256:dddddddddddd)" in text
    assert "| loss | 1.235 | – |\n| score | 0.5 | 0.25 |" in text


def test_the_report_lists_slices_notes_and_the_release() -> None:
    part = report.Slice(name="a|b", mean=1, low=0.5, high=1.5, margin=0.4, rows=200, groups=20, p=0.01, failed=True)
    few = part.model_copy(update={"name": "c", "p": None, "failed": False})
    image = report.Image(golden_difference=0, p99_ms=12.3, size_mb=456.7, answered="a graph", failures=[])
    text = report.format_markdown(
        judgement(Outcome.FAIL, None).model_copy(update={"slices": [part, few], "notes": ["Look."], "image": image})
    )
    assert "| a\\|b | 200 | +1 (+0.5 to +1.5) | 0.4 | **worse** |" in text
    assert "| c | 200 | +1 (+0.5 to +1.5) | 0.4 | not judged: too few |" in text
    assert "\n> Look.\n" in text
    assert "The release has 457 MB; 99 of 100 requests took up to 12.3 ms. It is answered by a graph." in text


def test_the_report_stays_short_whatever_there_is_to_say() -> None:
    text = report.format_markdown(judgement(Outcome.FAIL, None).model_copy(update={"reasons": ["x" * 300] * 1000}))
    assert "- … and 970 more, in gate.json" in text
    assert len(text) < 20_000


def test_what_is_refused_later_is_fail_for_that() -> None:
    later = report.add_failures(judgement(Outcome.PASS, None), ["Slow."])
    assert (later.verdict, later.exit_code, later.reasons) == (Outcome.FAIL, 1, ["Slow."])


def test_a_judgement_is_read_as_it_was_written_and_nothing_else() -> None:
    written = judgement(Outcome.INCONCLUSIVE, None)
    assert report.Judgement.model_validate_json(written.model_dump_json()) == written
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        report.Judgement.model_validate({**written.model_dump(), "verdikt": "PASS"})


# --- expectations


@pytest.mark.parametrize("name", ["data/train.csv", "validation/reference.csv"])
def test_the_data_is_what_the_suite_describes(name: str) -> None:
    assert expectations.check(dataset.read(ROOT / name), ROOT / "validation" / "expectations.json").findings == []


TABLE = pd.DataFrame({"size": np.linspace(0, 1, 40), "town": ["a", "b"] * 20, "number": range(40), "day": "2026-01-31"})
EXPECTED = [
    {"type": "expect_table_columns_to_match_set", "kwargs": {"column_set": ["size", "town", "number"], "exact_match": False}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "size", "min_value": 0, "max_value": 1}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "town"}},
    {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["town", "number"]}},
]


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Expectations that hold of a table."""
    path = tmp_path / "expectations.json"
    path.write_text(json.dumps({"name": "rows", "expectations": EXPECTED}), encoding="utf-8")
    assert expectations.check(TABLE, path).findings == []
    return path


def found(frame: pd.DataFrame, suite: Path) -> dict[tuple[str, str], Finding]:
    """Check a frame; returns the findings by kind and column."""
    return {(each.expectation.split(" ")[0], each.column): each for each in expectations.check(frame, suite).findings}


def test_a_dropped_column_is_missed(suite: Path) -> None:
    findings = found(TABLE.drop(columns="number"), suite)
    assert findings["expect_table_columns_to_match_set", ""].observed == "missing: number"


def test_a_dropped_column_is_missed_by_its_own_expectations(suite: Path) -> None:
    findings = found(TABLE.drop(columns="size"), suite)
    assert findings["expect_column_values_to_be_between", "size"].observed == "there is no such column"


def test_another_unit_is_noticed_in_every_row(suite: Path) -> None:
    finding = found(TABLE.assign(size=TABLE["size"] + 32.5), suite)["expect_column_values_to_be_between", "size"]
    assert finding.observed.startswith("40 of 40 rows, such as 32.5, ")
    assert finding.rows == [0, 1, 2, 3, 4]
    assert '"max_value"' in finding.expectation


def test_repeated_rows_are_noticed(suite: Path) -> None:
    repeated = pd.concat([TABLE, TABLE.tail(1)], ignore_index=True)
    assert found(repeated, suite)["expect_compound_columns_to_be_unique", ""].rows == [39, 40]


def test_a_missing_value_is_noticed_at_its_row(suite: Path) -> None:
    finding = found(TABLE.assign(town=TABLE["town"].where(TABLE.index != 3)), suite)["expect_column_values_to_not_be_null", "town"]
    assert finding.rows == [3]
    assert finding.observed.startswith("1 of 40 rows, such as ")


def test_rows_that_are_too_old_are_noticed(suite: Path) -> None:
    limit = rules.Freshness(column="day", max_days=30)
    [finding] = expectations.check(TABLE.assign(day="2001-01-01"), suite, limit).findings
    assert (finding.column, finding.observed) == ("day", "2001-01-01")
    assert expectations.check(TABLE.assign(day=date.today().isoformat()), suite, limit).findings == []


def test_data_docs_are_a_page_that_names_what_does_not_hold(suite: Path) -> None:
    text = expectations.check(TABLE.drop(columns="size"), suite).page()
    assert "<html" in text
    assert "size" in text


# --- slices of the data


def test_each_row_is_in_one_slice_of_each_column() -> None:
    reference = dataset.read(ROOT / "validation" / "reference.csv")
    found = comparison.mask_slices(reference)
    for column in features.SLICES:
        mine = [mask for name, mask in found.items() if f" {column} " in f" {name} "]
        assert (np.sum(mine, axis=0) == 1).all()


def test_a_column_is_cut_before_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "SLICES", {"size": (1.5, 3)})
    found = comparison.mask_slices(pd.DataFrame({"size": [1.0, 1.5, 2.0, 3.0, math.nan]}))
    assert {name: mask.nonzero()[0].tolist() for name, mask in found.items()} == {
        "size < 1.5": [0],
        "1.5 <= size < 3": [1, 2],
        "3 <= size": [3],
        "size missing": [4],
    }


# --- leaks


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """A table of another model: two features, of which one is the target in disguise, a target, and a group."""
    names = {"list_inputs": ["noise", "disguise"], "list_columns": ["noise", "disguise", "target", "place"]}
    for name, columns in names.items():
        monkeypatch.setattr(dataset, name, lambda columns=columns: columns)
    monkeypatch.setattr(features, "TARGET", "target")
    random = np.random.default_rng(0)
    target = random.integers(0, 5, 300)
    return pd.DataFrame({"noise": random.normal(size=300), "disguise": target * 2, "target": target, "place": ["a", None, "b"] * 100})


def test_rows_of_the_reference_that_were_learnt_from_are_found(own: pd.DataFrame) -> None:
    assert dataset.find_overlap(own.tail(50), own.head(50)) == []
    learnt = pd.concat([own.iloc[[3, 7]], own.tail(50)])
    assert dataset.find_overlap(learnt, own.head(50)) == [3, 7]


def test_a_row_is_the_same_whatever_its_type(own: pd.DataFrame) -> None:
    assert dataset.find_overlap(own.head(5).astype({"disguise": float, "target": float}), own) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("task", "labels"), [("regression", None), ("multiclass", "abcde"), ("multiclass", range(5))], ids=str)
def test_a_feature_that_is_the_target_is_found(own: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, task: str, labels: Any) -> None:
    monkeypatch.setattr(features, "TASK", task)
    rows = own.assign(**{name: own[name].map(lambda value: labels[value % 5]) for name in ("disguise", "target")}) if labels else own
    [told] = dataset.find_disguised(rows, 0.98)
    assert told.startswith("disguise alone explains ")


# --- behaviour


def declared(**case: Any) -> list[Any]:
    """Read a case with a row of the reference dataset's first."""
    return behaviour.read_cases([{"name": "so", "rows": [ROW], **case}])


ROW = records(dataset.read(ROOT / "validation" / "reference.csv")[COLUMNS].head(1))[0]
CHANGE = {COLUMNS[0]: ROW[COLUMNS[0]]}


@pytest.mark.parametrize(
    ("case", "answers", "holds"),
    [
        ({"kind": "minimum", "at_least": 1, "at_most": 2}, [1.0], True),
        ({"kind": "minimum", "at_least": 1, "at_most": 2}, [2.1], False),
        ({"kind": "minimum", "at_most": 2}, [-9.0], True),
        ({"kind": "invariance", "change": CHANGE, "within": 0.5}, [1.0, 1.5], True),
        ({"kind": "invariance", "change": CHANGE, "within": 0.5}, [1.0, 0.4], False),
        ({"kind": "direction", "change": CHANGE, "expect": "higher"}, [1.0, 1.0], True),
        ({"kind": "direction", "change": CHANGE, "expect": "higher"}, [1.0, 0.9], False),
        ({"kind": "direction", "change": CHANGE, "expect": "lower", "by": 1}, [1.0, 0.1], False),
        ({"kind": "direction", "change": CHANGE, "expect": "lower", "by": 1}, [1.0, -0.1], True),
    ],
)
def test_a_case_holds_or_not(case: dict[str, Any], answers: list[float], holds: bool) -> None:
    cases = declared(**case)
    assert len(cases[0].list_rows()) == len(answers)
    [found] = behaviour.judge_cases(cases, np.asarray(answers), None)
    assert found.holds == holds
    assert found.told == "1 of 1 hold" if holds else f"is answered {answers[0]:g}" in found.told


def test_a_case_of_more_classes_names_the_one_it_means() -> None:
    cases = declared(kind="minimum", at_least=0.5, label="b")
    [found] = behaviour.judge_cases(cases, np.asarray([[0.3, 0.7]]), ["a", "b"])
    assert found.holds


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ({"kind": "maximum"}, "does not match any of the expected tags"),
        ({"kind": "invariance", "within": 1}, "change\n  Field required"),
        ({"kind": "minimum", "rows": []}, "at least 1 item"),
        ({"kind": "minimum", "atleast": 1}, "Extra inputs are not permitted"),
    ],
)
def test_an_error_in_the_declared_behaviour_is_named(case: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        declared(**case)


def test_the_declared_behaviour_can_be_asked() -> None:
    from model import behaviour as owners

    assert all(case.list_rows() for case in behaviour.read_cases(owners.CASES))
