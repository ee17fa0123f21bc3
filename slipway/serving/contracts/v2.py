"""The Open Inference Protocol (V2) over HTTP, with Triton's binary tensors: one input tensor for each feature.

https://github.com/open-inference/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from typing import Annotated, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from slipway.serving import body, description
from slipway.serving.contracts import content, v2_inputs, v2_outputs
from slipway.serving.contracts.v2_tensors import fitting
from slipway.serving.declared import FEATURES
from slipway.serving.drain import Drain
from slipway.serving.endpoint import Endpoint
from slipway.serving.errors import Refused
from slipway.serving.release import Release

TENSORS = {
    "description": "One for each feature, of the shape [n] or [n, 1], here for one row",
    "type": "array",
    "prefixItems": [
        {
            "type": "object",
            "properties": {
                "name": {"const": each.name},
                "shape": {"enum": [[1], [1, 1]]},
                "datatype": {"const": fitting(each)[0]},
                "data": {"type": "array", "prefixItems": [field], "minItems": 1, "maxItems": 1},
            },
            "required": ["name", "shape", "datatype", "data"],
        }
        for each, field in zip(FEATURES, content.FIELDS, strict=True)
    ],
    "minItems": len(FEATURES),
    "maxItems": len(FEATURES),
}
SENT = content.asked(content.member("inputs", TENSORS), **{v2_outputs.BINARY: {"schema": {"type": "string", "format": "binary"}}})
ANSWERS = (
    description.REFUSALS
    | content.UNKNOWN
    | {400: {"model": description.Error, "description": "Where the binary data begins is not said rightly"}}
)
MODEL, VERSION = "/v2/models/{name}", "/v2/models/{name}/versions/{version}"


def install(app: FastAPI, endpoint: Endpoint, drain: Drain) -> None:
    """Give an app the routes; the model is called as the project is, and its version as the release."""
    release = endpoint.release
    project, tag = release.manifest.project, release.tag
    called = Annotated[str, content.named(project)]

    def state(**said: Any) -> JSONResponse:
        return JSONResponse({**said, "ready": not drain.on}, 503 if drain.on else 200)

    def known(name: str, request: Request) -> None:
        if name != project or request.path_params.get("version", tag) != tag:
            raise Refused(404, f"The model here is called {project}, its version {tag}.")

    @app.get("/v2/", include_in_schema=False)
    @app.get("/v2")
    async def server() -> dict[str, Any]:
        return {"name": project, "version": tag, "extensions": ["binary_tensor_data"]}

    @app.get("/v2/health/live")
    async def live() -> dict[str, bool]:
        return {"live": True}

    @app.get("/v2/health/ready", responses=content.READY)
    async def ready() -> JSONResponse:
        return state()

    @app.get(VERSION, include_in_schema=False)
    @app.get(MODEL, responses=content.UNKNOWN)
    async def metadata(name: called, request: Request) -> dict[str, Any]:
        known(name, request)
        return described(release)

    @app.get(f"{VERSION}/ready", include_in_schema=False)
    @app.get(f"{MODEL}/ready", responses=content.READY | content.UNKNOWN)
    async def model_ready(name: called, request: Request) -> JSONResponse:
        known(name, request)
        return state(name=project)

    @app.post(f"{VERSION}/infer", include_in_schema=False)
    @app.post(f"{MODEL}/infer", responses=ANSWERS, openapi_extra=SENT)
    async def predict(name: called, request: Request) -> Response:
        known(name, request)
        # Triton's client names no kind of content at all.
        kinds = (body.JSON, v2_outputs.BINARY) if "content-type" in request.headers else ("",)
        sent = await body.read(request, endpoint.config.max_body_bytes, kinds)
        asked, rows = v2_inputs.rows(sent, request.headers.get(v2_inputs.LENGTH), endpoint.config.max_rows)
        wanted = v2_outputs.wanted(asked, release.manifest)
        said = {"model_name": project, "model_version": tag} | ({} if asked.id is None else {"id": asked.id})
        return v2_outputs.answer(said, wanted, await endpoint.ask_values(rows))


def described(release: Release) -> dict[str, Any]:
    """Describe the model; -1 stands for any number of rows."""
    return {
        "name": release.manifest.project,
        "versions": [release.tag],
        "platform": "sklearn",
        "inputs": [{"name": each.name, "datatype": fitting(each)[0], "shape": [-1, 1]} for each in FEATURES],
        "outputs": [
            {"name": each.name, "datatype": each.datatype, "shape": [-1, *each.shape]} for each in v2_outputs.outputs(release.manifest)
        ],
    }
