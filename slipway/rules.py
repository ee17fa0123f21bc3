"""By which rules a candidate is judged: those of this checkout, or of another git ref that a change cannot touch."""

import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from slipway import git
from slipway.errors import PipelineError
from slipway.project import Project

# What the verdict depends on beside the model; the first part is taken from the ref.
CHECKS = "validation/checks.py"  # a project may have none
TAKEN = ("validation/thresholds.toml", "validation/expectations.json", "validation/reference.csv", CHECKS)
OWN = ("model/behaviour.py", "model/metrics.py", "model/features.py")
HERE = "this checkout"


class Strict(BaseModel):
    """Strict, so that a misspelt rule is an error and not a rule that is not there."""

    model_config = ConfigDict(extra="forbid")


class Floor(Strict):
    """Limits on one metric."""

    min: float | None = None
    max: float | None = None


class Slices(Strict):
    """How much a slice of the reference dataset must hold to be judged."""

    min_rows: int = Field(ge=2)
    min_groups: int = Field(ge=2)


class Freshness(Strict):
    """How old the newest training row may be, by a column of dates such as 2024-12-31."""

    column: str
    max_days: int = Field(ge=0)


class Thresholds(Strict):
    """The gate's rules."""

    margin_fraction: float = Field(ge=0, lt=1)
    confidence: float = Field(gt=0.5, lt=1)
    resamples: int = Field(ge=200)
    leak: float = Field(gt=0, le=1)
    slices: Slices
    freshness: Freshness | None = None
    floors: dict[str, Floor]


def load_thresholds(path: Path) -> Thresholds:
    """Read the rules. Raises ValueError (TOML or value) with the place."""
    return Thresholds.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Rules:
    """A folder with thresholds, expectations and reference dataset, where they are from, and what the change would alter."""

    folder: Path
    source: str
    thresholds: Thresholds
    altered: list[str]

    @property
    def suite(self) -> Path:
        """The expectations."""
        return self.folder / "expectations.json"

    @property
    def reference(self) -> Path:
        """What is judged on; never learnt from."""
        return self.folder / "reference.csv"

    @property
    def checks(self) -> Path:
        """The project's own rules in Python; may not be there."""
        return self.folder / "checks.py"


def load_rules(project: Project, ref: str | None = None) -> Rules:
    """Return the rules of the checkout, or of a git ref. Raises PipelineError."""
    if not ref:
        return Rules(project.root / "validation", HERE, _read_thresholds(project.root / "validation"), [])
    commit = git.find_commit(project.root, ref)
    folder = project.root / "build" / "rules"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "validation").mkdir(parents=True)
    for name in TAKEN:
        if name == CHECKS and not git.has_file(project.root, commit, name):
            continue
        (folder / name).write_bytes(git.read_file(project.root, commit, name))
    changed = git.list_altered(project.root, commit, (*TAKEN, *OWN))
    return Rules(folder / "validation", commit[:12], _read_thresholds(folder / "validation"), changed)


def _read_thresholds(folder: Path) -> Thresholds:
    """Read the thresholds. Raises PipelineError."""
    try:
        return load_thresholds(folder / "thresholds.toml")
    except (OSError, ValueError) as error:
        raise PipelineError(f"{folder / 'thresholds.toml'} cannot be read: {error} Next: correct it, then ./run validate.") from error


def describe_altered(rules: Rules) -> list[str]:
    """Say what of a change would alter the judging."""
    taken, own = ([name for name in names if name in rules.altered] for names in (TAKEN, OWN))
    notes = [f"This change alters {', '.join(taken)}. The gate ignores that, and judges by the rules of {rules.source}."] if taken else []
    return notes + ([f"This change alters {', '.join(own)}, and the gate uses the changed version: review it closely."] if own else [])
