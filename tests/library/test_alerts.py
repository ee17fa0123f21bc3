"""Each alert is seen to fire, and to stay silent just below, with too little to say, and right after a deploy or a rollback."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from slipway.gate import drift_scores as drift

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "infra" / "watch" / "rules"
PAGE = ROOT / "docs" / "monitoring.md"
IMAGE = "prom/prometheus:latest"
OLD, NEW = "v1.0.0", "v1.1.0"
Series = dict[str, str]
Part = tuple[float, int]


def series(name: str, values: str, **labels: str) -> Series:
    """Return a series, one sample a minute."""
    return {"series": f"{name}{{{', '.join(f'{key}={json.dumps(value)}' for key, value in labels.items())}}}", "values": values}


def counter(*parts: Part, after: int = 0) -> str:
    """Write a counter that grows by so much a minute, for so many minutes, and so on; `after` so many minutes in which it was not there."""
    total, said = 0.0, [f"_x{after - 1}"] if after else []
    for rate, minutes in parts:
        said.append(f"{total}+{rate}x{minutes - 1}")
        total += rate * minutes
    return " ".join(said)


def asked(ok: list[Part], failed: list[Part] | None = None, release: str = OLD, after: int = 0) -> list[Series]:
    """Return the requests of a release, those answered and those that failed."""
    where = {"release": release, "route": "/predict"}
    return [
        series("ml_requests_total", counter(*ok, after=after), code="200", **where),
        *([series("ml_requests_total", counter(*failed, after=after), code="500", **where)] if failed else []),
    ]


def probed(minutes: int) -> list[Series]:
    """Return probes, all of which fail."""
    return [series("ml_requests_total", counter((100, minutes)), code="503", route="/readyz", release=OLD)]


def binned(counts: dict[str, list[Part]], shares: dict[str, float], release: str = OLD, after: int = 0, usual: float = 0.0) -> list[Series]:
    """Return rows and answers of a release by bin, and the training data's shares of it: of a feature `x`, and of the predictions alike."""
    m, there = sum(minutes for _, minutes in next(iter(counts.values()))) + after, {"release": release}
    gauge = f"_x{after - 1} {{}}x{m - after - 1}" if after else f"{{}}x{m - 1}"
    found = [
        series("ml_reference_rows", gauge.format(10_000), **there),
        series("ml_reference_psi", gauge.format(usual), feature="x", **there),
        series("ml_prediction_reference_psi", gauge.format(usual), **there),
    ]
    for name, parts in counts.items():
        found += [
            series("ml_input_bin_total", counter(*parts, after=after), feature="x", bin=name, **there),
            series("ml_prediction_bin_total", counter(*parts, after=after), bin=name, **there),
            series("ml_reference_share", gauge.format(shares[name]), feature="x", bin=name, **there),
            series("ml_prediction_reference_share", gauge.format(shares[name]), bin=name, **there),
        ]
    return found


def live(*parts: tuple[str, int]) -> list[Series]:
    """Return which release was recorded as live, for so many minutes each."""
    found, before = [], 0
    for release, minutes in parts:
        found.append(series("release_recorded", (f"_x{before - 1} " if before else "") + f"1x{minutes - 1} stale", release=release))
        before += minutes
    return found


HALF = {"a": 0.5, "b": 0.5}


def halves(first: float, minutes: int, rows: float = 12, release: str = OLD, usual: float = 0.0, after: int = 0) -> list[Series]:
    """Return rows of which a share is in the first of two bins that were equally frequent in the training data."""
    return binned({"a": [(first * rows, minutes)], "b": [((1 - first) * rows, minutes)]}, HALF, release, after=after, usual=usual)


def strange(bin_: str, share: float, rows: float = 10) -> list[Series]:
    """Return rows of which a share is in a bin that the training data had nothing in."""
    return binned({"a": [((1 - share) * rows, 90)], bin_: [(share * rows, 90)]}, {"a": 1.0, bin_: 0.0})


@dataclass(frozen=True)
class Case:
    """Series, and which alert fires, or does not, after so many steps."""

    what: str
    alert: str
    fires: bool
    at: int
    series: list[Series]
    labels: str = ""

    def test(self, every: int = 1) -> dict[str, Any]:
        """Return it as promtool wants it, with a step every so many minutes."""
        firing = f'count(ALERTS{{alertname="{self.alert}", alertstate="firing"{self.labels}}})'
        said = [{"labels": "{}", "value": 1}] if self.fires else []
        return {
            "name": f"{self.alert}: {self.what}",
            "interval": f"{every}m",
            "input_series": self.series,
            "promql_expr_test": [{"expr": firing, "eval_time": f"{self.at * every}m", "exp_samples": said}],
        }


