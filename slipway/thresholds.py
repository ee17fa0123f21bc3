"""`thresholds.toml`: what the gate demands."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class Rule(BaseModel):
    """Strict, so that a misspelt rule is an error and not a rule that is not there."""

    model_config = ConfigDict(extra="forbid")


class Floor(Rule):
    """Limits on one metric."""

    min: float | None = None
    max: float | None = None


class Slices(Rule):
    """How much a slice of the reference dataset must hold to be judged."""

    min_rows: int = Field(ge=2)
    min_groups: int = Field(ge=2)


class Freshness(Rule):
    """How old the newest training row may be, by a column of dates such as 2024-12-31."""

    column: str
    max_days: int = Field(ge=0)


class Thresholds(Rule):
    """The gate's rules."""

    margin_fraction: float = Field(ge=0, lt=1)
    confidence: float = Field(gt=0.5, lt=1)
    resamples: int = Field(ge=200)
    leak: float = Field(gt=0, le=1)
    slices: Slices
    freshness: Freshness | None = None
    floors: dict[str, Floor]


def load(path: Path) -> Thresholds:
    """Read the rules. Raises ValueError (TOML or value) with the place."""
    return Thresholds.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
