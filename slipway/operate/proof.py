"""Prove that a running release is the one that was deployed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slipway.errors import ProofError
from slipway.operate.chain import Deployment
from slipway.say import table
from slipway.serving.parity import TOLERANCE, distance


@dataclass(frozen=True)
class Check:
    """One line of the proof."""

    what: str
    expected: str
    found: str
    holds: bool


def load_questions(files: Path) -> tuple[tuple[str, Any], ...]:
    """Return the requests whose answers prove a release: its version, and the golden rows."""
    return ("/version", None), ("/predict", json.loads((files / "golden.json").read_bytes())["rows"])


def prove(answered: Mapping[str, Any], wanted: Deployment, files: Path, running_digest: str | None = None) -> list[Check]:
    """Hold what each replica of a service answers against the release's own files; `running_digest` is what the target says of it."""
    golden = json.loads((files / "golden.json").read_bytes())["answers"]
    replicas = [_check_replica(answers, wanted, golden) for answers in answered.values()]
    checks = [_combine(checks) for checks in zip(*replicas, strict=True)]
    if running_digest is not None:
        checks.insert(2, _compare("running digest", wanted.digest, running_digest))
    return checks


def _check_replica(answers: Sequence[Any], wanted: Deployment, golden: Any) -> list[Check]:
    version, answered = answers
    difference = distance(answered["predictions"], golden)
    return [
        _compare("served tag", wanted.tag, version["tag"]),
        _compare("served digest", wanted.digest, version["digest"]),
        _compare("manifest sha256", wanted.manifest_sha256, version["manifest_sha256"]),
        Check("golden answers", f"equal to {TOLERANCE:g}", f"{difference:.3g} apart", difference <= TOLERANCE),
    ]


def _combine(checks: Sequence[Check]) -> Check:
    """Return one check for all replicas: it holds when it holds on each, and else it shows one on which it does not."""
    good = sum(each.holds for each in checks)
    example = next((each for each in checks if not each.holds), max(checks, key=lambda each: each.found))
    share = f", on {good if example.holds else len(checks) - good} of {len(checks)} replicas" if len(checks) > 1 else ""
    return replace(example, found=example.found + share)


def _compare(what: str, expected: str, found: Any) -> Check:
    return Check(what, expected, str(found), expected == found)


def refuse_failed(checks: list[Check], where: str) -> None:
    """Raise ProofError unless all checks hold."""
    if not all(check.holds for check in checks):
        raise ProofError(f"The proof failed on {where}:\n{format_proof(checks)}")


def format_proof(checks: list[Check]) -> str:
    """Return the proof as a table."""
    return table(["proof", "expected", "found", "holds"], [[c.what, c.expected, c.found, "yes" if c.holds else "NO"] for c in checks])
