"""What `/docs` and `/openapi.json` describe: rows and their forms, answers and refusals. FastAPI does not read the content itself."""

from typing import Annotated, Any

from fastapi import FastAPI, Path
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from model.features import Row
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


def install_description(app: FastAPI) -> None:
    """Make an app describe /predict and the rows too."""

    def predict() -> None:
        """Predict from one row, or from a list of rows."""

    content = describe_content(ROW, ROW_LIST)
    route = APIRoute(PREDICT, predict, methods=["POST"], name="predict", responses=ANSWERS, openapi_extra=content)

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            described = get_openapi(title=app.title, version=app.version, routes=[route, *app.routes])
            _, rows = models_json_schema([(Row, "validation")], ref_template=SCHEMAS + "{model}")
            described.setdefault("components", {}).setdefault("schemas", {}).update(rows["$defs"])
            _drop_validation(described)
            app.openapi_schema = described
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI documents it


def _drop_validation(described: dict[str, Any]) -> None:
    # FastAPI describes the parameters that it refuses: those here are words, which it never does.
    for name in ("HTTPValidationError", "ValidationError"):
        described["components"]["schemas"].pop(name, None)
    for operation in (each for path in described["paths"].values() for each in path.values()):
        if "HTTPValidationError" in str(operation["responses"].get("422")):
            del operation["responses"]["422"]
