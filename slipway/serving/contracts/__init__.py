"""What platforms call: each contract is one file, a thin translation to what answers /predict. `contracts` in the config says which."""

from fastapi import FastAPI

from slipway.serving.contracts import azure, invocations, v1, v2, vertex
from slipway.serving.drain import Drain
from slipway.serving.endpoint import Endpoint


def install(app: FastAPI, endpoint: Endpoint, drain: Drain) -> None:
    """Give an app the routes of the contracts that are on. Raises ReleaseError when two of them would be the same."""
    on = set(endpoint.config.contracts)
    if on & {"azure", "v1"}:
        alive(app)
    if "azure" in on:
        azure.install(app, endpoint)
    if on & {"mlflow", "sagemaker"}:
        invocations.install(app, endpoint, drain)
    if "v1" in on:
        v1.install(app, endpoint, drain)
    if "v2" in on:
        v2.install(app, endpoint, drain)
    if "vertex" in on:
        vertex.install(app, endpoint, drain)


def alive(app: FastAPI) -> None:
    """Answer at /, where Azure ML and KServe V1 look whether the process lives."""

    @app.get("/")
    async def status() -> dict[str, str]:
        return {"status": "alive"}
