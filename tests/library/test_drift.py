"""What was asked against what was learnt from: the figures, the verdict, and `./run drift` on files and on what Prometheus says."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from model import data, features
from slipway import http_client
from slipway.bundle import serveable
from slipway.cli import ROOT
from slipway.errors import PipelineError
from slipway.gate import drift_scores as drift
from slipway.gate import markup
from slipway.operate.process import free_port
from slipway.watch import drift as verb
from slipway.watch import drift_report
from slipway.watch.drift import Prometheus
from slipway.watch.drift_report import PREDICTIONS, BinCounts, DriftVerdict
from tests.conftest import Road
from tests.library.test_issues import GitHub

HALVES = np.array([0.5, 0.5])


# --- the figures


def test_psi_is_what_its_formula_says_and_an_empty_bin_has_a_small_share() -> None:
    assert drift.compute_psi(np.array([0.65, 0.35]), HALVES) == pytest.approx(0.15 * np.log(0.65 / 0.35))
    assert drift.compute_psi(np.array([1.0, 0.0]), HALVES) == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(0.5 / drift.EMPTY))
    assert drift.compute_psi(np.array([HALVES, [0.65, 0.35]]), HALVES)[0] == 0


@pytest.mark.parametrize("bins", [2, 3, 10, 14, 52])
def test_the_quantile_of_chi_square_is_near_the_exact_one_and_rather_above(bins: int) -> None:
    found = drift.compute_chance(np.full(bins, 1 / bins), 500, 10_000)
    assert 0.99 < found / (chi2.ppf(0.99999, bins - 1) * (1 / 500 + 1 / 10_000)) < 1.12


def test_of_samples_of_one_distribution_one_in_a_thousand_is_beyond_chance() -> None:
    random = np.random.default_rng(0)
    tenths = np.full(10, 0.1)
    draws = random.multinomial(2000, tenths, size=20_000) / 2000
    beyond = drift.compute_psi(draws, tenths) > drift.compute_chance(tenths, 2000, np.inf, sure=3.0902)
    assert beyond.mean() == pytest.approx(0.001, abs=0.0009)


def test_the_threshold_is_the_largest_of_chance_what_matters_and_what_is_usual() -> None:
    few, many = np.array([150.0, 150.0]), np.array([1e6, 1e6])
    assert drift.score_window(few / 3, HALVES, 1e6, 0).threshold == drift.compute_chance(HALVES, 100, 1e6) > drift.FLOOR
    assert drift.score_window(many, HALVES, 1e6, 0).threshold == drift.FLOOR
    assert drift.score_window(many, HALVES, 1e6, 0.2).threshold == pytest.approx(0.22)


def test_what_parts_of_the_training_data_do_is_usual_unless_it_may_be_chance() -> None:
    season, chance = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([[0.51, 0.49], [0.49, 0.51]])
    assert drift.compute_usual(season, HALVES, 100) == pytest.approx(float(drift.compute_psi(season[0], HALVES)))
    assert drift.compute_usual(np.array([[1.0, 0.0], [0.0, 1.0]]), HALVES, 100) == pytest.approx(
        float(drift.compute_psi(np.array([1.0, 0.0]), HALVES))
    )
    assert drift.compute_usual(chance, HALVES, 100) == 0


def test_seasons_of_the_training_data_are_usual_and_what_comes_at_random_is_not() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=3000)
    assert serveable.cut_bins(values, ()).usual == 0
    assert serveable.cut_bins(np.sort(values), ()).usual > 1
    assert serveable.cut_bins(values[:1], ()).usual == 0


def week(first: float, rows: int) -> drift.Window:
    """Return a window of which a share is in the first of two halves."""
    return drift.score_window(np.array([first, 1 - first]) * rows, HALVES, 1e6, 0)


@pytest.mark.parametrize(
    ("seven", "one", "drifted"),
    [
        ((0.7, 1000), (0.7, 1000), True),
        ((0.7, 1000), (0.5, 1000), False),
        ((0.5, 1000), (0.7, 1000), False),
        ((0.7, 1000), (0.5, 100), True),
        ((0.7, 199), (0.7, 199), False),
        ((0.7, 0), (0.7, 0), False),
    ],
    ids=["both", "over", "just now", "the last day says nothing", "too few", "none"],
)
def test_a_week_has_drifted_when_its_last_day_does_not_say_no(seven: tuple[float, int], one: tuple[float, int], drifted: bool) -> None:
    assert bool(drift.has_drifted(week(*seven), week(*one))) is drifted


# --- the report


def feature(name: str, first: float, rows: int = 1000, day: bool = True) -> BinCounts:
    """Return what was counted of a feature of two halves."""
    rows_by_bin = np.array([first, 1 - first]) * rows
    return BinCounts(name, ["a", "<b>"], HALVES, 0.0, rows_by_bin, rows_by_bin / 2 if day else None)


def test_the_report_ranks_and_says_what_changed_most() -> None:
    said = drift_report.judge_drift("v1.0.0", "a test", "now", [feature("calm", 0.5), feature("wild", 0.8)], 5000)
    assert [(each.name, each.verdict) for each in said.findings] == [("wild", DriftVerdict.DRIFT), ("calm", DriftVerdict.NO_DRIFT)]
    assert said.verdict is DriftVerdict.DRIFT
    assert said.findings[0].changes == "a 50.0% → 80.0%, <b> 50.0% → 20.0%"
    assert "| wild | DRIFT | 1000 | 0.416 | 0.050 | 500 rows, PSI 0.416 of 0.050 |" in re.sub(" +", " ", drift_report.format_markdown(said))


@pytest.mark.parametrize(
    ("rows", "first", "verdict"),
    [(100, 0.9, DriftVerdict.TOO_FEW), (1000, 0.5, DriftVerdict.NO_DRIFT), (1000, 0.9, DriftVerdict.DRIFT)],
    ids=str,
)
def test_each_verdict_has_its_page_with_what_to_do(rows: int, first: float, verdict: DriftVerdict) -> None:
    said = drift_report.judge_drift("<v1>", "a test", "now", [feature("x", first, rows, day=False)], 5000)
    page = drift_report.format_page(said)
    assert said.verdict is verdict
    assert verdict.value in page
    assert "<v1>" not in page
    assert "<b>" not in re.sub(r'<b class="\w+">', "", page).replace("</b>", "")
    assert page.count("<rect") == 4
    assert drift_report.NEXT[verdict].split("`")[0] in page


def test_a_release_that_has_not_been_asked_for_a_week_is_not_judged() -> None:
    said = drift_report.judge_drift("v1.0.0", "a test", "now", [feature("calm", 0.5), feature("wild", 0.8)], 5000, settled=False)
    assert [each.verdict for each in said.findings] == [DriftVerdict.TOO_EARLY, DriftVerdict.NO_DRIFT]
    assert said.verdict is DriftVerdict.TOO_EARLY
    assert "TOO EARLY" in drift_report.format_page(said)


def test_bars_are_as_high_as_their_shares() -> None:
    drawn = markup.draw_pairs(["a", "b"], [0.5, 0.25], [0.0, 1.0], "x")
    assert re.findall(r' height="([\d.]+)"/>', drawn) == ["70.0", "0.0", "35.0", "140.0"]


# --- what was counted

BEFORE = """# TYPE ml_input_bin_total counter
ml_input_bin_total{bin="a",feature="x"} 5.0
ml_input_bin_total{bin="b",feature="x"} 1.0
ml_prediction_bin_total{bin="q0"} 6.0
ml_reference_share{bin="a",feature="x"} 0.25
ml_reference_share{bin="b",feature="x"} 0.75
ml_prediction_reference_share{bin="q0"} 1.0
ml_reference_psi{feature="x"} 0.5
ml_prediction_reference_psi 0.125
ml_reference_rows 400.0
"""


def test_a_service_counts_what_it_was_asked_between_two_looks() -> None:
    after = BEFORE.replace('feature="x"} 5.0', 'feature="x"} 25.0').replace('"q0"} 6.0', '"q0"} 26.0')
    (x, predictions), rows = verb.count_between(BEFORE, after)
    assert (x.name, x.bins, x.reference.tolist(), x.usual, x.week.tolist(), x.day) == ("x", ["a", "b"], [0.25, 0.75], 0.5, [20, 0], None)
    assert (predictions.name, predictions.usual, predictions.week.tolist(), rows) == (PREDICTIONS, 0.125, [20], 400)


def result(value: float, **labels: str) -> dict[str, Any]:
    """Return a series as Prometheus does."""
    return {"metric": labels, "value": [0, str(value)]}


ANSWERS = {
    "release_recorded": [result(1, release="v1")],
    "ml_input_bin_total": [result(300, feature="x", bin="a")],
    "ml_prediction_bin_total": [result(300, bin="q0")],
    "ml_reference_share": [result(0.25, feature="x", bin="a"), result(0.75, feature="x", bin="b")],
    "ml_prediction_reference_share": [result(1, bin="q0")],
    "ml_reference_psi": [result(0.5, feature="x")],
    "ml_prediction_reference_psi": [],
    "ml_reference_rows": [result(400)],
}


def prometheus(monkeypatch: pytest.MonkeyPatch, answers: dict[str, list[Any]] = ANSWERS, **said: Any) -> None:
    """Have each query answered by the first metric that it names."""

    def request(method: str, _: str, timeout: float, data: dict[str, str]) -> httpx.Response:
        assert (method, timeout > 0) == ("POST", True)
        names = re.findall(r"ml_\w+|release_recorded", data["query"])
        return httpx.Response(200, json=said or {"status": "success", "data": {"result": answers[names[0]]}})

    monkeypatch.setattr(http_client, "send_request", request)


def test_prometheus_is_asked_for_both_windows_of_the_live_release(monkeypatch: pytest.MonkeyPatch) -> None:
    prometheus(monkeypatch)
    server = Prometheus("http://prometheus.invalid/")
    (x, predictions), rows = server.count(server.find_live())
    assert (x.week.tolist(), x.day is not None and x.day.tolist(), x.usual) == ([300, 0], [300, 0], 0.5)
    assert (predictions.week.tolist(), predictions.usual, rows) == ([300], 0, 400)
    assert server.is_settled("v1")


# --- the issue


def update_issue(first: float, rows: int = 1000) -> None:
    """Update the issue for a feature with a share of its rows in the first of two bins."""
    verb.update_issue(drift_report.judge_drift("v1.0.0", "a test", "now", [feature("x", first, rows)], 5000))


def test_drift_opens_one_issue_updates_it_and_closes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    there = GitHub.reached(monkeypatch)
    update_issue(0.5)
    assert there.issues == []
    update_issue(0.8)
    update_issue(0.9)
    update_issue(0.5, rows=10)  # too few to tell
    [issue] = there.issues
    assert (issue["title"], issue["labels"], issue["state"]) == ("Drift: x, since v1.0.0 was trained", ["drift"], "open")
    assert (there.comments, "PSI" in issue["body"]) == ([], True)
    update_issue(0.5)
    assert [each["state"] for each in there.issues] == ["closed"]
    assert there.comments[0].startswith("This is resolved: no drift\n\n## ")


def test_an_issue_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
    with pytest.raises(PipelineError, match="The issue could not be written: KeyError"):
        verb.update_issue(drift_report.judge_drift("v1.0.0", "a test", "now", [feature("x", 0.5)], 5000))


# --- the verb


LOADERS: dict[str, Any] = {
    "one column": lambda path: pd.read_csv(path)[features.TARGET],
    "several columns": lambda path: pd.read_csv(path)[["other", features.TARGET]],
    "its own rows": lambda path: pd.read_csv(path).dropna(subset=[features.TARGET]),
    "an attribute": lambda path: getattr(pd.read_csv(path), features.TARGET),
    "a type": lambda path: pd.read_csv(path).astype({features.TARGET: str}),
    "the columns to read": lambda path: pd.read_csv(path, usecols=["other", features.TARGET]),
    "a time": lambda path: pd.read_csv(path, parse_dates=[features.TARGET]),
}


@pytest.mark.parametrize("loader", LOADERS)
def test_a_loader_that_wants_the_target_is_told_with_what_to_do(loader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", LOADERS[loader])
    (tmp_path / "asked.csv").write_text("other\n1\n", encoding="utf-8")
    with pytest.raises(PipelineError, match=rf"load in model/data\.py wants the column {features.TARGET}, .*Next: let it do without"):
        verb.read_requests(tmp_path / "asked.csv")


def test_a_file_of_rows_that_is_not_there_is_no_fault_of_the_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", pd.read_csv)
    path = tmp_path / f"{features.TARGET}.csv"
    with pytest.raises(PipelineError, match=r"cannot be loaded: there is no such file"):
        verb.read_requests(path)


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Road:
    """A project with a bundle."""
    road = Road.copied(tmp_path_factory.mktemp("drift") / "project")
    road.must("train")
    return road


@pytest.fixture
def rows(road: Road) -> pd.DataFrame:
    """The training data, from which samples are as it is."""
    return pd.read_csv(road.root / "data" / "train.csv")


def asked(road: Road, rows: pd.DataFrame, *words: str) -> tuple[int, str, dict[str, Any]]:
    """Ask with a file of rows; returns exit code, what was said, and the report."""
    path = road.root.parent / "asked.csv"
    rows.drop(columns=features.TARGET).to_csv(path, index=False)
    said = road.run("drift", str(path), "--release", str(road.root / "build" / "bundle"), *words)
    report: dict[str, Any] = json.loads((road.root / "build" / "drift" / "drift.json").read_bytes())
    return said.code, said.text, report


def test_what_was_learnt_from_has_not_drifted(road: Road, rows: pd.DataFrame) -> None:
    code, said, report = asked(road, rows.sample(2000, replace=True, random_state=0), "--all-seasons")
    assert (code, report["verdict"]) == (0, "NO DRIFT")
    watched = json.loads((road.root / "build" / "bundle" / "bins.json").read_bytes())["features"]
    assert {each["name"] for each in report["findings"]} == {*watched, PREDICTIONS}
    assert {each["week"]["rows"] for each in report["findings"]} == {2000}
    assert "Next: Nothing." in said


def test_values_that_moved_are_named_on_page_and_in_text(road: Road, rows: pd.DataFrame) -> None:
    name = next(name for name in features.Row.model_fields if pd.api.types.is_numeric_dtype(rows[name]) and rows[name].nunique() > 2)
    moved = rows.sample(2000, replace=True, random_state=0).assign(**{name: rows[name].max()})
    code, said, report = asked(road, moved, "--all-seasons")
    assert (code, report["verdict"], report["findings"][0]["name"]) == (9, "DRIFT", name)
    assert "drifted from the training data of commit" in said
    assert f"✗ {name}" in (road.root / "build" / "drift" / "drift.html").read_text(encoding="utf-8")


def test_a_few_rows_say_nothing(road: Road, rows: pd.DataFrame) -> None:
    code, said, report = asked(road, rows.head(150))
    assert (code, report["verdict"]) == (0, "TOO FEW ROWS")
    assert f"Wait until there are {drift.FEWEST} rows" in said


def test_what_prometheus_counted_is_reported(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    prometheus(monkeypatch)
    said = road.run("drift", "--prometheus", "http://prometheus.invalid")
    assert said.code == 9
    assert "| x | DRIFT | 300 |" in said.text
    assert "x: drifted from the training data of v1" in said.text


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({**ANSWERS, "release_recorded": []}, "has found no release that answers"),
        ({**ANSWERS, "ml_reference_rows": []}, "has no metrics of release 'v1'"),
    ],
    ids=["nothing answers", "no such release"],
)
def test_what_prometheus_does_not_know_is_told(road: Road, monkeypatch: pytest.MonkeyPatch, answers: Any, told: str) -> None:
    prometheus(monkeypatch, answers)
    said = road.run("drift", "--prometheus", "http://prometheus.invalid")
    assert (said.code, told in said.text, "Next: open http://prometheus.invalid/targets" in said.text) == (2, True, True)


def test_a_release_of_yesterday_has_not_drifted_yet(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    prometheus(monkeypatch)
    monkeypatch.setattr(Prometheus, "is_settled", lambda *_: False)
    said = road.run("drift", "--prometheus", "http://prometheus.invalid")
    assert (said.code, "| x | TOO EARLY | 300 |" in re.sub(" +", " ", said.text)) == (0, True)


def test_a_query_that_is_refused_is_told(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    prometheus(monkeypatch, status="error", error="too many samples")
    said = road.run("drift", "--prometheus", "http://prometheus.invalid")
    assert (said.code, "too many samples" in said.text) == (2, True)


def test_where_no_prometheus_answers_the_next_step_is_told(road: Road) -> None:
    said = road.run("drift", "--prometheus", f"http://127.0.0.1:{free_port()}")
    assert (said.code, "./run up starts it" in said.text) == (2, True)


def test_in_a_workflow_an_issue_takes_the_place_of_the_exit_code(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_URL", raising=False)
    said = road.run("drift", "--issue")
    assert (said.code, said.out.startswith("skipped: set the variable PROMETHEUS_URL")) == (0, True)
    prometheus(monkeypatch)
    monkeypatch.setenv("PROMETHEUS_URL", "http://prometheus.invalid")
    updated: list[Any] = []
    monkeypatch.setattr(verb, "update_issue", updated.append)
    assert road.run("drift", "--issue").code == 0
    assert [each.verdict for each in updated] == [DriftVerdict.DRIFT]


def test_a_file_that_cannot_be_read_is_told(road: Road, tmp_path: Path) -> None:
    said = road.run("drift", str(tmp_path / "none.csv"))
    assert (said.code, "none.csv cannot be loaded: there is no such file" in said.text) == (2, True)


def test_without_a_live_release_the_next_step_is_told(road: Road) -> None:
    said = road.run("drift", str(ROOT / "validation" / "reference.csv"))
    assert (said.code, "No release is live" in said.text) == (2, True)
