"""What is watched after a deploy, condition by condition; the service's own metrics are what is read."""

import math
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from pipeline import bake
from pipeline.bake import Reading, broken, read
from pipeline.chain import Deployment
from pipeline.errors import BakeError, Busy, PipelineError
from pipeline.project import Bake
from pipeline.targets import Target
from service import metrics

LIMITS = Bake(seconds=30, max_error_share=0.01, p99_ms=100)
NEW = Deployment("v2", "sha256:v2", "commit", "manifest", "1", None, 2, "2026-01-01T00:00:00+00:00", "somebody")


def answered(fast: int, slow: int = 0, errors: int = 0, running: str = "one") -> Reading:
    """Return a reading after so many requests: within 50 ms, within 2.5 s, and of both those that failed."""
    return Reading(fast + slow, errors, {0.05: fast, 2.5: fast + slow, math.inf: fast + slow}, running)


def test_metrics_are_read_as_the_service_writes_them() -> None:
    registry = CollectorRegistry()
    requests = Counter("ml_requests_total", "", ["route", "code"], registry=registry)
    seconds = Histogram("ml_request_seconds", "", ["route"], buckets=(0.01, 1), registry=registry)
    for route, code in ((bake.ROUTE, "200"), (bake.ROUTE, "200"), (bake.ROUTE, "422"), (bake.ROUTE, "500"), ("/version", "500")):
        requests.labels(route, code).inc()
        seconds.labels(route).observe(0.5)
    assert read(generate_latest(registry).decode(), "one") == Reading(4, 1, {0.01: 0, 1: 4, math.inf: 4}, "one")


def test_the_names_that_are_read_are_the_services() -> None:
    names = {sample.name for each in (metrics.REQUESTS, metrics.SECONDS) for family in each.collect() for sample in family.samples}
    metrics.REQUESTS.labels(bake.ROUTE, "200")
    metrics.SECONDS.labels(bake.ROUTE)
    names |= {sample.name for each in (metrics.REQUESTS, metrics.SECONDS) for family in each.collect() for sample in family.samples}
    assert {"ml_requests_total", "ml_request_seconds_bucket"} <= names


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
        (answered(1000, running="another"), "restarts: one runs no more, another does"),
        (answered(0), None),
    ],
    ids=["well", "few errors", "errors", "an error of three", "few slow", "slow", "too few to tell", "restarted", "nobody asks"],
)
def test_a_condition_holds_or_is_named_with_its_values(now: Reading, said: str | None) -> None:
    assert broken(answered(0), now, LIMITS) == ([said] if said else [])


def test_only_what_happened_while_watched_counts() -> None:
    before = answered(100, slow=100, errors=100)
    now = Reading(1200, 100, {0.05: 1100, 2.5: 1200, math.inf: 1200}, "one")
    assert broken(before, now, LIMITS) == []


class Place:
    """A target whose readings are given: metrics, or what is raised instead."""

    def __init__(self, *said: str | Exception) -> None:
        self.said = iter(said)

    def public(self) -> Any:
        return self.fetch

    def running(self) -> str:
        return "one"

    def fetch(self, path: str, _: Any) -> Any:
        if path == "/readyz":
            return {"ready": True}
        said = next(self.said)
        if isinstance(said, Exception):
            raise said
        return said


def exposition(requests: int, errors: int) -> str:
    """Return a service's metrics."""
    counts = {"200": requests - errors, "500": errors}
    return "".join(f'ml_requests_total{{route="/predict",code="{code}"}} {count}\n' for code, count in counts.items())


def watch(place: Place, monkeypatch: pytest.MonkeyPatch, still_ours: Any = lambda: None) -> None:
    """Watch without waiting in between."""
    monkeypatch.setattr(bake, "EVERY", 0)
    bake.watch(cast(Target, place), NEW, LIMITS, answered(0), still_ours)


def test_errors_while_watched_are_told_with_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BakeError, match=r"v2 failed while it was watched: errors: 50 of 100 requests.*Next: \./run status\.") as refused:
        watch(Place(exposition(50, 0), exposition(100, 50)), monkeypatch)
    assert refused.value.exit_code == 7


@pytest.mark.parametrize("first", [[], [exposition(1, 0)]], ids=["at once", "later"])
def test_what_cannot_be_read_counts_as_failed(monkeypatch: pytest.MonkeyPatch, first: list[str]) -> None:
    with pytest.raises(BakeError, match=r"v2 could not be watched, which counts as failed: gone"):
        watch(Place(*first, PipelineError("gone")), monkeypatch)


def test_whoever_takes_over_ends_the_watching(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken() -> None:
        raise Busy("taken over")

    with pytest.raises(Busy):
        watch(Place(exposition(1, 0)), monkeypatch, taken)
