"""Google Vertex AI: the health and the prediction route that it names in the environment; `__main__` takes the port from it.

https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
"""

import os
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.routing import BaseRoute, Match

from slipway.serving import body, description
from slipway.serving.contracts import content, forms
from slipway.serving.declared import FEATURES
from slipway.serving.drain import Drain
from slipway.serving.endpoint import Endpoint
from slipway.serving.manifest import ReleaseError

# Routes that say what Vertex AI wants to know.
HEALTH = ("/health", "/ping", "/readyz", "/v2/health/ready")
WHOLE = [each.name for each in FEATURES if each.kind is int]
SENT = content.asked(content.member("instances", content.ROW_LIST))


def install(app: FastAPI, endpoint: Endpoint, drain: Drain) -> None:
    """Give an app the routes. Raises ReleaseError when one of them is already something else."""
    config = endpoint.config

    async def health() -> Response:
        return Response(status_code=503 if drain.on else 200)

    async def predict(request: Request) -> Response:
        rows = forms.instances(content.parsed(await body.read(request, config.max_body_bytes), config.max_rows))
        return content.said(await endpoint.ask_values([whole(row) for row in rows]))

    if path := wanted("AIP_HEALTH_ROUTE", "GET", app.routes, HEALTH):
        app.get(path, response_class=Response, responses=content.READY)(health)
    if path := wanted("AIP_PREDICT_ROUTE", "POST", app.routes):
        app.post(path, responses=description.ANSWERS, openapi_extra=SENT)(predict)


def whole(row: Any) -> Any:
    """Write 3.0 as 3 where a whole number is declared: Vertex AI's API has one type of number, and its client sends 3.0 for 3."""
    if not isinstance(row, dict):
        return row
    found = {name: row[name] for name in WHOLE if isinstance(row.get(name), float) and row[name].is_integer()}
    return row | {name: int(value) for name, value in found.items()}


def wanted(variable: str, method: str, routes: Sequence[BaseRoute], same: Sequence[str] = ()) -> str | None:
    """Return a route that is to be added, None if there is nothing to add. Raises ReleaseError when it cannot be."""
    path = os.environ.get(variable)
    if not path:
        return None
    if not path.startswith("/") or set(path) & set("{}?#%"):
        raise ReleaseError(f"{variable} is {path}; it has to be a path that begins with a slash.")
    asked = {"type": "http", "method": method, "path": path, "headers": []}
    taken = [getattr(each, "path", "") for each in routes if each.matches(asked)[0] is Match.FULL]
    if taken and taken[0] not in same:
        raise ReleaseError(f"{variable} is {path}, which is a route of the service already. Choose another, or leave it to Vertex AI.")
    return None if taken else path
