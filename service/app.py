"""The HTTP interface of one release."""

import gc
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, Discriminator, Field, Tag

from model.features import Row
from service import errors, metrics
from service.drain import Drain
from service.manifest import Manifest
from service.release import Release, ReleaseError, load

# uvicorn's own exit status for an app that did not start: its supervisor then stops instead of trying for ever.
STARTUP_FAILURE = 3

# One row or many, told apart by their JSON type, so that an error speaks of the form that was meant.
Rows = Annotated[
    Annotated[Row, Tag("row")] | Annotated[list[Row], Tag("rows"), Field(min_length=1)],
    Discriminator(lambda body: "rows" if isinstance(body, list) else "row"),
]


class Prediction(BaseModel):
    """A number per row; for a classification the probability of the second class, or of each class, and the likeliest label."""

    predictions: list[float] | list[list[float]]
    labels: list[Any] | None = None


class Version(BaseModel):
    """What answers."""

    tag: str
    digest: str
    manifest_sha256: str
    manifest: Manifest


def create() -> FastAPI:
    """Build the app for the release in `RELEASE_DIR`; a release that must not serve ends the process with the reason."""
    try:
        release = load(Path(os.environ.get("RELEASE_DIR", "/release")))
    except ReleaseError as error:
        print(f"This release does not serve. {error}", file=sys.stderr, flush=True)
        sys.exit(STARTUP_FAILURE)
    return build(release, Drain())


def build(release: Release, drain: Drain) -> FastAPI:
    """Build the app for a loaded release."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        drain.install(release.config.drain_seconds, shared=os.environ.get("WORKERS", "1") != "1")
        metrics.announce(release)
        # What was loaded so far stays: without this a full collection stops the event loop for some 80 ms.
        gc.collect()
        gc.freeze()
        yield
        metrics.retire()

    app = FastAPI(title=release.manifest.project, version=release.tag, lifespan=lifespan)
    app.add_middleware(metrics.Observe, release=release, drain=drain)
    errors.install(app, release.manifest.features.columns)
    add_routes(app, release, drain)
    return app


def add_routes(app: FastAPI, release: Release, drain: Drain) -> None:
    """Give an app its routes."""
    changes = metrics.Changes()

    @app.post("/predict", response_model_exclude_none=True)
    def predict(body: Rows) -> Prediction:
        rows = body if isinstance(body, list) else [body]
        if len(rows) > release.config.max_rows:
            raise errors.too_many(len(rows), release.config.max_rows)
        asked = [row.model_dump() for row in rows]
        answers = release.answer(asked)
        predictions = answers.tolist()
        changes.count(asked, predictions)
        return Prediction(predictions=predictions, labels=labels(release, answers))

    @app.get("/version")
    async def version() -> Version:
        return Version(tag=release.tag, digest=release.digest, manifest_sha256=release.manifest_sha256, manifest=release.manifest)

    @app.get("/healthz")
    async def healthz() -> dict[str, bool]:
        return {"alive": True}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        body = {"ready": not drain.on, "manifest_sha256": release.manifest_sha256, "golden_difference": release.golden_difference}
        return JSONResponse(body, 503 if drain.on else 200)

    @app.get("/metrics", response_class=PlainTextResponse)
    async def exposition() -> PlainTextResponse:
        return PlainTextResponse(metrics.exposition(), media_type="text/plain; version=0.0.4")


def labels(release: Release, answers: Any) -> list[Any] | None:
    """Return the likeliest class of each row, None for a regression."""
    classes = release.manifest.model.classes
    if classes is None:
        return None
    likeliest = answers.argmax(axis=1) if answers.ndim == 2 else (answers > 0.5).astype(int)
    return [classes[i] for i in likeliest]
