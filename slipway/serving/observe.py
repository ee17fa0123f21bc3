"""Around every request: it is counted, named and logged, its answer names the release, and a draining process sends its callers away."""

import asyncio
import logging
import os
import random
import re
import signal
import time
from types import FrameType
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from slipway.serving import metrics
from slipway.serving.description import PREDICT
from slipway.serving.release import Release
from slipway.serving.requests import Shed

log = logging.getLogger("service.request")
# A caller's own name for a request, where it is one that can do no harm in a log.
NAME = re.compile(rb"[A-Za-z0-9._-]{1,64}")
NO_ROUTE = "none"
# Routes of Starlette's, which leave no match in the scope.
DIRECT = {PREDICT}


class Drain:
    """Ends the process without a failed request: a server that just stops cuts keep-alive connections off without warning.

    While it is on, every answer carries `Connection: close`, so that callers reconnect to another server.
    """

    on = False
    ended = False

    @property
    def status(self) -> int:
        """The status by which a platform sees that the process is ready, or about to stop."""
        return 503 if self.on else 200

    def leave(self) -> None:
        """End the process at once where the server has ended as requested. To be called at exit, after all others.

        While Python takes itself apart, some tenths of a second, a process does not answer its supervisor. uvicorn's, when it asks just
        then, waits for that answer a minute before it starts another worker.
        """
        if self.ended:
            os._exit(0)

    def install(self, seconds: float, shared: bool = False) -> None:
        """Pause before the server's own SIGTERM handler. Call it in the event loop, after the server has set its handler.

        `shared` says that other processes listen on the same socket.
        """
        stop: Any = signal.getsignal(signal.SIGTERM)
        server: Any = getattr(stop, "__self__", None)
        loop = asyncio.get_running_loop()

        def end(number: int, frame: FrameType | None) -> None:
            self.ended = shared
            if hasattr(server, "should_exit"):
                server.should_exit = True  # its handler would do the same, and then end the process by the signal instead of with 0
            elif callable(stop):
                stop(number, frame)

        def begin(number: int, frame: FrameType | None) -> None:
            self.on = True
            # Where another worker accepts in its place, this one takes no more callers: uvicorn drops those whose request it has not read.
            for listener in getattr(server, "servers", []) if shared else []:
                loop.call_soon_threadsafe(listener.close)
            loop.call_soon_threadsafe(loop.call_later, seconds, end, number, frame)

        signal.signal(signal.SIGTERM, begin)


class Observe:
    """Counts and logs each request, names the release in each answer, and closes connections while draining."""

    def __init__(self, app: ASGIApp, release: Release, drain: Drain) -> None:
        self.app, self.drain = app, drain
        self.all = release.config.log_requests == "all"
        self.headers = [(b"x-release", release.tag.encode()), (b"x-release-digest", release.digest.encode())]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; count and name its answer."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        start, code, name = time.perf_counter(), 500, _choose_name(scope)

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
            route = scope["path"] if scope["path"] in DIRECT else getattr(scope.get("route"), "path", NO_ROUTE)
            seconds = time.perf_counter() - start
            metrics.ANSWERED.add(route, code, scope.get("caller", ""), seconds)
            if self.all or code >= 400:
                _write_log(scope, name.decode(), route, code, seconds)


def _choose_name(scope: Scope) -> bytes:
    for key, value in scope["headers"]:
        if key == b"x-request-id" and NAME.fullmatch(value):
            return bytes(value)
    return b"%016x" % random.getrandbits(64)  # a name, no secret


def _write_log(scope: Scope, name: str, route: str, code: int, seconds: float) -> None:
    refused = scope.get("state", {}).get("refused")
    if isinstance(refused, Shed):
        metrics.SHED.labels(refused.reason).inc()
    fields: dict[str, Any] = {"request": name, "route": route, "code": code, "ms": round(1000 * seconds, 3)}
    if refused is not None:
        fields["reason"] = refused.detail  # which repeats nothing of what was sent
    log.log(logging.WARNING if code >= 500 else logging.INFO, "answered" if code < 400 else "refused", extra=fields)
