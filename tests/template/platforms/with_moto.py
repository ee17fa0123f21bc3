"""SageMaker's commands, typed with AWS's own client against moto; after each step the endpoint is followed down to its image."""
# What it imports is in an environment of its own.
# mypy: ignore-errors

import logging
import os
import sys
import tempfile
from pathlib import Path

import boto3
from moto.core.responses import ActionResult
from moto.sagemaker.responses import SageMakerResponse
from moto.server import ThreadedMotoServer

from tests.template.platforms.page import SAGEMAKER, exports, type_out


def update_endpoint(self: SageMakerResponse) -> ActionResult:
    """Answer the one call that moto does not know, as AWS describes it: an endpoint that is there gets a configuration that is there."""
    name, config = self._get_param("EndpointName"), self._get_param("EndpointConfigName")
    tags = self.sagemaker_backend.describe_endpoint(name).get("Tags")
    return ActionResult({"EndpointArn": self.sagemaker_backend.create_endpoint(name, config, tags).arn})


if not hasattr(SageMakerResponse, "update_endpoint"):
    SageMakerResponse.update_endpoint = update_endpoint
logging.getLogger("werkzeug").setLevel(logging.ERROR)
said = exports(SAGEMAKER)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
url = "http://{}:{}".format(*server.get_host_and_port())
nobody = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": ""}
served = []


def follow(command: str) -> None:
    """Ask after each change what is served: endpoint, configuration, model, image."""
    if not command.startswith(("aws sagemaker create-endpoint ", "aws sagemaker update-endpoint ")):
        return
    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    client = boto3.client("sagemaker", endpoint_url=url, region_name=said["AWS_DEFAULT_REGION"], **keys)
    endpoint = client.describe_endpoint(EndpointName="slipway-example")
    config = client.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    model = client.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    served.append((endpoint["EndpointStatus"], model["PrimaryContainer"]["Image"], model["PrimaryContainer"]["Environment"]["RELEASE_TAG"]))


with tempfile.TemporaryDirectory() as folder:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"AWS_CONFIG_FILE": f"{folder}/none", "AWS_SHARED_CREDENTIALS_FILE": f"{folder}/none", "AWS_ENDPOINT_URL": url, "PATH": path}
    type_out(SAGEMAKER, Path(folder), nobody | own, follow)
server.stop()
old, new = (("InService", f"{said['REPOSITORY']}@{said[name]}", tag) for name, tag in (("OLD", "v1.0.0"), ("NEW", "v1.1.0")))
assert served == [old, new, old], served
