"""An answer of the Open Inference Protocol: the tensors that are asked for."""

from dataclasses import dataclass
from typing import Any

from fastapi import Response
from pydantic_core import to_json

from slipway.serving.body import JSON
from slipway.serving.contracts.v2_inputs import LENGTH, Asked, Output, OutputParameters, Parameters
from slipway.serving.contracts.v2_tensors import DATATYPES, to_binary
from slipway.serving.endpoint import Answered
from slipway.serving.errors import Refused
from slipway.serving.manifest import Manifest

BINARY = "application/octet-stream"


@dataclass(frozen=True)
class Tensor:
    """An output; `shape` without the number of rows."""

    name: str
    datatype: str
    shape: list[int]


def outputs(manifest: Manifest) -> list[Tensor]:
    """Name what is answered: predictions, and the labels of a classification."""
    classes = manifest.model.classes
    predictions = Tensor("predictions", "FP64", [len(classes)] if classes and manifest.task == "multiclass" else [])
    if not classes:
        return [predictions]
    kinds = {type(each) for each in classes}
    label = next((name for name in ("INT64", "FP64", "BOOL") if kinds == {DATATYPES[name].kind}), "BYTES")
    return [predictions, Tensor("labels", label, [])]


def wanted(asked: Asked, manifest: Manifest) -> list[tuple[Tensor, bool]]:
    """Return the outputs that are asked for, and whether in binary. Raises Refused."""
    known = {each.name: each for each in outputs(manifest)}
    usual = (asked.parameters or Parameters()).binary_data_output or False
    named = asked.outputs or [Output(name=name) for name in known]
    if len({each.name for each in named}) < len(named) or not {each.name for each in named} <= known.keys():
        raise Refused(422, f"outputs: of {', '.join(known)} each may be asked for once.")
    own = [(each.parameters or OutputParameters()).binary_data for each in named]
    return [(known[each.name], usual if binary is None else binary) for each, binary in zip(named, own, strict=True)]


def answer(said: dict[str, Any], wanted: list[tuple[Tensor, bool]], answered: Answered) -> Response:
    """Write an answer: JSON, and binary data behind it where that was asked for."""
    tensors: list[dict[str, Any]] = []
    behind: list[bytes] = []
    for each, binary in wanted:
        values = answered.answers.ravel().tolist() if each.name == "predictions" else answered.labels or []
        values = list(map(str, values)) if each.datatype == "BYTES" else values
        tensor = {"name": each.name, "datatype": each.datatype, "shape": [len(answered.answers), *each.shape]}
        if binary:
            behind.append(to_binary(DATATYPES[each.datatype], values))
            tensors.append(tensor | {"parameters": {"binary_data_size": len(behind[-1])}})
        else:
            tensors.append(tensor | {"data": values})
    header = to_json(said | {"outputs": tensors})
    if not behind:
        return Response(header, media_type=JSON)
    return Response(b"".join([header, *behind]), media_type=BINARY, headers={LENGTH: str(len(header))})
