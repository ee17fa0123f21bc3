"""Who is held against the candidate: what production runs now."""

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from slipway.errors import PipelineError
from slipway.operate import targets
from slipway.operate.switch import state_of
from slipway.operate.targets import Target
from slipway.project import Project
from slipway.report import Best

LIVE, PRODUCTION, NONE = "live", "production", "none"


@dataclass(frozen=True)
class Champion:
    """How to ask it, and the verdict that it carries, which knows the best release of its chain."""

    predictor: str
    verdict: Path
    tag: str | None = None

    def best(self, reference_sha256: str) -> Best | None:
        """Return the best release of the chain on a reference dataset, None where that is not known."""
        try:
            found = Best.model_validate(json.loads(self.verdict.read_bytes())["best"])
        except (OSError, ValueError, KeyError, ValidationError):  # judged by a URL, or in another format
            return None
        return found if found.reference_sha256 == reference_sha256 else None


def resolve(project: Project, champion: str) -> Champion | None:
    """Return the champion, None for a first release. Raises PipelineError where it cannot be told."""
    if champion == NONE:
        return None
    if champion not in (LIVE, PRODUCTION):
        folder = Path(champion).absolute()
        inside = folder / "release" / "gate.json"
        return Champion(champion, inside if inside.is_file() else folder.with_name("gate.json"))
    target = targets.load_target(project)
    if champion == PRODUCTION:
        digest = target.read_production()
        return of(target, digest) if digest else None
    live = state_of(target).live
    return of(target, live.digest, live.tag) if live else None


def of(target: Target, digest: str, tag: str | None = None) -> Champion:
    """Return a release of a target as champion. Raises PipelineError when it is recorded, and cannot be found."""
    try:
        return Champion(target.locate_release(digest), target.fetch_release(digest) / "gate.json", tag)
    except (PipelineError, OSError) as error:
        raise PipelineError(f"The champion {digest[:19]} is recorded, and cannot be had: {error} Next: ./run status.") from error
