"""The HTTP interface of one release."""

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

from slipway.serving import body, contracts, description, errors, metrics
from slipway.serving.drain import Drain
from slipway.serving.endpoint import Answered, Endpoint
from slipway.serving.manifest import Manifest, ReleaseError
from slipway.serving.observe import Observe
from slipway.serving.release import Release, load
from slipway.serving.watch import Watch

# uvicorn's own exit status for an app that did not start: its supervisor then stops instead of trying for ever.
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
    watch = Watch(release.watched)
    endpoint = Endpoint(release, watch)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        drain.install(release.config.drain_seconds, shared=os.environ.get("WORKERS", "1") != "1")
        metrics.announce(release)
        # What was loaded so far stays: without this a full collection stops the event loop for some 80 ms.
        gc.collect()
        gc.freeze()
        log.info("serving", extra={"tag": release.tag, "path": release.answering.path, "path_reason": release.answering.reason})
        yield
        metrics.retire()

    # Traces and metrics by OpenTelemetry, as its environment variables say; no logs, which would hold what was asked.
    traced = os.environ.get("FASTAPI_OTEL_AUTO_CONFIGURE", "").lower() == "true"
    telemetry: TelemetryConfig = {"tracing": traced, "metrics": traced, "logs": False}
    app = FastAPI(title=release.manifest.project, version=release.tag, lifespan=lifespan, telemetry=telemetry, redirect_slashes=False)
    app.add_middleware(Observe, release=release, drain=drain)
    errors.install(app)
    add_routes(app, endpoint, drain)
    contracts.install(app, endpoint, drain)
    description.install(app)
    return app


def add_routes(app: FastAPI, endpoint: Endpoint, drain: Drain) -> None:
    """Give an app its routes."""
    release, watch = endpoint.release, endpoint.watch

    async def predict(request: Request) -> Response:
        """Predict from one row, or from a list of rows."""
        content = await body.read(request, release.config.max_body_bytes)
        return Response(to_json(said(await endpoint.ask_json(content))), media_type=body.JSON)

    # Starlette's own route: FastAPI would spend half of a request's time on parameters that are not there.
    app.add_route(description.PREDICT, predict, methods=["POST"], include_in_schema=False)

    @app.get("/version")
    async def version() -> Version:
        answering = release.answering
        return Version(
            tag=release.tag,
            digest=release.digest,
            manifest_sha256=release.manifest_sha256,
            path=answering.path,
            path_reason=answering.reason,
            manifest=release.manifest,
        )

    @app.get("/healthz")
    async def healthz() -> dict[str, bool]:
        return {"alive": True}

    @app.get("/readyz", responses={503: {"description": "Not ready: it is about to stop"}})
    async def readyz() -> JSONResponse:
        said = {"ready": not drain.on, "manifest_sha256": release.manifest_sha256, "golden_difference": release.golden_difference}
        return JSONResponse(said, 503 if drain.on else 200)

    @app.get("/metrics", response_class=PlainTextResponse)
    async def exposition() -> PlainTextResponse:
        watch.flush()
        return PlainTextResponse(metrics.exposition(), media_type="text/plain; version=0.0.4")


def said(answered: Answered) -> dict[str, Any]:
    """Return the answer of /predict; what there is nothing of is left out."""
    found = {"predictions": answered.answers.tolist(), "labels": answered.labels, "unknown_categories": answered.unknown}
    return {name: value for name, value in found.items() if value}
