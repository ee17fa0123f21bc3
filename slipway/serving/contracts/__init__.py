"""The HTTP contracts of platforms, thin translations to what answers /predict. `contracts` in the config lists those that are on."""

from fastapi import FastAPI

from slipway.serving.contracts import platforms, v2
from slipway.serving.endpoint import Endpoint
from slipway.serving.observe import Drain


def install_contracts(app: FastAPI, endpoint: Endpoint, drain: Drain) -> None:
    """Add the routes of the contracts that are on. Raises ReleaseError when two of them would be the same."""
    on = set(endpoint.config.contracts)
    if on & {"azure", "v1"}:

        @app.get("/")  # where Azure ML and KServe V1 check that the process lives
        async def status() -> dict[str, str]:
            return {"status": "alive"}

    if "azure" in on:
        platforms.install_azure(app, endpoint)
    if on & {"mlflow", "sagemaker"}:
        platforms.install_invocations(app, endpoint, drain)
    if "v1" in on:
        platforms.install_v1(app, endpoint, drain)
    if "v2" in on:
        v2.install_v2(app, endpoint, drain)
    if "vertex" in on:
        platforms.install_vertex(app, endpoint, drain)
