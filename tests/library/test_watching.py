"""What is watched after a deploy, condition by condition; the service's own metrics are what is read."""

import math
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from slipway.errors import BakeError, Busy, PipelineError
from slipway.operate import bake
from slipway.operate.bake import Reading, Watch, find_failures, parse_metrics
from slipway.operate.chain import Deployment
from slipway.operate.targets import Target
from slipway.project import Bake
from slipway.serving import metrics

LIMITS = Bake(seconds=30, max_error_share=0.01, p99_ms=100)
NEW = Deployment("v2", "sha256:v2", "commit", "manifest", "1", None, 2, "2026-01-01T00:00:00+00:00", "somebody")


def answered(fast: int, slow: int = 0, errors: int = 0, running: str = "one", rows: int = 0, answers: int = 0) -> Reading:
    """Return a reading after so many requests: within 50 ms, within 2.5 s, and of both those that failed."""
    return Reading(fast + slow, errors, {0.05: fast, 2.5: fast + slow, math.inf: fast + slow}, rows, answers, running)


def since(before: Reading) -> Watch:
    """Watch since a reading; 40 rows with one answer are too many."""
    return Watch(LIMITS, 40, before)


def test_metrics_are_read_as_the_service_writes_them() -> None:
    registry = CollectorRegistry()
    requests = Counter("ml_requests_total", "", ["route", "code"], registry=registry)
    seconds = Histogram("ml_request_seconds", "", ["route"], buckets=(0.01, 1), registry=registry)
    Counter("ml_rows_changed_total", "", registry=registry).inc(3)
    Counter("ml_answers_changed_total", "", registry=registry).inc(2)
    for route, code in ((bake.ROUTE, "200"), (bake.ROUTE, "200"), (bake.ROUTE, "422"), (bake.ROUTE, "500"), ("/version", "500")):
        requests.labels(route, code).inc()
        seconds.labels(route).observe(0.5)
    assert parse_metrics(generate_latest(registry).decode(), "one") == Reading(4, 1, {0.01: 0, 1: 4, math.inf: 4}, 3, 2, "one")


def test_the_names_that_are_read_are_the_services() -> None:
    counted = (metrics.REQUESTS, metrics.SECONDS, metrics.ROWS_CHANGED, metrics.ANSWERS_CHANGED)
    metrics.REQUESTS.labels(bake.ROUTE, "200")
    metrics.SECONDS.labels(bake.ROUTE)
    names = {sample.name for each in counted for family in each.collect() for sample in family.samples}
    assert {"ml_requests_total", "ml_request_seconds_bucket", "ml_rows_changed_total", "ml_answers_changed_total"} <= names


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (answered(1000), None),
        (answered(1000, errors=9), None),
        (answered(1000, errors=11), "errors: 11 of 1000 requests, at most 1.0% are allowed"),
        (answered(3, errors=1), "errors: 1 of 3 requests, at most 1.0% are allowed"),
        (answered(1000, slow=9), None),
        (answered(1000, slow=30), "latency: 99 of 100 requests took up to 2500 ms, at most 100 ms are allowed"),
        (answered(0, slow=5), None),
        (answered(1000, running="another"), "restarts: first one, then another"),
        (answered(0), None),
        (answered(100, rows=39), None),
        (answered(100, rows=40, answers=1), None),
        (answered(100, rows=40), "predictions: 40 rows, each other than the one before, got one answer"),
    ],
    ids=[
        *("well", "few errors", "errors", "an error of three", "few slow", "slow", "too few to tell", "restarted", "nobody asks"),
        *("few rows", "two answers", "one answer"),
    ],
)
def test_a_condition_holds_or_is_named_with_its_values(now: Reading, said: str | None) -> None:
    assert find_failures(since(answered(0)), now) == ([said] if said else [])


def test_only_what_happened_while_watched_counts() -> None:
    before = answered(100, slow=100, errors=100, rows=100, answers=20)
    now = Reading(1200, 100, {0.05: 1100, 2.5: 1200, math.inf: 1200}, 110, 20, "one")
    assert find_failures(since(before), now) == []


@pytest.mark.parametrize(
    ("answers", "rows"),
    [(list(range(32)), 20), ([0.0] * 31 + [1.0], 435), ([[0.1, 0.9]] * 16 + [[0.9, 0.1]] * 16, 20), ([1.0] * 32, math.inf)],
    ids=["all different", "31 of 32 the same", "classes", "all the same"],
)
def test_how_many_rows_may_get_one_answer_depends_on_how_often_that_is_so(answers: list[Any], rows: float) -> None:
    assert bake.count_enough(answers) == pytest.approx(rows, abs=1)


class Place:
    """A target whose readings are given: metrics, or what is raised instead."""

    def __init__(self, *said: str | Exception) -> None:
        self.said = iter(said)

    def describe_processes(self) -> str:
        return "one"

    def ask_live(self, *_: Any) -> dict[str, list[Any]]:
        said = next(self.said)
        if isinstance(said, Exception):
            raise said
        return {"one": [{"ready": True}, said]}


def exposition(requests: int, errors: int = 0, rows: int = 0, answers: int = 0) -> str:
    """Return a service's metrics."""
    counts = {"200": requests - errors, "500": errors}
    changed = f"ml_rows_changed_total {rows}\nml_answers_changed_total {answers}\n"
    return changed + "".join(f'ml_requests_total{{route="/predict",code="{code}"}} {count}\n' for code, count in counts.items())


def watch(place: Place, monkeypatch: pytest.MonkeyPatch, check_lock: Any = lambda: None) -> None:
    """Watch without waiting in between."""
    monkeypatch.setattr(bake, "EVERY", 0)
    bake.watch_release(cast(Target, place), NEW, since(answered(0)), check_lock)


def test_errors_while_watched_are_told_with_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BakeError, match=r"v2 failed while it was monitored: errors: 50 of 100 requests.*Next: \./run status\.") as refused:
        watch(Place(exposition(50, 0), exposition(100, 50)), monkeypatch)
    assert refused.value.exit_code == 7


def test_the_golden_rows_of_the_proof_are_no_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BakeError, match=r"predictions: 60 rows, each other than the one before, got one answer"):
        watch(Place(exposition(1, rows=31, answers=31), exposition(61, rows=91, answers=31)), monkeypatch)


@pytest.mark.parametrize("first", [[], [exposition(1, 0)]], ids=["at once", "later"])
def test_what_cannot_be_read_counts_as_failed(monkeypatch: pytest.MonkeyPatch, first: list[str]) -> None:
    with pytest.raises(BakeError, match=r"v2 could not be monitored, which counts as failed: gone"):
        watch(Place(*first, PipelineError("gone")), monkeypatch)


def test_whoever_takes_over_ends_the_watching(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken() -> None:
        raise Busy("taken over")

    with pytest.raises(Busy):
        watch(Place(exposition(1, 0)), monkeypatch, taken)
