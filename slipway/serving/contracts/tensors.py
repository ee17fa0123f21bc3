"""The tensors of the Open Inference Protocol, in JSON and in binary: from a request to rows, and back."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, StrictBool, StrictFloat, StrictStr, TypeAdapter

from slipway.serving.contracts.forms import FEATURE, check_kind, parse_json, refuse_more_rows
from slipway.serving.declared import Feature
from slipway.serving.requests import Refused
from slipway.serving.rows import NAMES, Values

LENGTH = "inference-header-content-length"
DIGITS = re.compile(r"[0-9]{1,9}")
Size = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Datatype:
    """What a tensor holds: the kind of a feature, numpy's name for it in binary (None: BYTES), and what stands for it in JSON."""

    kind: type
    binary: str | None
    values: TypeAdapter[list[Any]]


def _make_whole(binary: str) -> Datatype:
    limits = np.iinfo(binary)
    value = Annotated[int, Field(strict=True, ge=int(limits.min), le=int(limits.max))]
    return Datatype(int, binary, TypeAdapter(list[value | None]))


FLOATS = TypeAdapter(list[StrictFloat | None])
DATATYPES = {
    **{f"INT{8 * size}": _make_whole(f"<i{size}") for size in (8, 4, 2, 1)},
    **{f"UINT{8 * size}": _make_whole(f"<u{size}") for size in (8, 4, 2, 1)},
    **{f"FP{8 * size}": Datatype(float, f"<f{size}", FLOATS) for size in (8, 4, 2)},
    "BOOL": Datatype(bool, "|u1", TypeAdapter(list[StrictBool | None])),
    "BYTES": Datatype(str, None, TypeAdapter(list[StrictStr | None])),
}


class InputParameters(BaseModel):
    """The parameters of an input that are read."""

    binary_data_size: Size | None = None


class Input(BaseModel):
    """A tensor: a value of one feature for each row, shape [n] or [n, 1]."""

    name: str
    shape: Annotated[list[Size], Field(min_length=1, max_length=2)]
    datatype: str
    parameters: InputParameters | None = None
    data: list[Any] | None = None


class OutputParameters(BaseModel):
    """The parameters of an output that are read, and those that are refused since they would alter the answer."""

    binary_data: bool | None = None
    classification: None = None
    shared_memory_region: None = None


class Output(BaseModel):
    """A tensor that is wanted."""

    name: str
    parameters: OutputParameters | None = None


class Parameters(BaseModel):
    """The parameters of a request that are read."""

    binary_data_output: bool | None = None


class Inference(BaseModel):
    """A request; no `outputs` means all."""

    id: str | None = None
    parameters: Parameters | None = None
    inputs: list[Input]
    outputs: list[Output] | None = None


INFERENCE = TypeAdapter(Inference)


def read_request(content: bytes, length: str | None, max_rows: int) -> tuple[Inference, list[Values]]:
    """Return a request, and its rows from JSON and the binary data behind it. Raises Refused."""
    if length is not None and not (DIGITS.fullmatch(length) and int(length) <= len(content)):
        raise Refused(400, f"{LENGTH}: a number of bytes is expected, at most those of the content.")
    end = len(content) if length is None else int(length)
    inference = check_kind(INFERENCE, parse_json(content[:end], max_rows), "the request")
    inputs = {each.name: each for each in inference.inputs}
    if len(inputs) < len(inference.inputs) or inputs.keys() != FEATURE.keys():
        raise Refused(422, f"inputs: there has to be one for each of {', '.join(NAMES)}.")
    _refuse_shapes(inference.inputs, max_rows)
    parts = _cut_binary(inference, content[end:])
    columns = {name: read_column(each, FEATURE[name], part) for (name, each), part in zip(inputs.items(), parts, strict=True)}
    return inference, [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _refuse_shapes(inputs: list[Input], max_rows: int) -> None:
    number = inputs[0].shape[0]
    for each in inputs:
        if each.shape not in ([number], [number, 1]):
            raise Refused(422, f"inputs, {each.name}, shape: [n] or [n, 1] is expected, with the same n for all.")
    refuse_more_rows(number, max_rows)


def _cut_binary(inference: Inference, binary: bytes) -> list[bytes | None]:
    # None stands for a tensor that is not in the binary data.
    parts: list[bytes | None] = []
    at = 0
    for each in inference.inputs:
        size = (each.parameters or InputParameters()).binary_data_size
        if (size is None) == (each.data is None):
            raise Refused(422, f"inputs, {each.name}: either data or the parameter binary_data_size is expected.")
        parts.append(None if size is None else binary[at : at + size])
        at += size or 0
    if at != len(binary):
        raise Refused(422, "inputs: the sizes of the binary data and its length disagree.")
    return parts


def read_column(tensor: Input, feature: Feature, binary: bytes | None) -> list[Any]:
    """Return the values of one feature, shape (n,). Raises Refused."""
    where = f"inputs, {feature.name}"
    if tensor.datatype not in list_datatypes(feature):
        raise Refused(422, f"{where}, datatype: {' or '.join(list_datatypes(feature))} is expected.")
    datatype = DATATYPES[tensor.datatype]
    if binary is None:
        return _read_values(datatype, tensor.data or [], tensor.shape, where)
    return _read_binary(datatype, binary, tensor.shape[0], where)


def list_datatypes(feature: Feature) -> list[str]:
    """Return the datatypes that may hold a feature, the usual one first."""
    return [name for name, each in DATATYPES.items() if feature.kind in (each.kind, object)]


def _read_values(datatype: Datatype, data: list[Any], shape: list[int], where: str) -> list[Any]:
    # In JSON null is missing, and a tensor of a shape with two numbers may be nested.
    if len(shape) == 2 and all(isinstance(each, list) and len(each) == 1 for each in data):
        data = [each for [each] in data]
    if len(data) != shape[0]:
        raise Refused(422, f"{where}: the shape and the number of values disagree.")
    return check_kind(datatype.values, data, where)


def _read_binary(datatype: Datatype, data: bytes, rows: int, where: str) -> list[Any]:
    # In binary NaN is missing.
    if datatype.binary is None:
        values: list[Any] = list(_read_words(data, where))
    elif len(data) != rows * np.dtype(datatype.binary).itemsize:
        values = []
    else:
        values = np.frombuffer(data, datatype.binary).tolist()
    if len(values) != rows:
        raise Refused(422, f"{where}: the shape and the number of bytes disagree.")
    if datatype.kind is bool:
        if not set(values) <= {0, 1}:
            raise Refused(422, f"{where}: each byte has to be 0 or 1.")
        return list(map(bool, values))
    return [None if each != each else each for each in values] if datatype.kind is float else values


def _read_words(data: bytes, where: str) -> Iterator[str]:
    # Each word stands after its number of bytes.
    at = 0
    while at < len(data):
        start = at + 4
        at = start + int.from_bytes(data[at:start], "little")
        if at > len(data):
            raise Refused(422, f"{where}: a word is longer than the data.")
        try:
            yield data[start:at].decode()
        except UnicodeDecodeError:
            raise Refused(422, f"{where}: a word is not in UTF-8.") from None


def to_binary(datatype: Datatype, values: list[Any]) -> bytes:
    """Return a tensor's values in binary."""
    if datatype.binary is None:
        return b"".join(len(each).to_bytes(4, "little") + each for each in map(str.encode, values))
    return np.array(values, dtype=datatype.binary).tobytes()
