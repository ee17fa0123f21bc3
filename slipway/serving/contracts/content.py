"""From a request's content to values, and from answers to a response, for every contract."""

import json
from typing import Any, TypeVar

from fastapi import Path, Response
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from model.features import Row
from slipway.serving import body, description
from slipway.serving.endpoint import Answered
from slipway.serving.errors import SHOWN, Refused
from slipway.serving.rows import NAMES, refuse_crowded

Kind = TypeVar("Kind")
CSV = "text/csv"
ROW_LIST = {"type": "array", "items": {"$ref": description.SCHEMAS + Row.__name__}, "minItems": 1}
FIELDS = [{"$ref": f"{description.SCHEMAS}{Row.__name__}/properties/{name}"} for name in NAMES]
CELLS = {"type": "array", "prefixItems": FIELDS, "minItems": len(NAMES), "maxItems": len(NAMES)}
SPLIT = {
    "description": "Columns in any order, and of each row the values in the same order",
    "type": "object",
    "properties": {"columns": {"const": NAMES}, "data": {"type": "array", "items": CELLS, "minItems": 1}},
    "required": ["columns", "data"],
}
READY: dict[int | str, dict[str, Any]] = {503: {"description": "Not ready: it is about to stop"}}
UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"model": description.Error, "description": "No such model, or version"}}


def parsed(content: bytes, max_rows: int) -> Any:
    """Parse JSON in which each name is there once and each number is one. Raises Refused."""
    refuse_crowded(content, max_rows)
    try:
        value = from_json(content, allow_inf_nan=False)
    except ValueError:
        raise Refused(422, "the request: this is no JSON.") from None
    # Outside of words there are as many colons as names: only where there are more is it looked at closely.
    if content.count(b":") != names(value):
        json.loads(content, object_pairs_hook=refuse_repeated)
    return value


def names(value: Any) -> int:
    """Count the names in the objects of a value; pydantic's parser has taken no more than 200 levels."""
    if isinstance(value, dict):
        return len(value) + sum(names(each) for each in value.values() if isinstance(each, dict | list))
    return sum(names(each) for each in value if isinstance(each, dict | list)) if isinstance(value, list) else 0


def refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    """Raise Refused when an object has a name twice."""
    if len(dict(pairs)) < len(pairs):
        raise Refused(422, "the request: a name is there twice in one object.")


def checked(kind: TypeAdapter[Kind], value: Any, where: str) -> Kind:
    """Return a value that has to be of a kind whose names are ours. Raises Refused with the places where it is not."""
    try:
        return kind.validate_python(value, strict=True)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)[:SHOWN]
        raise Refused(422, "; ".join(f"{', '.join(map(str, (where, *each['loc'])))}: {each['msg']}" for each in errors)) from None


def said(answered: Answered) -> Response:
    """Return predictions, and the labels of a classification."""
    labels = {} if answered.labels is None else {"labels": answered.labels}
    return Response(to_json({"predictions": answered.answers.tolist()} | labels), media_type=body.JSON)


def asked(*forms: dict[str, Any], **kinds: dict[str, Any]) -> dict[str, Any]:
    """Describe for `/docs` what may be sent: JSON in one of several forms, and other kinds of content."""
    content = {body.JSON: {"schema": {"anyOf": list(forms)}}, **kinds}
    return {"requestBody": {"required": True, "content": content}}


def named(value: str) -> Any:
    """Describe a part of a path that has one value."""
    return Path(json_schema_extra={"enum": [value]})


def member(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Describe an object that has to have a member."""
    return {"type": "object", "properties": {name: schema}, "required": [name]}