PAGED, TICKET = ', severity="page"', ', severity="ticket"'
UP = [series("up", "1x60", job="release", release=OLD)]


def budget(page: float, minutes: int = 70, rows: float = 100) -> list[Series]:
    """Return requests of which a share fails."""
    return asked([((1 - page) * rows, minutes)], [(page * rows, minutes)])


def slow(share: float, rows: float = 100, minutes: int = 30) -> list[Series]:
    """Return requests of which a share takes longer than the budget."""
    where = {"release": OLD, "route": "/predict"}
    return [
        series("ml_request_seconds_bucket", counter(((1 - share) * rows, minutes)), le="0.25", **where),
        series("ml_request_seconds_count", counter((rows, minutes)), **where),
    ]


def shed(share: float, rows: float = 100) -> list[Series]:
    """Return requests of which a share is turned away."""
    return [*asked([(rows, 30)]), series("ml_shed_total", counter((share * rows, 30)), reason="queue", release=OLD)]


def constant(share: float, rows: float = 10) -> list[Series]:
    """Return rows that changed, of which a share was answered otherwise."""
    return [
        *live((OLD, 90)),
        series("ml_rows_changed_total", counter((rows, 90)), release=OLD),
        series("ml_answers_changed_total", counter((share * rows, 90)), release=OLD),
    ]


def drilled(days: float, minutes: int = 90) -> list[Series]:
    """Return when a drill succeeded last, so many days before the end; the tests begin at the time 0."""
    return [series("drill_success_timestamp_seconds", f"{minutes * 60 - days * 86400}x{minutes}")]


GONE = [series("up", "1x10 0x50", job="release", release=OLD)]
# Drift is a matter of days, which take promtool minutes: for these cases a week is 14 hours and a day two, in steps of five minutes.
SHORT = {"[7d:10m]": "[14h:10m]", "[1d:10m]": "[2h:10m]", "[2d:1h] offset 7d": "[4h:10m] offset 14h"}
DAY, LONG = 24, 204
BURSTS = {"a": [(6, 140), (10.8, 3 * DAY), (6, 40)], "b": [(6, 140), (1.2, 3 * DAY), (6, 40)]}
BURST = [*binned(BURSTS, HALF), *live((OLD, 180 + 3 * DAY))]
ROLLED_BACK = [*halves(0.9, LONG, release=NEW), *halves(0.5, LONG, rows=0), *live((NEW, LONG - 20), (OLD, 20))]
REPLACED = [*halves(0.65, LONG), *halves(0.65, DAY, release=NEW, after=LONG), *live((OLD, LONG), (NEW, DAY))]
CASES = [
    Case("8 % fail", "ErrorBudget", True, 65, budget(0.08), PAGED),
    Case("7 % fail", "ErrorBudget", False, 65, budget(0.07), PAGED),
    Case("3.5 % fail for hours", "ErrorBudget", True, 370, budget(0.035, 380), TICKET),
    Case("2.9 % fail for hours", "ErrorBudget", False, 370, budget(0.029, 380), TICKET),
    Case("all of a few fail", "ErrorBudget", False, 65, budget(0.9, rows=1)),
    Case("probes fail", "ErrorBudget", False, 65, [*asked([(100, 70)]), *probed(70)]),
    Case("it is over", "ErrorBudget", False, 70, asked([(50, 50), (100, 30)], [(50, 50), (0, 30)]), PAGED),
    Case(
        "a release that failed was rolled back", "ErrorBudget", False, 50, [*asked([(0, 60)], [(5, 5), (0, 55)], NEW), *asked([(100, 60)])]
    ),
    Case("2 % are slow", "Latency", True, 20, slow(0.02)),
    Case("0.9 % are slow", "Latency", False, 20, slow(0.009)),
    Case("all of a few are slow", "Latency", False, 20, slow(1, rows=5)),
    Case("none answers", "ServiceDown", True, 20, GONE),
    Case("it was not there from the start", "ServiceDown", True, 20, []),
    Case("one answers", "ServiceDown", False, 20, UP),
    Case("another answers after a deploy", "ServiceDown", False, 20, [*GONE, series("up", "_x10 1x50", job="release", release=NEW)]),
    Case("away for a minute", "ServiceDown", False, 12, [series("up", "1x10 0x0 1x50", job="release", release=OLD)]),
    Case("2 % are turned away", "Shedding", True, 20, shed(0.02)),
    Case("0.9 % are turned away", "Shedding", False, 20, shed(0.009)),
    Case("of a few half are turned away", "Shedding", False, 20, shed(0.5, rows=5)),
    Case("6 % are missing", "MissingValues", True, 85, strange("missing", 0.06)),
    Case("4 % are missing", "MissingValues", False, 85, strange("missing", 0.04)),
    Case("all of a few are missing", "MissingValues", False, 85, strange("missing", 1, rows=2)),
    Case("6 % are no known category", "StrangeValues", True, 85, strange("other", 0.06)),
    Case("6 % are above what was ever seen", "StrangeValues", True, 85, strange("above", 0.06)),
    Case("4 % are below what was ever seen", "StrangeValues", False, 85, strange("below", 0.04)),
    Case("all of a few are strange", "StrangeValues", False, 85, strange("other", 1, rows=2)),
    Case("another answers", "WrongRelease", True, 30, [*asked([(10, 60)], release=NEW), *live((OLD, 60))]),
    Case("the recorded one answers", "WrongRelease", False, 30, [*asked([(10, 60)]), *live((OLD, 60))]),
    Case("nobody records what is live", "WrongRelease", False, 30, asked([(10, 60)])),
    Case(
        "right after a rollback",
        "WrongRelease",
        False,
        33,
        [*asked([(10, 30), (0, 30)], release=NEW), *asked([(10, 30)], after=30), *live((NEW, 30), (OLD, 30))],
    ),
    Case("three starts", "RestartLoop", True, 20, [series("ml_release_loaded_timestamp_seconds", "1 1 2 2 3 3 4x60", release=OLD)]),
    Case("two starts", "RestartLoop", False, 20, [series("ml_release_loaded_timestamp_seconds", "1 1 2 2 3x60", release=OLD)]),
    Case("of 100 changed rows none is answered otherwise", "ConstantPredictions", True, 85, constant(0)),
    Case("of 100 changed rows 2 are answered otherwise", "ConstantPredictions", False, 85, constant(0.02)),
    Case("too few rows", "ConstantPredictions", False, 85, constant(0, rows=2)),
    Case("15 days ago", "NoDrill", True, 85, drilled(15)),
    Case("13 days ago", "NoDrill", False, 85, drilled(13)),
]


