"""What the service counts, for Prometheus."""

import os
import time

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
