"""What the service counts, for Prometheus."""

import os
import time
from itertools import pairwise
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.drain import Drain
from service.release import Release

REQUESTS = Counter("ml_requests_total", "Requests answered.", ["route", "code"])
SECONDS = Histogram(
    "ml_request_seconds",
    "Time to answer.",
    ["route"],
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
ROWS_CHANGED = Counter("ml_rows_changed_total", "Rows that differed from the row before.")
ANSWERS_CHANGED = Counter("ml_answers_changed_total", "Rows that differed from the row before, and were answered otherwise.")
# livemax: with several worker processes, the value of those that are alive.
RELEASE = Gauge(
    "ml_release_info",
    "The release that answers.",
    ["tag", "digest", "commit", "model_sha256", "data_sha256", "config_sha256"],
    multiprocess_mode="livemax",
)


def announce(release: Release) -> None:
    """Publish which release answers."""
    manifest = release.manifest
    labels = (release.tag, release.digest, manifest.commit, manifest.model.sha256, manifest.data.sha256, manifest.config.sha256)
    RELEASE.labels(*labels).set(1)


class Changes:
    """Counts how rows and answers change from one to the next: where rows do and answers do not, the model has become a constant."""

    def __init__(self) -> None:
        self.last: list[tuple[Any, Any]] = []

    def count(self, rows: list[Any], answers: list[Any]) -> None:
        """Count rows that were answered, after those before."""
        asked = [*self.last, *zip(rows, answers, strict=True)]
        self.last = asked[-1:]
        changed = [answer != before for (earlier, before), (row, answer) in pairwise(asked) if row != earlier]
        ROWS_CHANGED.inc(len(changed))
        ANSWERS_CHANGED.inc(sum(changed))


def exposition() -> bytes:
    """Return all metrics in Prometheus' text format, summed over worker processes where there are several."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def retire() -> None:
    """Take this worker process out of the live figures."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]


class Observe:
    """ASGI middleware: counts each request, names the release in each answer, and says goodbye while draining."""

    def __init__(self, app: ASGIApp, release: Release, drain: Drain) -> None:
        self.app, self.drain = app, drain
        self.headers = [(b"x-release", release.tag.encode()), (b"x-release-digest", release.digest.encode())]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and look at its answer."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        start, code = time.perf_counter(), 500

        async def observed(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
                message["headers"] = [*message["headers"], *self.headers, *([(b"connection", b"close")] if self.drain.on else [])]
            await send(message)

        try:
            await self.app(scope, receive, observed)
        finally:
            # The matched route, never the caller's path: a label must not come from a request.
            route = getattr(scope.get("route"), "path", "none")
            REQUESTS.labels(route, str(code)).inc()
            SECONDS.labels(route).observe(time.perf_counter() - start)
