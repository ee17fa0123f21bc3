"""Azure Machine Learning: POST /score; / is answered for its liveness probe.

Azure passes the content on as it is. Its examples send {"data": [...]} to a scoring script and {"input_data": {"columns", "data"}} to an
MLflow model (Azure/azureml-examples: cli/endpoints/online/model-2/sample-request.json and .../mlflow/sample-request-sklearn.json). Rows
without names, as in the former, are refused here.
"""

from typing import Any

from fastapi import FastAPI, Request, Response

from slipway.serving import body, description
from slipway.serving.contracts import content, forms, sagemaker
from slipway.serving.endpoint import Endpoint

SENT = content.asked(
    content.ROW_LIST, content.member("data", content.ROW_LIST), content.member("input_data", {"anyOf": [content.ROW_LIST, content.SPLIT]})
)


def install(app: FastAPI, endpoint: Endpoint) -> None:
    """Give an app the route."""
    config = endpoint.config

    @app.post("/score", responses=description.ANSWERS, openapi_extra=SENT)
    async def score(request: Request) -> Response:
        value = content.parsed(await body.read(request, config.max_body_bytes), config.max_rows)
        return content.said(await endpoint.ask_values(unwrapped(value)))


def unwrapped(value: Any) -> list[Any]:
    """Take the rows out of what Azure's callers send. Raises Refused."""
    if isinstance(value, dict) and "input_data" in value:
        found = value["input_data"]
        return forms.split(found, "input_data") if isinstance(found, dict) else forms.listed(found, "input_data")
    if isinstance(value, dict) and "data" in value:
        return forms.listed(value["data"], "data")
    return sagemaker.bare(value)
