"""The one declaration of what the model takes and answers. Requests, checks, losses and reports follow from it."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model

TASK = "multiclass"
TARGET = "digit"
GROUP: str | None = None
TARGET_RANGE: tuple[float, float] | None = None
SLICES: dict[str, tuple[float, ...] | None] = {"pixel_4_4": (8,)}
CONTRACT_VERSION = 1

Ink = Annotated[int, Field(ge=0, le=16)]


class Strict(BaseModel):
    """Nothing is converted, and nothing else is taken."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


PIXELS: dict[str, Any] = {f"pixel_{row}_{column}": (Ink, ...) for row in range(8) for column in range(8)}
Row = create_model("Row", __base__=Strict, __doc__="How much ink there is in each of 64 squares.", **PIXELS)
