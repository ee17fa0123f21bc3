"""The one declaration of what the model takes and answers. Requests, checks, losses and reports follow from it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

TASK = "binary"
TARGET = "label"
POSITIVE: str | int | bool | None = "spam"
GROUP: str | None = None
TARGET_RANGE: tuple[float, float] | None = None
SLICES: dict[str, tuple[float, ...] | None] = {}
CONTRACT_VERSION = 1


class Row(BaseModel):
    """A text message."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    message: Annotated[str, Field(max_length=1000)]
