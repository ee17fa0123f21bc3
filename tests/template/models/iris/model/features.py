"""The one declaration of what the model takes and answers. Requests, checks, losses and reports follow from it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

TASK = "multiclass"
TARGET = "species"
GROUP: str | None = None
TARGET_RANGE: tuple[float, float] | None = None
SLICES: dict[str, tuple[float, ...] | None] = {}
CONTRACT_VERSION = 1

Length = Annotated[float, Field(ge=0, le=20)]


class Row(BaseModel):
    """A flower."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    sepal_length: Length = Field(alias="sepal length (cm)")
    sepal_width: Length = Field(alias="sepal width (cm)")
    petal_length: Length = Field(alias="petal length (cm)")
    petal_width: Length = Field(alias="petal width (cm)")
