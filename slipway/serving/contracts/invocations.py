"""/invocations and /ping, which SageMaker and MLflow share."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request, Response

from slipway.serving import body, description
from slipway.serving.contracts import content, forms, sagemaker, table
from slipway.serving.drain import Drain
from slipway.serving.endpoint import Endpoint
from slipway.serving.errors import Refused

# MLflow: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
MLFLOW = {"dataframe_split": forms.split, "dataframe_records": forms.listed, "instances": forms.columns, "inputs": forms.columns}
Forms = Mapping[str, Callable[[Any, str], list[Any]]]


def install(app: FastAPI, endpoint: Endpoint, drain: Drain) -> None:
    """Give an app the routes."""
    config = endpoint.config
    bare = "sagemaker" in config.contracts
    known: Forms = {**(sagemaker.FORMS if bare else {}), **(MLFLOW if "mlflow" in config.contracts else {})}
    sent = content.asked(
        *([content.ROW_LIST] if bare else []),
        *(content.member(each, content.SPLIT if take is forms.split else content.ROW_LIST) for each, take in known.items()),
        **{content.CSV: {"schema": {"type": "string"}}},
    )

    @app.post("/invocations", responses=description.ANSWERS, openapi_extra=sent)
    async def invocations(request: Request) -> Response:
        sent = await body.read(request, config.max_body_bytes, (body.JSON, content.CSV))
        if request.headers["content-type"].lower().startswith(content.CSV):
            rows = table.rows(sent, config.max_rows)
        else:
            rows = unwrapped(content.parsed(sent, config.max_rows), known, bare)
        return content.said(await endpoint.ask_values(rows))

    async def ping() -> Response:
        return Response(status_code=503 if drain.on else 200)

    app.get("/ping", response_class=Response, responses=content.READY)(ping)
    if "mlflow" in config.contracts:
        app.get("/health", response_class=Response, responses=content.READY)(ping)


def unwrapped(value: Any, known: Forms, bare: bool) -> list[Any]:
    """Take the rows out of the one form that they are in. Raises Refused."""
    found = [name for name in known if isinstance(value, dict) and name in value]
    if len(found) == 1:
        return known[found[0]](value[found[0]], found[0])
    if not found and bare:
        return sagemaker.bare(value)
    raise Refused(422, f"the request: one of {', '.join(known)} is expected.")
