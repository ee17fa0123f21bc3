"""Ask what runs whether it is what was asked for."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.chain import Deployment
from pipeline.errors import ProofError
from pipeline.say import table
from pipeline.targets import Fetch
from service.parity import TOLERANCE, distance


@dataclass(frozen=True)
class Check:
    """One line of the proof."""

    what: str
    expected: str
    found: str
    holds: bool


def prove(fetch: Fetch, wanted: Deployment, files: Path, running_digest: str | None = None) -> list[Check]:
    """Hold what a service answers against the release's own files; `running_digest` is what the target says of it."""
    golden = json.loads((files / "golden.json").read_bytes())
    version, answered = fetch(("/version", None), ("/predict", golden["rows"]))
    difference = distance(answered["predictions"], golden["answers"])
    checks = [same("served tag", wanted.tag, version["tag"]), same("served digest", wanted.digest, version["digest"])]
    if running_digest is not None:
        checks.append(same("running digest", wanted.digest, running_digest))
    checks.append(same("manifest sha256", wanted.manifest_sha256, version["manifest_sha256"]))
    return [*checks, Check("golden answers", f"equal to {TOLERANCE:g}", f"{difference:.3g} apart", difference <= TOLERANCE)]


def same(what: str, expected: str, found: Any) -> Check:
    """Compare two values."""
    return Check(what, expected, str(found), expected == found)


def refuse(checks: list[Check], where: str) -> None:
    """Raise ProofError unless all of it holds."""
    if not all(check.holds for check in checks):
        raise ProofError(f"The proof failed on {where}:\n{shown(checks)}")


def shown(checks: list[Check]) -> str:
    """Return the proof as a table."""
    return table(["proof", "expected", "found", "holds"], [[c.what, c.expected, c.found, "yes" if c.holds else "NO"] for c in checks])
