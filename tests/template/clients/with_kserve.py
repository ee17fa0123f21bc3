"""KServe's own client, for either of its protocols."""
# What it imports is in an environment of its own.
# mypy: ignore-errors

import asyncio
from collections.abc import Coroutine

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

from tests.template.clients.asked import NAME, Asked, given, refusal

DTYPES = {"INT64": np.int64, "FP64": np.float64, "BOOL": np.bool_, "BYTES": np.object_}


async def v1(asked: Asked) -> Coroutine:
    client = InferenceRESTClient(RESTConfig(protocol="v1"))
    assert await client.is_server_live(asked.url)
    assert await client.is_model_ready(asked.url, NAME)
    asked.hold((await client.infer(asked.url, {"instances": asked.rows}, model_name=NAME))["predictions"])
    return InferenceRESTClient(RESTConfig(protocol="v1")).infer(asked.url, {"instances": []}, model_name=NAME)


async def v2(asked: Asked) -> Coroutine:
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await client.is_server_live(asked.url)
    assert await client.is_server_ready(asked.url)
    assert await client.is_model_ready(asked.url, NAME)
    described = httpx.get(f"{asked.url}/v2/models/{NAME}").json()
    for binary in (True, False):
        inputs = []
        for each in described["inputs"]:
            values = np.array(asked.columns[each["name"]], DTYPES[each["datatype"]]).reshape(-1, 1)
            inputs.append(InferInput(each["name"], list(values.shape), each["datatype"]))
            inputs[-1].set_data_from_numpy(values, binary_data=binary)
        outputs = [RequestedOutput("predictions", parameters={"binary_data": binary})]
        said = await client.infer(asked.url, InferRequest(NAME, inputs, request_id="mine", request_outputs=outputs), model_name=NAME)
        assert said.id == "mine"
        asked.hold(said.outputs[0].as_numpy())
    return InferenceRESTClient(RESTConfig(protocol="v2")).infer(asked.url, InferRequest(NAME, inputs[:1]), model_name=NAME)


asked = given()
wrong = asyncio.run({"v1": v1, "v2": v2}[asked.contract](asked))
assert refusal(httpx.HTTPStatusError, lambda: asyncio.run(wrong)).response.status_code == 422
