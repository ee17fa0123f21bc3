"""The one declaration of what the model takes and answers. Requests, checks, losses and reports follow from it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

TASK = "binary"
TARGET = "survived"
POSITIVE: str | int | bool | None = True
# Those who share a ticket, which is a feature too.
GROUP: str | None = "ticket"
TARGET_RANGE: tuple[float, float] | None = None
SLICES: dict[str, tuple[float, ...] | None] = {"sex": None, "cabin_known": None, "age": (16,)}
CONTRACT_VERSION = 1


class Row(BaseModel):
    """A passenger."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    pclass: Literal[1, 2, 3]
    name: Annotated[str, Field(max_length=200)]
    sex: Literal["female", "male"]
    age: Annotated[float, Field(ge=0, le=130)] | None
    ticket: Annotated[str, Field(max_length=50)]
    fare: Annotated[float, Field(ge=0, le=10_000)]
    cabin_known: bool | None
    embarked: Literal["S", "C", "Q"] | str | None
