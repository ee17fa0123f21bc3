"""Vertex AI's own client."""
# What it imports is in an environment of its own.
# mypy: ignore-errors

from google.auth.credentials import AnonymousCredentials
from google.cloud.aiplatform_v1.services.prediction_service import PredictionServiceClient
from google.cloud.aiplatform_v1.services.prediction_service.transports.rest import PredictionServiceRestTransport
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Value

from tests.template.clients.asked import given, refusal
from tests.template.clients.shim import shim

ENDPOINT = "projects/7/locations/europe-west1/endpoints/8"

asked = given()
with shim(asked.url, {f"/v1/{ENDPOINT}:predict": "/vertex"}) as url:
    transport = PredictionServiceRestTransport(host=url.removeprefix("http://"), url_scheme="http", credentials=AnonymousCredentials())
    client = PredictionServiceClient(transport=transport)
    instances = [json_format.ParseDict(row, Value()) for row in asked.rows]
    asked.hold(client.predict(endpoint=ENDPOINT, instances=instances).predictions)
    # The client looks for Google's own errors, in which Vertex AI wraps those of a container.
    refusal(AttributeError, lambda: client.predict(endpoint=ENDPOINT, instances=[]))
