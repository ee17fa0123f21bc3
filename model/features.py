"""The one declaration of what the model takes and answers. Requests, checks, losses and reports follow from it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

# "regression", "binary" or "multiclass"
TASK = "regression"
TARGET = "cnt"
# For a binary task: the value of TARGET whose probability is answered, such as "yes". None: 1, or True.
POSITIVE: str | int | bool | None = None
# Rows that belong together (here: one day's hours) are correlated, so the gate resamples them together. None: every row by itself.
GROUP: str | None = "dteday"
# The lowest and the highest possible answer. None: probabilities, or any number.
TARGET_RANGE: tuple[float, float] | None = (0, 2000)
# Slices in which a candidate must not be worse either: a column by its values (None), or cut before these numbers.
SLICES: dict[str, tuple[float, ...] | None] = {"workingday": None, "weathersit": None, "hr": (6, 12, 18)}
# Raise this number when a request that was valid before is no longer valid.
CONTRACT_VERSION = 1

Scaled = Annotated[float, Field(ge=0, le=1)]
Flag = Annotated[int, Field(ge=0, le=1)]


class Row(BaseModel):
    """One hour, as a caller describes it. `X | None` marks a value that may be missing."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    # casual, registered: left out, since cnt is their sum
    season: Literal[1, 2, 3, 4]
    yr: Annotated[int, Field(ge=0, le=20, description="years since 2011")]
    mnth: Annotated[int, Field(ge=1, le=12)]
    hr: Annotated[int, Field(ge=0, le=23)]
    holiday: Flag
    weekday: Annotated[int, Field(ge=0, le=6, description="0 is Sunday")]
    workingday: Flag
    weathersit: Annotated[Literal[1, 2, 3, 4], Field(description="1 clear, 2 mist, 3 light rain or snow, 4 heavy")]
    temp: Annotated[Scaled, Field(description="degrees Celsius divided by 41")]
    atemp: Annotated[Scaled, Field(description="felt temperature in degrees Celsius divided by 50")]
    hum: Annotated[Scaled, Field(description="humidity in percent divided by 100")]
    windspeed: Annotated[Scaled, Field(description="wind speed divided by 67")]
