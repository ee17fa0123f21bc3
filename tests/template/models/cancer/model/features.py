"""The one declaration of what the model takes and answers. Requests, checks, losses and reports follow from it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

TASK = "binary"
TARGET = "benign"
GROUP: str | None = None
TARGET_RANGE: tuple[float, float] | None = None
SLICES: dict[str, tuple[float, ...] | None] = {"mean_radius": (13.0,)}
CONTRACT_VERSION = 1

Length = Annotated[float, Field(ge=0, le=100)]
Outline = Annotated[float, Field(ge=0, le=5000)]
Share = Annotated[float, Field(ge=0, le=1)]


class Row(BaseModel):
    """The cell nuclei of one sample; each value is a mean over them."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    mean_radius: Length
    mean_texture: Length
    mean_perimeter: Outline
    mean_area: Outline
    mean_smoothness: Share
    mean_compactness: Share
    mean_concavity: Share | None
    mean_symmetry: Share
