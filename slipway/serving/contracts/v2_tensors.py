"""The tensors of the Open Inference Protocol, in JSON and in binary."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field, StrictBool, StrictFloat, StrictStr, TypeAdapter

from slipway.serving.contracts.content import checked
from slipway.serving.declared import Feature
from slipway.serving.errors import Refused


@dataclass(frozen=True)
class Datatype:
    """What a tensor holds: the kind of a feature, numpy's name for it in binary (None: BYTES), and what stands for it in JSON."""

    kind: type
    binary: str | None
    values: TypeAdapter[list[Any]]


def whole(binary: str) -> Datatype:
    """Return the datatype of whole numbers in a range."""
    limits = np.iinfo(binary)
    value = Annotated[int, Field(strict=True, ge=int(limits.min), le=int(limits.max))]
    return Datatype(int, binary, TypeAdapter(list[value | None]))


FLOATS = TypeAdapter(list[StrictFloat | None])
DATATYPES = {
    **{f"INT{8 * size}": whole(f"<i{size}") for size in (8, 4, 2, 1)},
    **{f"UINT{8 * size}": whole(f"<u{size}") for size in (8, 4, 2, 1)},
    **{f"FP{8 * size}": Datatype(float, f"<f{size}", FLOATS) for size in (8, 4, 2)},
    "BOOL": Datatype(bool, "|u1", TypeAdapter(list[StrictBool | None])),
    "BYTES": Datatype(str, None, TypeAdapter(list[StrictStr | None])),
}


def fitting(feature: Feature) -> list[str]:
    """Return the datatypes that may hold a feature, the usual one first."""
    return [name for name, each in DATATYPES.items() if feature.kind in (each.kind, object)]


def from_values(datatype: Datatype, data: list[Any], shape: list[int], where: str) -> list[Any]:
    """Take a tensor from JSON, where null is missing; that of a shape with two numbers may be nested. Raises Refused."""
    if len(shape) == 2 and all(isinstance(each, list) and len(each) == 1 for each in data):
        data = [each for [each] in data]
    if len(data) != shape[0]:
        raise Refused(422, f"{where}: the shape and the number of values disagree.")
    return checked(datatype.values, data, where)


def from_binary(datatype: Datatype, data: bytes, rows: int, where: str) -> list[Any]:
    """Take a tensor from binary, where NaN is missing. Raises Refused."""
    if datatype.binary is None:
        values: list[Any] = list(words(data, where))
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


def words(data: bytes, where: str) -> Iterator[str]:
    """Yield words, each after its number of bytes. Raises Refused."""
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
    """Write a tensor."""
    if datatype.binary is None:
        return b"".join(len(each).to_bytes(4, "little") + each for each in map(str.encode, values))
    return np.array(values, dtype=datatype.binary).tobytes()