DRIFT_CASES = [
    Case("65 of 100 where 50 were", "FeatureDrift", True, LONG - 5, [*halves(0.65, LONG), *live((OLD, LONG))]),
    Case("nobody records what is live", "FeatureDrift", True, LONG - 5, halves(0.65, LONG)),
    Case("61 of 100 where 50 were", "FeatureDrift", False, LONG - 5, [*halves(0.61, LONG), *live((OLD, LONG))]),
    Case("too few rows", "FeatureDrift", False, LONG - 5, [*halves(0.65, LONG, rows=1.08), *live((OLD, LONG))]),
    Case(
        "no more than in parts of the training data", "FeatureDrift", False, LONG - 5, [*halves(0.65, LONG, usual=0.1), *live((OLD, LONG))]
    ),
    Case("a burst that goes on", "FeatureDrift", True, 140 + 3 * DAY, BURST),
    Case("a burst that was over a day ago", "FeatureDrift", False, 170 + 3 * DAY, BURST),
    Case("not a week in production", "FeatureDrift", False, 6 * DAY, [*halves(0.65, LONG), *live((OLD, LONG))]),
    Case("before the rollback", "FeatureDrift", True, LONG - 22, ROLLED_BACK, f', release="{NEW}"'),
    Case("right after the rollback", "FeatureDrift", False, LONG - 18, ROLLED_BACK),
    Case("right after a deploy", "FeatureDrift", False, LONG + DAY - 5, REPLACED),
    Case("65 of 100 where 50 were", "PredictionDrift", True, LONG - 5, [*halves(0.65, LONG), *live((OLD, LONG))]),
    Case("61 of 100 where 50 were", "PredictionDrift", False, LONG - 5, [*halves(0.61, LONG), *live((OLD, LONG))]),
    Case("too few rows", "PredictionDrift", False, LONG - 5, [*halves(0.65, LONG, rows=1.08), *live((OLD, LONG))]),
    Case("right after the rollback", "PredictionDrift", False, LONG - 18, ROLLED_BACK),
    Case("right after a deploy", "PredictionDrift", False, LONG + DAY - 5, REPLACED),
]


