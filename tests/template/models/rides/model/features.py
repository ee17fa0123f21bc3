"""The one declaration of what the model takes and answers. Requests, checks, losses and reports follow from it."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

TASK = "regression"
TARGET = "hires"
GROUP: str | None = "day"
TARGET_RANGE: tuple[float, float] | None = (0, 3000)
SLICES: dict[str, tuple[float, ...] | None] = {"free": None, "wind": (0.2,)}
CONTRACT_VERSION = 1


class Row(BaseModel):
    """One hour, as somebody notes it down."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    at: datetime
    note: Annotated[str, Field(max_length=200)] | None
    wind: Annotated[float, Field(ge=0, le=1)]
    free: bool
