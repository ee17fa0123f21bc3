"""When the truth is known: the verdict on the live release beside those before it, and `./run outcomes`."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model import features
from slipway import rules
from slipway.gate.comparison import Sides
from slipway.project import load
from slipway.report import Outcome
from slipway.watch import outcomes
from slipway.watch.outcomes import OutcomesReport
from tests.conftest import Road

pytestmark = pytest.mark.road

ROOT = Path(__file__).resolve().parents[2]
ROWS = 400


def said(live: float, prior: float, rows: int = ROWS) -> OutcomesReport:
    """Judge answers that are off by so much, where the truth is about 0 or 100 and a trivial model says 50."""
    random = np.random.default_rng(0)
    truth = random.choice([0.0, 100.0], rows)
    frame = pd.DataFrame({features.TARGET: truth, **({features.GROUP: np.arange(rows) // 4} if features.GROUP else {})})
    answers = {name: truth + random.normal(off, 1, rows) for name, off in {"live": live, "prior": prior}.items()}
    sides = Sides(frame, answers["live"], None, np.full(rows, 50.0))
    return outcomes.judge_outcomes(
        "v2", answers["live"], {"v1": answers["prior"]}, sides, rules.load_rules(load(ROOT)).thresholds, "a file", "now"
    )


@pytest.mark.parametrize(
    ("live", "prior", "verdict"),
    [(5, 6, Outcome.PASS), (30, 5, Outcome.FAIL), (60, 70, Outcome.FAIL), (5, 5, Outcome.PASS)],
    ids=["better", "worse than the prior", "worse than a trivial model", "alike"],
)
def test_the_worst_of_the_verdicts_is_that_of_all(live: float, prior: float, verdict: Outcome) -> None:
    found = said(live, prior)
    assert (found.verdict, found.exit_code) == (verdict, verdict.exit_code)
    assert [each.name for each in found.rivals] == ["v1", outcomes.TRIVIAL]
    assert all(each.harm.low <= each.harm.mean <= each.harm.high for each in found.rivals)


def test_too_few_rows_cannot_tell() -> None:
    random = np.random.default_rng(1)
    truth = np.array([0.0, 100.0] * 4)
    frame = pd.DataFrame({features.TARGET: truth, **({features.GROUP: range(8)} if features.GROUP else {})})
    answers, before = random.normal(50, 60, 8), random.normal(50, 60, 8)
    sides = Sides(frame, answers, None, np.full(8, 50.0))
    found = outcomes.judge_outcomes("v2", answers, {"v1": before}, sides, rules.load_rules(load(ROOT)).thresholds, "a file", "now")
    assert found.verdict in (Outcome.INCONCLUSIVE, Outcome.FAIL)
    assert Outcome.INCONCLUSIVE in {each.verdict for each in found.rivals}


@pytest.mark.parametrize(("live", "verdict"), [(5, Outcome.PASS), (30, Outcome.FAIL)], ids=["PASS", "FAIL"])
def test_page_and_text_say_verdict_reasons_and_what_to_do(live: float, verdict: Outcome) -> None:
    found = said(live, 5)
    text, page = outcomes.format_markdown(found), outcomes.format_page(found)
    for each in found.rivals:
        assert each.reason in text
    assert page.count("<circle") + page.count("▶") >= 2
    assert f" {verdict.value}" in page
    assert outcomes.NEXT[verdict].split("`")[0] in page
    assert outcomes.NEXT[verdict] in text


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Road:
    """Two releases on the target local, the second one live."""
    road = Road.copied(tmp_path_factory.mktemp("outcomes") / "project")
    for tag in ("v1.0.0", "v1.1.0"):
        road.make(tag)
        road.store(tag)
    return road


@pytest.fixture
def standing(road: Road) -> Road:
    """The road with both deployed; stopped afterwards by the last test that needs it."""
    road.stand("v1.0.0", "v1.1.0")
    return road


def test_both_releases_are_scored_each_by_its_own_code(standing: Road) -> None:
    try:
        said = standing.run("outcomes", str(standing.root / "validation" / "reference.csv"))
        found = json.loads((standing.root / "build" / "outcomes" / "outcomes.json").read_bytes())
        assert (said.code, found["verdict"], found["release"]) == (0, "PASS", "v1.1.0")
        assert [each["name"] for each in found["rivals"]] == ["v1.0.0", outcomes.TRIVIAL]
        assert (standing.root / "build" / "outcomes" / "outcomes.html").is_file()
        assert "Next: Nothing: the live release is still the right one." in said.text
    finally:
        standing.stop()


def test_what_cannot_be_judged_is_told(road: Road, tmp_path: Path) -> None:
    rows = pd.read_csv(road.root / "validation" / "reference.csv")
    path = tmp_path / "rows.csv"
    rows.drop(columns=features.TARGET).to_csv(path, index=False)
    assert f"has no {features.TARGET}. Expected: the features, and what was true" in road.run("outcomes", str(path)).text
    rows.assign(**{features.TARGET: 1}).to_csv(path, index=False)
    assert "can judge nothing" in road.run("outcomes", str(path)).text
    assert "cannot be loaded" in road.run("outcomes", str(tmp_path / "none.csv")).text
    rows.to_csv(path, index=False)
    said = road.run("outcomes", str(path))
    assert (said.code, "No release is live to be judged." in said.text) == (2, True)
