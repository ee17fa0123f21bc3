"""A request of the Open Inference Protocol: from tensors to rows."""

import re
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter

from slipway.serving.contracts.content import checked, parsed
from slipway.serving.contracts.table import FEATURE
from slipway.serving.contracts.v2_tensors import DATATYPES, fitting, from_binary, from_values
from slipway.serving.declared import Feature
from slipway.serving.errors import Refused
from slipway.serving.rows import NAMES, Values

LENGTH = "inference-header-content-length"
DIGITS = re.compile(r"[0-9]{1,9}")
Size = Annotated[int, Field(ge=0)]


class InputParameters(BaseModel):
    """What is looked at of an input's parameters."""

    binary_data_size: Size | None = None


class Input(BaseModel):
    """A tensor: a value of one feature for each row, shape [n] or [n, 1]."""

    name: str
    shape: Annotated[list[Size], Field(min_length=1, max_length=2)]
    datatype: str
    parameters: InputParameters | None = None
    data: list[Any] | None = None


class OutputParameters(BaseModel):
    """What is looked at of an output's parameters, and what is refused since it would alter the answer."""

    binary_data: bool | None = None
    classification: None = None
    shared_memory_region: None = None


class Output(BaseModel):
    """A tensor that is wanted."""

    name: str
    parameters: OutputParameters | None = None


class Parameters(BaseModel):
    """What is looked at of a request's parameters."""

    binary_data_output: bool | None = None


class Asked(BaseModel):
    """A request; no `outputs` means all."""

    id: str | None = None
    parameters: Parameters | None = None
    inputs: list[Input]
    outputs: list[Output] | None = None


ASKED = TypeAdapter(Asked)


def rows(sent: bytes, length: str | None, max_rows: int) -> tuple[Asked, list[Values]]:
    """Take a request, and its rows from JSON and the binary data behind it. Raises Refused."""
    if length is not None and not (DIGITS.fullmatch(length) and int(length) <= len(sent)):
        raise Refused(400, f"{LENGTH}: a number of bytes is expected, at most those of the content.")
    end = len(sent) if length is None else int(length)
    asked = checked(ASKED, parsed(sent[:end], max_rows), "the request")
    inputs = {each.name: each for each in asked.inputs}
    if len(inputs) < len(asked.inputs) or inputs.keys() != FEATURE.keys():
        raise Refused(422, f"inputs: there has to be one for each of {', '.join(NAMES)}.")
    refuse_shapes(asked.inputs, max_rows)
    columns = {name: column(each, FEATURE[name], part) for (name, each), part in zip(inputs.items(), parts(asked, sent[end:]), strict=True)}
    return asked, [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def refuse_shapes(inputs: list[Input], max_rows: int) -> None:
    """Raise Refused when inputs are not [n] or [n, 1] with the same n, or it is too high."""
    number = inputs[0].shape[0]
    for each in inputs:
        if each.shape not in ([number], [number, 1]):
            raise Refused(422, f"inputs, {each.name}, shape: [n] or [n, 1] is expected, with the same n for all.")
    if number > max_rows:
        raise Refused(413, f"More than {max_rows} rows in one request. Send them in several requests.")


def parts(asked: Asked, binary: bytes) -> list[bytes | None]:
    """Cut the binary data up, None for a tensor that is not in it. Raises Refused."""
    found: list[bytes | None] = []
    at = 0
    for each in asked.inputs:
        size = (each.parameters or InputParameters()).binary_data_size
        if (size is None) == (each.data is None):
            raise Refused(422, f"inputs, {each.name}: either data or the parameter binary_data_size is expected.")
        found.append(None if size is None else binary[at : at + size])
        at += size or 0
    if at != len(binary):
        raise Refused(422, "inputs: the sizes of the binary data and its length disagree.")
    return found


def column(given: Input, feature: Feature, binary: bytes | None) -> list[Any]:
    """Return the values of one feature. Raises Refused."""
    where = f"inputs, {feature.name}"
    if given.datatype not in fitting(feature):
        raise Refused(422, f"{where}, datatype: {' or '.join(fitting(feature))} is expected.")
    datatype = DATATYPES[given.datatype]
    if binary is None:
        return from_values(datatype, given.data or [], given.shape, where)
    return from_binary(datatype, binary, given.shape[0], where)
