"""Which release follows which. Pure: decides what to do next from what the target recorded."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime

from slipway.errors import PipelineError


@dataclass(frozen=True)
class Deployment:
    """One release as it was put on a target.

    `previous` is the sequence number of the deployment that was live before it, `contract` what requests look like; `approved` says who let
    it through, and why, where the gate did not say PASS.
    """

    tag: str
    digest: str
    commit: str
    manifest_sha256: str
    contract: str
    previous: int | None
    sequence: int
    at: str
    by: str
    approved: str | None = None

    def record(self) -> dict[str, str]:
        """Return it as text, for labels and files."""
        return {key: str(value) for key, value in asdict(self).items() if value is not None}


def parse_record(record: dict[str, str]) -> Deployment:
    """Read what `record` wrote, also that of a newer version, which may say more."""
    values = {each.name: record[each.name] for each in fields(Deployment) if each.name in record}
    numbers = {name: int(record[name]) if name in record else None for name in ("previous", "sequence")}
    return Deployment(**{**values, **numbers})  # type: ignore[arg-type]


def append_deployment(recorded: Sequence[Deployment], proven: Sequence[Deployment], live: Deployment | None, new: Deployment) -> Deployment:
    """Return a new deployment with its place in the chain: after the highest sequence number, pointing to what is live.

    It does not point to what is deployed again, since it must not follow itself, nor to what was never proven (the deploy was killed
    after its switch): then it points where that points to.
    """
    sequence = 1 + max((each.sequence for each in recorded), default=0)
    skipped = live is not None and (live.digest == new.digest or live not in proven)
    previous = None if live is None else live.previous if skipped else live.sequence
    return replace(new, previous=previous, sequence=sequence)


def find_prior(proven: Sequence[Deployment], live: Deployment | None, tag: str | None) -> Deployment:
    """Return the deployment to roll back to, of those that were live and proven: the one before the live one, or the one with a tag.

    Raises PipelineError.
    """
    if live is None:
        raise PipelineError("Nothing is deployed, so there is nothing to roll back. Next: ./run deploy TAG.")
    if tag:
        return _find_tag(proven, live, tag)
    found = [each for each in proven if each.sequence == live.previous]
    if not found:
        raise PipelineError(
            f"{live.tag} is the first release of the chain: nothing was live before it. {_list_deployed(proven)} "
            "Next: ./run rollback --to TAG."
        )
    return found[0]


def select_kept(proven: Sequence[Deployment], live: Deployment, most: int) -> list[Deployment]:
    """Return the releases that stay on the host: the live one, those that rollbacks would go to, then the newest of the others."""
    back = [live]
    while before := [each for each in proven if each.sequence == back[-1].previous]:
        back.append(before[0])
    others = sorted(proven, key=lambda each: -each.sequence)
    found_by_digest: dict[str, Deployment] = {}
    for each in [*back, *others]:
        found_by_digest.setdefault(each.digest, each)
    return list(found_by_digest.values())[:most]


def refuse_moved(proven: Sequence[Deployment], new: Deployment) -> None:
    """Raise PipelineError where a tag that was deployed before was another commit or another image then."""
    for each in proven:
        if each.tag == new.tag and (each.commit, each.digest) != (new.commit, new.digest):
            raise PipelineError(
                f"{new.tag} was deployed {format_age(each.at)} from commit {each.commit[:12]} as {each.digest[:19]}; now it is commit "
                f"{new.commit[:12]}, {new.digest[:19]}. A tag that was deployed must not move. Next: give this commit a new tag."
            )


def refuse_contract(live: Deployment | None, prior: Deployment, accepted: bool) -> None:
    """Raise PipelineError where callers would have to send other requests than now, unless that is accepted."""
    if live and live.contract != prior.contract and not accepted:
        raise PipelineError(
            f"{live.tag} takes requests of input contract {live.contract}, {prior.tag} of {prior.contract}: what callers send now may be "
            f"rejected. Next: ./run rollback --to TAG of contract {live.contract}, or inform the callers and add --accept-contract."
        )


def _find_tag(proven: Sequence[Deployment], live: Deployment, tag: str) -> Deployment:
    if tag == live.tag:
        raise PipelineError(f"{tag} is the live release. Next: ./run status shows it.")
    found = [each for each in proven if each.tag == tag]
    if not found:
        raise PipelineError(f"{tag!r} was never live and proven here. {_list_deployed(proven)} Next: ./run rollback --to one of these.")
    return find_newest(found)


def find_newest(deployed: Sequence[Deployment]) -> Deployment:
    """Return the deployment with the highest sequence: the order of the chain, whatever the clocks said."""
    return max(deployed, key=lambda each: each.sequence)


def _list_deployed(proven: Sequence[Deployment]) -> str:
    ordered = {each.tag: each for each in sorted(proven, key=lambda each: each.sequence)}
    listed = ", ".join(f"{each.tag} ({format_age(each.at)})" for each in sorted(ordered.values(), key=lambda each: -each.sequence))
    return f"Deployed here: {listed}." if listed else "None was so far."


def format_now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def format_age(at: str) -> str:
    """Return how long ago a time was, such as `2 hours ago`."""
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds())
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}{'s' if seconds >= 2 * length else ''} ago"
    return "just now"
