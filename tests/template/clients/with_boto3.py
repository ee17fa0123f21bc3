"""SageMaker's own client."""
# What it imports is in an environment of its own.
# mypy: ignore-errors

import csv
import io
import json

import boto3
from botocore.exceptions import ClientError

from tests.template.clients.asked import NAME, given, refusal
from tests.template.clients.shim import shim

asked = given()
written = io.StringIO()
writer = csv.DictWriter(written, asked.rows[0])
writer.writeheader()
writer.writerows(asked.rows)
with shim(asked.url, {f"/endpoints/{NAME}/invocations": "/invocations"}) as url:
    nobody = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    client = boto3.client("sagemaker-runtime", endpoint_url=url, region_name="us-east-1", **nobody)
    for kind, content in (("application/json", json.dumps({"instances": asked.rows})), ("text/csv", written.getvalue())):
        said = client.invoke_endpoint(EndpointName=NAME, ContentType=kind, Body=content)
        asked.hold(json.loads(said["Body"].read())["predictions"])
    error = refusal(ClientError, lambda: client.invoke_endpoint(EndpointName=NAME, ContentType="application/json", Body="{}"))
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 422
