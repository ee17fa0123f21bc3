"""What `/docs` and `/openapi.json` say of `/predict`, whose content is not read by FastAPI."""

from typing import Annotated, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from model.features import Row

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


ROWS = {"anyOf": [{"$ref": SCHEMAS + Row.__name__}, {"type": "array", "items": {"$ref": SCHEMAS + Row.__name__}, "minItems": 1}]}
ASKED: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/json": {"schema": ROWS}}}}
REFUSALS: dict[int | str, dict[str, Any]] = {
    413: {"model": Error, "description": "More rows or bytes than one request may have"},
    415: {"model": Error, "description": "Not JSON, or compressed"},
    422: {"model": Error, "description": "A row does not hold to the declaration"},
    503: {"model": Error, "description": "Too many requests wait; Retry-After says for how long to stay away"},
}
ANSWERS: dict[int | str, dict[str, Any]] = {200: {"model": Prediction}, **REFUSALS}


def install(app: FastAPI) -> None:
    """Make an app describe /predict and the rows too."""

    def asked() -> None:
        """Predict from one row, or from a list of rows."""

    predict = APIRoute(PREDICT, asked, methods=["POST"], name="predict", responses=ANSWERS, openapi_extra=ASKED)

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            described = get_openapi(title=app.title, version=app.version, routes=[predict, *app.routes])
            _, rows = models_json_schema([(Row, "validation")], ref_template=SCHEMAS + "{model}")
            described.setdefault("components", {}).setdefault("schemas", {}).update(rows["$defs"])
            forget_validation(described)
            app.openapi_schema = described
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI documents it


def forget_validation(described: dict[str, Any]) -> None:
    """Take out what FastAPI says of parameters that it refuses: those here are words, which it never does."""
    for name in ("HTTPValidationError", "ValidationError"):
        described["components"]["schemas"].pop(name, None)
    for operation in (each for path in described["paths"].values() for each in path.values()):
        if "HTTPValidationError" in str(operation["responses"].get("422")):
            del operation["responses"]["422"]
