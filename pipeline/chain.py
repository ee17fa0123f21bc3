"""Which release follows which. Pure: what to do next is decided here, from what the target recorded."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from pipeline.errors import Held, PipelineError


@dataclass(frozen=True)
class Deployment:
    """One release as it was put on a target. `previous` is the digest that was live before it, `contract` what requests look like."""

    tag: str
    digest: str
    commit: str
    manifest_sha256: str
    contract: str
    previous: str | None
    sequence: int
    at: str
    by: str

    def record(self) -> dict[str, str]:
        """Return it as text, for labels and files."""
        return {key: str(value) for key, value in asdict(self).items() if value is not None}


def from_record(record: dict[str, str]) -> Deployment:
    """Read what `record` wrote."""
    return replace(Deployment(**{"previous": None, **record}), sequence=int(record["sequence"]))  # type: ignore[arg-type]


def successor(deployed: Sequence[Deployment], live: Deployment | None, new: Deployment) -> Deployment:
    """Return a new deployment with its place in the chain: after the highest sequence, pointing to what is live.

    What is live and deployed again (its deploy was killed at the end, say) keeps what it points to: it must not follow itself.
    """
    sequence = 1 + max((each.sequence for each in deployed), default=0)
    previous = None if live is None else live.previous if live.digest == new.digest else live.digest
    return replace(new, previous=previous, sequence=sequence)


def prior(deployed: Sequence[Deployment], live: Deployment | None, tag: str | None) -> Deployment:
    """Return the deployment to roll back to: the one before the live one, or the one with a tag. Raises PipelineError."""
    if live is None:
        raise PipelineError("Nothing is deployed, so there is nothing to roll back. Next: ./run deploy TAG.")
    if tag:
        return with_tag(deployed, live, tag)
    found = [each for each in deployed if each.digest == live.previous]
    if not found:
        raise PipelineError(
            f"{live.tag} is the first release of the chain: nothing was live before it. {known(deployed)} Next: ./run rollback --to TAG."
        )
    return newest(found)


def refuse_contract(live: Deployment | None, prior: Deployment, accepted: bool) -> None:
    """Raise PipelineError where callers would have to send other requests than now, unless that is accepted."""
    if live and live.contract != prior.contract and not accepted:
        raise PipelineError(
            f"{live.tag} takes requests of input contract {live.contract}, {prior.tag} of {prior.contract}: what callers send now may be "
            f"refused. Next: ./run rollback --to TAG of contract {live.contract}, or tell the callers and add --accept-contract."
        )


def events(lines: str) -> list[dict[str, str]]:
    """Read a history, oldest first. A line that a full disk cut short is passed by."""
    found = []
    for line in lines.splitlines():
        with suppress(ValueError):
            found.append(json.loads(line))
    return found


def held(events: Sequence[dict[str, str]]) -> dict[str, str] | None:
    """Return the rollback that holds deploys back, None when none does: what happened last decides."""
    last = events[-1] if events else None
    return last if last and last["what"].startswith("rollback") else None


def refuse_held(events: Sequence[dict[str, str]]) -> None:
    """Raise Held while a rollback holds deploys back."""
    if event := held(events):
        raise Held(
            f"Deploys are held: {event['what']} to {event['tag']} by {event['by']}, {age(event['at'])}. "
            "Next: once what was wrong is mended, ./run resume, then deploy again."
        )


def with_tag(deployed: Sequence[Deployment], live: Deployment, tag: str) -> Deployment:
    """Return the deployment with a tag. Raises PipelineError with the ones there are."""
    if tag == live.tag:
        raise PipelineError(f"{tag} is what serves now. Next: ./run status shows it.")
    found = [each for each in deployed if each.tag == tag]
    if not found:
        raise PipelineError(f"{tag!r} was never deployed here. {known(deployed)} Next: ./run rollback --to one of these.")
    return newest(found)


def newest(deployed: Sequence[Deployment]) -> Deployment:
    """Return the deployment with the highest sequence: the order of the chain, whatever the clocks said."""
    return max(deployed, key=lambda each: each.sequence)


def known(deployed: Sequence[Deployment]) -> str:
    """List the deployments with their ages, newest first."""
    ordered = sorted(deployed, key=lambda each: -each.sequence)
    return "Deployed here: " + ", ".join(f"{each.tag} ({age(each.at)})" for each in ordered) + "."


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def age(at: str) -> str:
    """Say how long ago a time was."""
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds())
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}{'s' if seconds >= 2 * length else ''} ago"
    return "just now"
