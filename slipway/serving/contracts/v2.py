"""The Open tensors.Inference Protocol (V2) over HTTP, with Triton's binary tensors: one input tensor for each feature.

https://github.com/open-inference/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic_core import to_json

from slipway.serving import description
from slipway.serving.contracts import tensors
from slipway.serving.declared import FEATURES
from slipway.serving.endpoint import Answered, Endpoint
from slipway.serving.manifest import Manifest
from slipway.serving.observe import Drain
from slipway.serving.release import Release
from slipway.serving.requests import JSON, Refused, read_body

BINARY = "application/octet-stream"
TENSORS = {
    "description": "One for each feature, of the shape [n] or [n, 1], here for one row",
    "type": "array",
    "prefixItems": [
        {
            "type": "object",
            "properties": {
                "name": {"const": each.name},
                "shape": {"enum": [[1], [1, 1]]},
                "datatype": {"const": tensors.list_datatypes(each)[0]},
                "data": {"type": "array", "prefixItems": [field], "minItems": 1, "maxItems": 1},
            },
            "required": ["name", "shape", "datatype", "data"],
        }
        for each, field in zip(FEATURES, description.FIELDS, strict=True)
    ],
    "minItems": len(FEATURES),
    "maxItems": len(FEATURES),
}
CONTENT = description.describe_content(
    description.describe_member("inputs", TENSORS), **{BINARY: {"schema": {"type": "string", "format": "binary"}}}
)
ANSWERS = (
    description.REFUSALS
    | description.UNKNOWN
    | {400: {"model": description.Error, "description": "Where the binary data begins is not said rightly"}}
)
MODEL, VERSION = "/v2/models/{name}", "/v2/models/{name}/versions/{version}"


@dataclass(frozen=True)
class Tensor:
    """An output; `shape` without the number of rows."""

    name: str
    datatype: str
    shape: list[int]


def install_v2(app: FastAPI, endpoint: Endpoint, drain: Drain) -> None:
    """Add the routes; the model is called as the project is, and its version as the release."""
    release = endpoint.release
    project, tag = release.manifest.project, release.tag

    @app.get("/v2/", include_in_schema=False)
    @app.get("/v2")
    async def server() -> dict[str, Any]:
        return {"name": project, "version": tag, "extensions": ["binary_tensor_data"]}

    @app.get("/v2/health/live")
    async def live() -> dict[str, bool]:
        return {"live": True}

    @app.get("/v2/health/ready", responses=description.READY)
    async def ready() -> JSONResponse:
        return JSONResponse({"ready": not drain.on}, drain.status)

    _install_model(app, endpoint, drain, Annotated[str, description.describe_path(project)])


def _install_model(app: FastAPI, endpoint: Endpoint, drain: Drain, model: Any) -> None:
    release = endpoint.release

    @app.get(VERSION, include_in_schema=False)
    @app.get(MODEL, responses=description.UNKNOWN)
    async def metadata(name: model, request: Request) -> dict[str, Any]:
        _check_name(release, name, request)
        return _describe_model(release)

    @app.get(f"{VERSION}/ready", include_in_schema=False)
    @app.get(f"{MODEL}/ready", responses=description.READY | description.UNKNOWN)
    async def model_ready(name: model, request: Request) -> JSONResponse:
        _check_name(release, name, request)
        return JSONResponse({"name": name, "ready": not drain.on}, drain.status)

    @app.post(f"{VERSION}/infer", include_in_schema=False)
    @app.post(f"{MODEL}/infer", responses=ANSWERS, openapi_extra=CONTENT)
    async def predict(name: model, request: Request) -> Response:
        _check_name(release, name, request)
        # Triton's client names no kind of content at all.
        kinds = (JSON, BINARY) if "content-type" in request.headers else ("",)
        content = await read_body(request, endpoint.config.max_body_bytes, kinds)
        inference, rows = tensors.read_request(content, request.headers.get(tensors.LENGTH), endpoint.config.max_rows)
        wanted = _choose_outputs(inference, release.manifest)
        header = {"model_name": name, "model_version": release.tag} | ({} if inference.id is None else {"id": inference.id})
        return _respond(header, wanted, await endpoint.answer_values(rows))


def _check_name(release: Release, name: str, request: Request) -> None:
    project, tag = release.manifest.project, release.tag
    if name != project or request.path_params.get("version", tag) != tag:
        raise Refused(404, f"The model here is called {project}, its version {tag}.")


def _describe_model(release: Release) -> dict[str, Any]:
    # -1 stands for any number of rows.
    outputs = list_outputs(release.manifest)
    return {
        "name": release.manifest.project,
        "versions": [release.tag],
        "platform": "sklearn",
        "inputs": [{"name": each.name, "datatype": tensors.list_datatypes(each)[0], "shape": [-1, 1]} for each in FEATURES],
        "outputs": [{"name": each.name, "datatype": each.datatype, "shape": [-1, *each.shape]} for each in outputs],
    }


def list_outputs(manifest: Manifest) -> list[Tensor]:
    """Return what is answered: predictions, and the labels of a classification."""
    classes = manifest.model.classes
    predictions = Tensor("predictions", "FP64", [len(classes)] if classes and manifest.task == "multiclass" else [])
    if not classes:
        return [predictions]
    kinds = {type(each) for each in classes}
    label = next((name for name in ("INT64", "FP64", "BOOL") if kinds == {tensors.DATATYPES[name].kind}), "BYTES")
    return [predictions, Tensor("labels", label, [])]


def _choose_outputs(inference: tensors.Inference, manifest: Manifest) -> list[tuple[Tensor, bool]]:
    # Each output that is requested, and whether in binary.
    outputs = {each.name: each for each in list_outputs(manifest)}
    usual = (inference.parameters or tensors.Parameters()).binary_data_output or False
    named = inference.outputs or [tensors.Output(name=name) for name in outputs]
    if len({each.name for each in named}) < len(named) or not {each.name for each in named} <= outputs.keys():
        raise Refused(422, f"outputs: of {', '.join(outputs)} each may be asked for once.")
    own = [(each.parameters or tensors.OutputParameters()).binary_data for each in named]
    return [(outputs[each.name], usual if binary is None else binary) for each, binary in zip(named, own, strict=True)]


def _respond(header: dict[str, Any], wanted: list[tuple[Tensor, bool]], answered: Answered) -> Response:
    # JSON, and binary data behind it where that was requested.
    outputs: list[dict[str, Any]] = []
    behind: list[bytes] = []
    for each, binary in wanted:
        values = answered.answers.ravel().tolist() if each.name == "predictions" else answered.labels or []
        values = list(map(str, values)) if each.datatype == "BYTES" else values
        tensor = {"name": each.name, "datatype": each.datatype, "shape": [len(answered.answers), *each.shape]}
        if binary:
            behind.append(tensors.to_binary(tensors.DATATYPES[each.datatype], values))
            outputs.append(tensor | {"parameters": {"binary_data_size": len(behind[-1])}})
        else:
            outputs.append(tensor | {"data": values})
    content = to_json(header | {"outputs": outputs})
    if not behind:
        return Response(content, media_type=JSON)
    return Response(b"".join([content, *behind]), media_type=BINARY, headers={tensors.LENGTH: str(len(content))})
