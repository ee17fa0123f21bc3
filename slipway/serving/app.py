"""The HTTP interface of one release."""

import asyncio
import atexit
import gc
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.telemetry import TelemetryConfig
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.routing import Route

from slipway.serving import metrics
from slipway.serving.access import AccessControl, Guard
from slipway.serving.contracts import install_contracts
from slipway.serving.description import PREDICT, READY, install_description
from slipway.serving.endpoint import Answered, Endpoint
from slipway.serving.manifest import Manifest, ReleaseError
from slipway.serving.observe import Drain, Observe
from slipway.serving.release import Release, load
from slipway.serving.requests import JSON, install_error_handlers, read_body

# uvicorn's exit status for an app that did not start: its supervisor then stops instead of trying forever.
STARTUP_FAILURE = 3

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


def build(release: Release, drain: Drain) -> FastAPI:
    """Build the app for a loaded release."""
    endpoint = Endpoint(release, metrics.DriftCounter(release.watched))
    # Traces and metrics by OpenTelemetry, as its environment variables say; no logs, which would hold the requests.
    traced = os.environ.get("FASTAPI_OTEL_AUTO_CONFIGURE", "").lower() == "true"
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


def add_routes(app: FastAPI, endpoint: Endpoint, drain: Drain) -> None:
    """Add the routes of every service: the answers, what answers, and what the platform and Prometheus ask."""
    release = endpoint.release

    async def predict(request: Request) -> Response:
        content = await read_body(request, release.config.max_body_bytes)
        return Response(to_json(_format_answer(await endpoint.answer_json(content))), media_type=JSON)

    # Starlette's own route: FastAPI would spend half of a request's time on parameters that are not there.
    app.add_route(PREDICT, predict, methods=["POST"], include_in_schema=False)

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