def promtool(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run promtool in a folder."""
    mount = ["--volume", f"{folder}:/work:ro", "--workdir", "/work"]
    run = ["docker", "run", "--rm", "--network", "none", *mount, "--entrypoint", "promtool", IMAGE, *command]
    return subprocess.run(run, capture_output=True, text=True, check=False, timeout=600)


def judged(tests: list[dict[str, Any]], folder: Path, every: int = 1, short: bool = False) -> subprocess.CompletedProcess[str]:
    """Have promtool run tests on the rules, or on these with shorter windows."""
    for path in RULES.glob("*.yml"):
        text = path.read_text(encoding="utf-8")
        for long, instead in SHORT.items() if short else ():
            text = text.replace(long, instead)
        (folder / path.name).write_text(text, encoding="utf-8")
    told = {"rule_files": ["drift.yml", "alerts.yml"], "evaluation_interval": f"{every}m", "tests": tests}
    (folder / "tests.yml").write_text(json.dumps(told), encoding="utf-8")
    return promtool(["test", "rules", "tests.yml"], folder)


def alerts() -> list[dict[str, Any]]:
    """Return the alerting rules."""
    groups = yaml.safe_load((RULES / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


@pytest.mark.docker
def test_alerts_fire_and_stay_silent(tmp_path: Path) -> None:
    done = judged([case.test() for case in CASES], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.docker
def test_drift_alerts_fire_and_stay_silent(tmp_path: Path) -> None:
    done = judged([case.test(every=5) for case in DRIFT_CASES], tmp_path, every=5, short=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.docker
@pytest.mark.parametrize("case", [CASES[0], CASES[1]], ids=["fires", "silent"])
def test_what_does_not_come_as_it_should_is_noticed(tmp_path: Path, case: Case) -> None:
    wrong = Case(case.what, case.alert, not case.fires, case.at, case.series, case.labels)
    assert judged([wrong.test()], tmp_path).returncode != 0


@pytest.mark.docker
def test_prometheus_comes_to_the_same_figures_as_python(tmp_path: Path) -> None:
    reference, live_ = np.array([0.3, 0.3, 0.3, 0.1, 0.0]), np.array([0.5, 0.25, 0.2, 0.0, 0.05])
    rows, names = 600, ["q0", "q1", "q2", "q3", "missing"]
    found = binned(
        {name: [(share * 10, 61)] for name, share in zip(names, live_, strict=True)}, dict(zip(names, reference, strict=True)), usual=0.01
    )
    expected = {
        "psi": float(drift.compute_psi(live_, reference)),
        "psi_threshold": float(drift.score_window(live_ * rows, reference, 10_000, 0.01).threshold),
        "psi_chance": float(drift.compute_chance(reference, rows, 10_000)),
    }
    asked_for = [
        (f"{of}:{name}:{window}", value) for of in ("feature", "prediction") for name, value in expected.items() for window in ("1d", "7d")
    ]
    checks = [
        {
            "expr": f"count(abs({name} - {value!r}) < 1e-9 * {value!r})",
            "eval_time": "61m",
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        for name, value in asked_for
    ]
    done = judged([{"name": "figures", "interval": "1m", "input_series": found, "promql_expr_test": checks}], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_windows_that_are_shortened_are_those_of_the_rules() -> None:
    text = (RULES / "drift.yml").read_text(encoding="utf-8")
    assert all(long in text for long in SHORT)
    assert len(re.findall(r"\d[dw][:\]]", text)) == sum(text.count(long) for long in SHORT)


def test_each_alert_was_seen_to_do_both() -> None:
    names = {each["alert"] for each in alerts()}
    assert len(names) <= 12
    for fires in (True, False):
        assert {case.alert for case in [*CASES, *DRIFT_CASES] if case.fires is fires} == names


@pytest.mark.parametrize("alert", alerts(), ids=lambda each: f"{each['alert']}-{each['labels']['severity']}")
def test_each_alert_says_what_is_wrong_and_where_to_read_on(alert: dict[str, Any]) -> None:
    said = alert["annotations"]
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert re.fullmatch(r"[^{].*\.|\{\{ \$labels.*\.", said["summary"])
    assert said["value"]
    page, _, anchor = said["runbook"].partition("#")
    assert ROOT / page == PAGE
    assert f"## {alert['alert']}\n" in PAGE.read_text(encoding="utf-8")
    assert anchor == alert["alert"].lower()
