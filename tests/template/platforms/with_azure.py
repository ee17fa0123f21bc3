"""Azure ML's own SDK, which is what `az ml` reads files with, takes the endpoint and the deployment, and would send what they say."""
# What it imports is in an environment of its own.
# mypy: ignore-errors

import tempfile
from pathlib import Path

from azure.ai.ml import load_online_deployment, load_online_endpoint

from tests.template.platforms.page import AZURE, files

IMAGE = f"myregistry.azurecr.io/slipway-example@sha256:{'0' * 64}"
ROUTES = {"liveness": "/healthz", "readiness": "/readyz", "scoring": "/score"}

repository, digest = IMAGE.split("@")
with tempfile.TemporaryDirectory() as folder:
    paths = []
    for number, text in enumerate(files(AZURE, NAME="v1-0-0", TAG="v1.0.0", REPOSITORY=repository, DIGEST=digest)):
        paths.append(Path(folder) / f"{number}.yml")
        paths[-1].write_text(text, encoding="utf-8")
    first, second = paths
    endpoint, deployment = load_online_endpoint(first), load_online_deployment(second)
assert (endpoint.name, endpoint.auth_mode) == ("slipway-example", "key")
assert (deployment.name, deployment.endpoint_name, deployment.model) == ("v1-0-0", "slipway-example", None)
sent = deployment._to_rest_object(location="westeurope").as_dict()
assert sent["properties"]["environmentVariables"] == {"RELEASE_TAG": "v1.0.0"}
assert (sent["properties"]["instanceType"], sent["sku"]["capacity"]) == ("Standard_DS2_v2", 1)
environment = deployment.environment._to_rest_object().as_dict()["properties"]
assert environment["image"] == IMAGE
assert environment["inferenceConfig"] == {f"{name}Route": {"port": 8080, "path": path} for name, path in ROUTES.items()}
