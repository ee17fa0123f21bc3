"""By which rules a candidate is judged: those of this checkout, or of another git ref that a change cannot touch."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from slipway import repository, thresholds
from slipway.errors import PipelineError
from slipway.project import Project
from slipway.thresholds import Thresholds

# What the verdict depends on beside the model; the first part is taken from the ref.
TAKEN = ("validation/thresholds.toml", "validation/expectations.json", "validation/reference.csv")
OWN = ("model/behaviour.py", "model/metrics.py", "model/features.py")
HERE = "this checkout"


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


def of(project: Project, ref: str | None = None) -> Rules:
    """Return the rules of the checkout, or of a git ref. Raises PipelineError."""
    if not ref:
        return Rules(project.root / "validation", HERE, read(project.root / "validation"), [])
    commit = repository.commit_named(project.root, ref)
    folder = project.root / "build" / "rules"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "validation").mkdir(parents=True)
    for name in TAKEN:
        (folder / name).write_bytes(repository.show(project.root, commit, name))
    changed = repository.altered(project.root, commit, (*TAKEN, *OWN))
    return Rules(folder / "validation", commit[:12], read(folder / "validation"), changed)


def read(folder: Path) -> Thresholds:
    """Read the thresholds. Raises PipelineError."""
    try:
        return thresholds.load(folder / "thresholds.toml")
    except (OSError, ValueError) as error:
        raise PipelineError(f"{folder / 'thresholds.toml'} cannot be read: {error} Next: correct it, then ./run validate.") from error


def notes(rules: Rules) -> list[str]:
    """Say what of a change would alter the judging."""
    taken, own = ([name for name in names if name in rules.altered] for names in (TAKEN, OWN))
    said = [f"This change alters {', '.join(taken)}. It is judged without that, by the rules of {rules.source}."] if taken else []
    return said + ([f"This change alters {', '.join(own)}, and is judged with that: look at it closely."] if own else [])
