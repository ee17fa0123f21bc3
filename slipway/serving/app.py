"""The HTTP interface of one release."""

import asyncio
import atexit
import gc
import logging
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.telemetry import TelemetryConfig
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from slipway.serving import metrics
from slipway.serving.access import AccessControl, Guard
from slipway.serving.contracts import install_contracts
from slipway.serving.description import PREDICT, READY, install_description
from slipway.serving.endpoint import Answered, Endpoint
from slipway.serving.manifest import Manifest, ReleaseError
from slipway.serving.observe import Drain, Observe
from slipway.serving.release import Release, load
from slipway.serving.requests import JSON, install_error_handlers, read_content

# uvicorn's exit status for an app that did not start: its supervisor then stops instead of trying forever.
STARTUP_FAILURE = 3

# Where the error stands with which a request is to be answered.
FAILED = "slipway.failed"

log = logging.getLogger("service")


class Version(BaseModel):
    """What answers, and whether by the compiled model or, for the reason given, by the pipeline itself."""

    tag: str
    digest: str
    manifest_sha256: str
    path: str
    path_reason: str | None
    manifest: Manifest


def create_app() -> FastAPI:
    """Build the app for the release in `RELEASE_DIR`; a release that must not serve ends the process with the reason."""
    drain = Drain()
    atexit.register(drain.leave)  # what is registered first is called last
    try:
        return build(load(Path(os.environ.get("RELEASE_DIR", "/release"))), drain)
    except ReleaseError as error:
        print(f"This release does not serve. {error}", file=sys.stderr, flush=True)
        sys.exit(STARTUP_FAILURE)


def is_traced() -> bool:
    """Tell whether requests are traced, as the environment says."""
    return os.environ.get("FASTAPI_OTEL_AUTO_CONFIGURE", "").lower() == "true"


def build(release: Release, drain: Drain) -> FastAPI:
    """Build the app for a loaded release."""
    endpoint = Endpoint(release, metrics.DriftCounter(release.watched))
    # Traces and metrics by OpenTelemetry, as its environment variables say; no logs, which would hold the requests.
    traced = is_traced()
    app = FastAPI(
        title=release.manifest.project,
        version=release.tag,
        lifespan=lambda app: work(app.state.guard, release, drain),
        telemetry=TelemetryConfig(tracing=traced, metrics=traced, logs=False),
        redirect_slashes=False,
    )
    install_error_handlers(app)
    add_routes(app, endpoint, drain)
    install_contracts(app, endpoint, drain)
    # What rows are sent to, before the owner's routes come.
    guard = Guard(route.path for route in app.routes if isinstance(route, Route) and "POST" in (route.methods or ()))
    app.state.guard = guard  # for middleware of the owner's
    app.add_middleware(AccessControl, guard=guard)
    app.add_middleware(Observe, release=release, drain=drain)  # around the other, whose refusals it counts
    install_description(app, guard)
    return app


@asynccontextmanager
async def work(guard: Guard, release: Release, drain: Drain) -> AsyncIterator[None]:
    """Announce the release and follow who may ask, from the start of a worker to its end."""
    following = asyncio.create_task(guard.follow())
    drain.install(release.config.drain_seconds, shared=os.environ.get("WORKERS", "1") != "1")
    metrics.publish_release(release)
    # What was loaded so far stays: without this a full collection stops the event loop for some 80 ms.
    gc.collect()
    gc.freeze()
    log.info("serving", extra={"tag": release.tag, "path": release.answering.path, "path_reason": release.answering.reason})
    yield
    following.cancel()
    metrics.retire_worker()


class Shortcut:
    """Answers POST /predict before the router and what surrounds that, which take longer than a row does.

    Whatever is refused or fails goes on to the route, which raises it again: so that it is handled as on all routes.
    """

    def __init__(self, app: ASGIApp, answer: Callable[[Scope, Receive], Awaitable[bytes]], endpoint: Callable[..., Any]) -> None:
        self.app, self.answer, self.endpoint = app, answer, endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        content = None
        if scope["type"] == "http" and scope["path"] == PREDICT and scope["method"] == "POST":
            try:
                content = await self.answer(scope, receive)
            except Exception as error:  # whatever a model raises
                scope[FAILED] = error
        if content is None:
            await self.app(scope, receive, send)
        else:
            scope["endpoint"] = self.endpoint  # for middleware of the owner's, as the router does
            headers = [(b"content-length", b"%d" % len(content)), (b"content-type", JSON.encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": content})


def add_routes(app: FastAPI, endpoint: Endpoint, drain: Drain) -> None:
    """Add the routes of every service: the answers, what answers, and what the platform and Prometheus ask."""
    release = endpoint.release

    async def answer(scope: Scope, receive: Receive) -> bytes:
        content = await read_content(scope, receive, release.config.max_body_bytes)
        return to_json(_format_answer(await endpoint.answer_json(content)))

    async def predict(request: Request) -> Response:
        if error := request.scope.get(FAILED):
            raise error
        return Response(await answer(request.scope, request.receive), media_type=JSON)

    # Starlette's own route: FastAPI would spend half of a request's time on parameters that are not there.
    app.add_route(PREDICT, predict, methods=["POST"], include_in_schema=False)
    if not is_traced():  # a span is called as the router says
        app.add_middleware(Shortcut, answer=answer, endpoint=predict)

    @app.get("/version")
    async def version() -> Version:
        return _describe_version(release)

    @app.get("/healthz")
    async def healthz() -> dict[str, bool]:
        return {"alive": True}

    @app.get("/readyz", responses=READY)
    async def readyz() -> JSONResponse:
        golden = {"manifest_sha256": release.manifest_sha256, "golden_difference": release.golden_difference}
        return JSONResponse({"ready": not drain.on, **golden}, drain.status)

    @app.get("/metrics", response_class=PlainTextResponse)
    async def exposition() -> PlainTextResponse:
        endpoint.drift.flush()
        return PlainTextResponse(metrics.format_metrics(), media_type="text/plain; version=0.0.4")


def _describe_version(release: Release) -> Version:
    return Version(
        tag=release.tag,
        digest=release.digest,
        manifest_sha256=release.manifest_sha256,
        path=release.answering.path,
        path_reason=release.answering.reason,
        manifest=release.manifest,
    )


def _format_answer(answered: Answered) -> dict[str, Any]:
    fields = {"predictions": answered.answers.tolist(), "labels": answered.labels, "unknown_categories": answered.unknown}
    return {name: value for name, value in fields.items() if value}
