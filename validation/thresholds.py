"""`thresholds.toml`: what the gate demands."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class Floor(BaseModel):
    """Limits on one metric."""

    model_config = ConfigDict(extra="forbid")
    min: float | None = None
    max: float | None = None


class Thresholds(BaseModel):
    """The gate's rules."""

    model_config = ConfigDict(extra="forbid")
    margin_fraction: float = Field(ge=0, lt=1)
    confidence: float = Field(gt=0.5, lt=1)
    resamples: int = Field(ge=200)
    floors: dict[str, Floor]


def load(path: Path) -> Thresholds:
    """Read the rules. Raises ValueError (TOML or value) with the place."""
    return Thresholds.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
