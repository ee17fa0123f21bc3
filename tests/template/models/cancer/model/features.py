"""The one declaration of what the model takes and answers. Requests, checks, losses and reports follow from it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

TASK = "binary"
TARGET = "benign"
GROUP: str | None = None
TARGET_RANGE: tuple[float, float] | None = None
SLICES: dict[str, tuple[float, ...] | None] = {"mean_radius": (13.0,)}
CONTRACT_VERSION = 1

Size = Annotated[float, Field(ge=0, le=5000)]
Share = Annotated[float, Field(ge=0, le=1)]


class Row(BaseModel):
    """The cell nuclei of one sample; each value is a mean over them."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    mean_radius: Size
    mean_texture: Size
    mean_perimeter: Size
    mean_area: Size
    mean_smoothness: Share
    mean_compactness: Share
    mean_concavity: Share | None
    mean_symmetry: Share
