"""What `/docs` and `/openapi.json` describe: rows and their forms, answers and refusals. FastAPI does not read the content itself."""

from functools import lru_cache
from typing import Annotated, Any

from fastapi import FastAPI, Path, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from model.features import Row
from slipway.serving.access import SCHEMA, WITHOUT_KEY, Guard, Settings
from slipway.serving.requests import JSON
from slipway.serving.rows import NAMES

PREDICT = "/predict"
SCHEMAS = "#/components/schemas/"


class Error(BaseModel):
    """A sentence: where the request is wrong, and what is expected."""

    error: str


class Place(BaseModel):
    """Where a category stood that the model was not told of."""

    row: int
    field: str


class Prediction(BaseModel):
    """A number per row; for a classification the probability of the second class, or of each class, and the likeliest label."""

    predictions: list[float] | list[list[float]]
    labels: list[Any] | None = None
    unknown_categories: Annotated[list[Place], Field(description="They are answered all the same.")] = []


ROW = {"$ref": SCHEMAS + Row.__name__}
ROW_LIST = {"type": "array", "items": ROW, "minItems": 1}
FIELDS = [{"$ref": f"{SCHEMAS}{Row.__name__}/properties/{name}"} for name in NAMES]
CELLS = {"type": "array", "prefixItems": FIELDS, "minItems": len(NAMES), "maxItems": len(NAMES)}
SPLIT = {
    "description": "Columns in any order, and of each row the values in the same order",
    "type": "object",
    "properties": {"columns": {"const": NAMES}, "data": {"type": "array", "items": CELLS, "minItems": 1}},
    "required": ["columns", "data"],
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Error, "description": "No key, or one that is not known, where keys are needed"},
    413: {"model": Error, "description": "More rows or bytes than one request may have"},
    415: {"model": Error, "description": "Not JSON, or compressed"},
    422: {"model": Error, "description": "A row does not hold to the declaration"},
    429: {"model": Error, "description": "More requests in a second than a key may send; Retry-After says for how long to stay away"},
    503: {"model": Error, "description": "Too many requests wait; Retry-After says for how long to stay away"},
}
# What may be refused on each route, in the form of the description; and how a key is sent.
LIMITS = {
    str(status): {"description": REFUSALS[status]["description"], "content": {JSON: {"schema": {"$ref": SCHEMAS + Error.__name__}}}}
    for status in (401, 429)
}
SCHEMES = {"Bearer": {"type": "http", "scheme": "bearer"}, "X-API-Key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
ANSWERS: dict[int | str, dict[str, Any]] = {200: {"model": Prediction}, **REFUSALS}
READY: dict[int | str, dict[str, Any]] = {503: {"description": "Not ready: it is about to stop"}}
UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"model": Error, "description": "No such model, or version"}}


def describe_content(*forms: dict[str, Any], **kinds: dict[str, Any]) -> dict[str, Any]:
    """Describe what may be sent: JSON in one of several forms, and content of other kinds."""
    content = {JSON: {"schema": {"anyOf": list(forms)}}, **kinds}
    return {"requestBody": {"required": True, "content": content}}


def describe_path(value: str) -> Any:
    """Describe a part of a path that has one value."""
    return Path(json_schema_extra={"enum": [value]})


def describe_member(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Describe an object that has to have a member."""
    return {"type": "object", "properties": {name: schema}, "required": [name]}


def install_description(app: FastAPI, guard: Guard) -> None:
    """Make an app describe /predict and the rows too. Inside it describes all routes, to callers those that they reach at the moment."""

    def predict() -> None:
        """Predict from one row, or from a list of rows."""

    content = describe_content(ROW, ROW_LIST)
    route = APIRoute(PREDICT, predict, methods=["POST"], name="predict", responses=ANSWERS, openapi_extra=content)

    @lru_cache(maxsize=2)
    def describe(settings: Settings | None) -> dict[str, Any]:
        routes = [each for each in iter_route_contexts([route, *app.routes]) if not settings or guard.admits(each.path or "")]
        described = get_openapi(title=app.title, version=app.version, routes=routes)
        _, models = models_json_schema([(Row, "validation"), (Error, "validation")], ref_template=SCHEMAS + "{model}")
        described.setdefault("components", {}).setdefault("schemas", {}).update(models["$defs"])
        _drop_validation(described)
        if settings:
            _describe_access(described, settings)
        return described

    async def openapi(request: Request) -> JSONResponse:
        outside = guard.find_address(request.scope) is not None
        return JSONResponse(describe(guard.access.settings if outside else None))

    app.openapi = lambda: describe(None)  # type: ignore[method-assign]  # as FastAPI documents it
    # FastAPI's own route does not say who asks.
    app.router.routes[:] = [each for each in app.routes if getattr(each, "path", "") != SCHEMA]
    app.add_route(SCHEMA, openapi, include_in_schema=False)


def _describe_access(described: dict[str, Any], settings: Settings) -> None:
    # The image says that it may answer 401 and 429; whether it does, and where, is up to where it runs.
    on = {"401": settings.keys, "429": settings.per_second > 0}
    if settings.keys:
        described["components"].setdefault("securitySchemes", {}).update(SCHEMES)
    for path, operation in ((path, each) for path, operations in described["paths"].items() for each in operations.values()):
        here = {status: each for status, each in LIMITS.items() if on[status] and path not in WITHOUT_KEY}
        others = {status: each for status, each in operation["responses"].items() if each not in LIMITS.values()}
        operation["responses"] = dict(sorted({**here, **others}.items()))
        if "401" in here:
            operation.setdefault("security", [{name: []} for name in SCHEMES])


def _drop_validation(described: dict[str, Any]) -> None:
    # FastAPI describes the parameters that it refuses: those here are words, which it never does.
    for name in ("HTTPValidationError", "ValidationError"):
        described["components"]["schemas"].pop(name, None)
    for operation in (each for path in described["paths"].values() for each in path.values()):
        if "HTTPValidationError" in str(operation["responses"].get("422")):
            del operation["responses"]["422"]
