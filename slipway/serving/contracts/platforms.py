"""The contracts of Azure Machine Learning, KServe (V1), MLflow, Amazon SageMaker and Google Vertex AI: rows in JSON or CSV."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic_core import to_json
from starlette.routing import BaseRoute, Match

from slipway.serving import description
from slipway.serving.contracts import forms
from slipway.serving.declared import FEATURES
from slipway.serving.description import ROW_LIST, describe_content, describe_member
from slipway.serving.endpoint import Endpoint
from slipway.serving.manifest import ReleaseError
from slipway.serving.observe import Drain
from slipway.serving.requests import JSON, Refused, read_body

Forms = Mapping[str, Callable[[Any, str], list[Any]]]
CSV = "text/csv"
# MLflow: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
MLFLOW: Forms = {
    "dataframe_split": forms.read_split,
    "dataframe_records": forms.read_list,
    "instances": forms.read_columns,
    "inputs": forms.read_columns,
}
# SageMaker leaves the content to the container: {"instances": [...]} as in its own containers, or rows as for /predict.
# https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
SAGEMAKER: Forms = {"instances": forms.read_list}
INSTANCES = describe_content(describe_member("instances", ROW_LIST))
AZURE = describe_content(
    ROW_LIST, describe_member("data", ROW_LIST), describe_member("input_data", {"anyOf": [ROW_LIST, description.SPLIT]})
)
# Routes that already do what Vertex AI expects of its health route.
HEALTH = ("/health", "/ping", "/readyz", "/v2/health/ready")
WHOLE = [each.name for each in FEATURES if each.kind is int]


async def _read_json(request: Request, endpoint: Endpoint) -> Any:
    return forms.parse_json(await read_body(request, endpoint.config.max_body_bytes), endpoint.config.max_rows)


async def _respond(endpoint: Endpoint, rows: list[Any]) -> Response:
    answered = await endpoint.answer_values(rows)
    labels = {} if answered.labels is None else {"labels": answered.labels}
    return Response(to_json({"predictions": answered.answers.tolist()} | labels), media_type=JSON)


def install_azure(app: FastAPI, endpoint: Endpoint) -> None:
    """Add Azure's POST /score; / answers its liveness probe.

    Azure passes the content on as it is. Its examples send {"data": [...]} to a scoring script and {"input_data": {"columns", "data"}} to
    an MLflow model (Azure/azureml-examples: cli/endpoints/online/model-2/sample-request.json and .../mlflow/sample-request-sklearn.json).
    Rows without names, as in the former, are refused here.
    """

    @app.post("/score", responses=description.ANSWERS, openapi_extra=AZURE)
    async def score(request: Request) -> Response:
        return await _respond(endpoint, _read_azure(await _read_json(request, endpoint)))


def _read_azure(value: Any) -> list[Any]:
    if isinstance(value, dict) and "input_data" in value:
        rows = value["input_data"]
        return forms.read_split(rows, "input_data") if isinstance(rows, dict) else forms.read_list(rows, "input_data")
    if isinstance(value, dict) and "data" in value:
        return forms.read_list(value["data"], "data")
    return forms.read_bare(value)


def install_invocations(app: FastAPI, endpoint: Endpoint, drain: Drain) -> None:
    """Add /invocations and /ping, which SageMaker and MLflow share."""
    config = endpoint.config
    bare, mlflow = "sagemaker" in config.contracts, "mlflow" in config.contracts
    allowed: Forms = {**(SAGEMAKER if bare else {}), **(MLFLOW if mlflow else {})}
    content = describe_content(
        *([ROW_LIST] if bare else []),
        *(describe_member(name, description.SPLIT if read is forms.read_split else ROW_LIST) for name, read in allowed.items()),
        **{CSV: {"schema": {"type": "string"}}},
    )

    @app.post("/invocations", responses=description.ANSWERS, openapi_extra=content)
    async def invocations(request: Request) -> Response:
        body = await read_body(request, config.max_body_bytes, (JSON, CSV))
        if request.headers["content-type"].lower().startswith(CSV):
            rows = forms.parse_csv(body, config.max_rows)
        else:
            rows = _read_form(forms.parse_json(body, config.max_rows), allowed, bare)
        return await _respond(endpoint, rows)

    async def ping() -> Response:
        return Response(status_code=drain.status)

    app.get("/ping", response_class=Response, responses=description.READY)(ping)
    if mlflow:
        app.get("/health", response_class=Response, responses=description.READY)(ping)


def _read_form(value: Any, allowed: Forms, bare: bool) -> list[Any]:
    names = [name for name in allowed if isinstance(value, dict) and name in value]
    if len(names) == 1:
        return allowed[names[0]](value[names[0]], names[0])
    if not names and bare:
        return forms.read_bare(value)
    raise Refused(422, f"the request: one of {', '.join(allowed)} is expected.")


def install_v1(app: FastAPI, endpoint: Endpoint, drain: Drain) -> None:
    """Add the routes of KServe's V1 protocol; the model is called as the project is.

    https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
    """
    project = endpoint.release.manifest.project
    model = Annotated[str, description.describe_path(project)]

    @app.get("/v1/models")
    async def models() -> dict[str, list[str]]:
        return {"models": [project]}

    @app.post("/v1/models/{name}:predict", responses=description.ANSWERS | description.UNKNOWN, openapi_extra=INSTANCES)
    async def predict(name: model, request: Request) -> Response:
        check_name(name)
        return await _respond(endpoint, forms.read_instances(await _read_json(request, endpoint)))

    @app.get("/v1/models/{name}", responses=description.READY | description.UNKNOWN)
    async def ready(name: model) -> JSONResponse:
        if name.endswith(":predict"):
            raise Refused(405, "Method Not Allowed", {"allow": "POST"})
        check_name(name)
        return JSONResponse({"name": project, "ready": not drain.on}, drain.status)

    def check_name(name: str) -> None:
        if name != project:
            raise Refused(404, f"The model here is called {project}.")


def install_vertex(app: FastAPI, endpoint: Endpoint, drain: Drain) -> None:
    """Add the health and the prediction route that Vertex AI names in the environment; `__main__` takes the port from it.

    https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
    Raises ReleaseError when one of them is already something else.
    """

    async def health() -> Response:
        return Response(status_code=drain.status)

    async def predict(request: Request) -> Response:
        rows = forms.read_instances(await _read_json(request, endpoint))
        return await _respond(endpoint, [_restore_whole(row) for row in rows])

    if path := _choose_route("AIP_HEALTH_ROUTE", "GET", app.routes, HEALTH):
        app.get(path, response_class=Response, responses=description.READY)(health)
    if path := _choose_route("AIP_PREDICT_ROUTE", "POST", app.routes):
        app.post(path, responses=description.ANSWERS, openapi_extra=INSTANCES)(predict)


def _restore_whole(row: Any) -> Any:
    # Vertex AI's API has one type of number, and its client sends 3.0 for 3.
    if not isinstance(row, dict):
        return row
    floats = {name: row[name] for name in WHOLE if isinstance(row.get(name), float) and row[name].is_integer()}
    return row | {name: int(value) for name, value in floats.items()}


def _choose_route(variable: str, method: str, routes: Sequence[BaseRoute], same: Sequence[str] = ()) -> str | None:
    path = os.environ.get(variable)
    if not path:
        return None
    if not path.startswith("/") or set(path) & set("{}?#%"):
        raise ReleaseError(f"{variable} is {path}; it has to be a path that begins with a slash.")
    scope = {"type": "http", "method": method, "path": path, "headers": []}
    taken = [getattr(each, "path", "") for each in routes if each.matches(scope)[0] is Match.FULL]
    if taken and taken[0] not in same:
        raise ReleaseError(f"{variable} is {path}, which is a route of the service already. Choose another, or leave it to Vertex AI.")
    return None if taken else path
