"""Triton's own client, which sends and wants binary tensors unless it is told otherwise."""
# What it imports is in an environment of its own.
# mypy: ignore-errors

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from tests.template.clients.asked import NAME, TAG, given, refusal

DTYPES = {"INT64": np.int64, "FP64": np.float64, "BOOL": np.bool_, "BYTES": np.object_}

asked = given()
with triton.InferenceServerClient(asked.address) as client:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(NAME)
    assert client.is_model_ready(NAME, TAG)
    assert client.get_server_metadata()["name"] == NAME
    described = client.get_model_metadata(NAME)
    for binary in (True, False):
        inputs = []
        for each in described["inputs"]:
            values = np.array(asked.columns[each["name"]], DTYPES[each["datatype"]]).reshape(-1, 1)
            inputs.append(triton.InferInput(each["name"], list(values.shape), each["datatype"]))
            inputs[-1].set_data_from_numpy(values, binary_data=binary)
        for outputs in (None, [triton.InferRequestedOutput("predictions", binary_data=not binary)]):
            said = client.infer(NAME, inputs, outputs=outputs, request_id="mine")
            assert said.get_response()["id"] == "mine"
            asked.hold(said.as_numpy("predictions"))
    error = refusal(InferenceServerException, lambda: client.infer(NAME, inputs[:1]))
    assert (error.status(), error.message()[:8]) == ("422", "inputs: ")
