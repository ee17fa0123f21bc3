"""KServe's V1 protocol.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
"""

from typing import Annotated

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from slipway.serving import body, description
from slipway.serving.contracts import content, forms
from slipway.serving.drain import Drain
from slipway.serving.endpoint import Endpoint
from slipway.serving.errors import Refused

SENT = content.asked(content.member("instances", content.ROW_LIST))


def install(app: FastAPI, endpoint: Endpoint, drain: Drain) -> None:
    """Give an app the routes; the model is called as the project is."""
    config, project = endpoint.config, endpoint.release.manifest.project
    called = Annotated[str, content.named(project)]

    @app.get("/v1/models")
    async def models() -> dict[str, list[str]]:
        return {"models": [project]}

    @app.post("/v1/models/{name}:predict", responses=description.ANSWERS | content.UNKNOWN, openapi_extra=SENT)
    async def predict(name: called, request: Request) -> Response:
        known(name)
        rows = forms.instances(content.parsed(await body.read(request, config.max_body_bytes), config.max_rows))
        return content.said(await endpoint.ask_values(rows))

    @app.get("/v1/models/{name}", responses=content.READY | content.UNKNOWN)
    async def ready(name: called) -> JSONResponse:
        if name.endswith(":predict"):
            raise Refused(405, "Method Not Allowed", {"allow": "POST"})
        known(name)
        return JSONResponse({"name": project, "ready": not drain.on}, 503 if drain.on else 200)

    def known(name: str) -> None:
        if name != project:
            raise Refused(404, f"The model here is called {project}.")
