"""ASGI middleware around every request: it is counted, named and logged, and its answer says which release gave it."""

import logging
import random
import re
import time
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from slipway.serving import metrics
from slipway.serving.description import PREDICT
from slipway.serving.drain import Drain
from slipway.serving.errors import Shed
from slipway.serving.release import Release

log = logging.getLogger("service.request")
# A caller's own name for a request, where it is one that can do no harm in a log.
NAME = re.compile(rb"[A-Za-z0-9._-]{1,64}")
NOBODY = "none"
# Routes of Starlette's, which do not say that they matched.
DIRECT = {PREDICT}


class Observe:
    """Counts each request, names the release in each answer, and says goodbye while draining."""

    def __init__(self, app: ASGIApp, release: Release, drain: Drain) -> None:
        self.app, self.drain = app, drain
        self.all = release.config.log_requests == "all"
        self.headers = [(b"x-release", release.tag.encode()), (b"x-release-digest", release.digest.encode())]
        self.counted: dict[tuple[str, int], tuple[Callable[[], None], Callable[[float], None]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and look at its answer."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        start, code, name = time.perf_counter(), 500, named(scope)

        async def observed(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
                message["headers"] += [*self.headers, (b"x-request-id", name), *([(b"connection", b"close")] if self.drain.on else [])]
            await send(message)

        try:
            await self.app(scope, receive, observed)
        finally:
            # The matched route, never the caller's path: a label must not come from a request.
            route = scope["path"] if scope["path"] in DIRECT else getattr(scope.get("route"), "path", NOBODY)
            seconds = time.perf_counter() - start
            self.count(route, code, seconds)
            if self.all or code >= 400:
                write(scope, name.decode(), route, code, seconds)

    def count(self, route: str, code: int, seconds: float) -> None:
        """Count an answer."""
        if (route, code) not in self.counted:
            self.counted[route, code] = metrics.REQUESTS.labels(route, str(code)).inc, metrics.SECONDS.labels(route).observe
        inc, observe = self.counted[route, code]
        inc()
        observe(seconds)


def named(scope: Scope) -> bytes:
    """Return the caller's name for a request, or one of our own."""
    given = next((value for key, value in scope["headers"] if key == b"x-request-id"), b"")
    return given if NAME.fullmatch(given) else b"%016x" % random.getrandbits(64)  # a name, no secret


def write(scope: Scope, name: str, route: str, code: int, seconds: float) -> None:
    """Log a request; of one that was refused the reason, which repeats nothing of what was sent."""
    refused = scope.get("state", {}).get("refused")
    if isinstance(refused, Shed):
        metrics.SHED.labels(refused.reason).inc()
    said: dict[str, Any] = {"request": name, "route": route, "code": code, "ms": round(1000 * seconds, 3)}
    if refused is not None:
        said["reason"] = refused.detail
    log.log(logging.WARNING if code >= 500 else logging.INFO, "answered" if code < 400 else "refused", extra=said)
