"""What happened on a target, a JSON object a line. Pure. Only a release that is in it was live and proven, and can be gone back to."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

from slipway.errors import Held
from slipway.operate.chain import Deployment, format_age, parse_record
from slipway.say import REASON, one_line

# What an event is of; the first word of its `what`, too, which is all that a history from before has.
DEPLOY, ROLLBACK, RESUME, UNLOCK = "deploy", "rollback", "resume", "unlock"
# Until a rollback was timed here, a start and a switch are said to take so long.
START_SECONDS, SWITCH_SECONDS = 10.0, 1.0


@dataclass(frozen=True)
class Timing:
    """How long a switch took, all of it and its parts, and whether the release ran already."""

    seconds: float
    warm: bool
    start_seconds: float
    switch_seconds: float


@dataclass(frozen=True)
class Event:
    """A line of a target's history.

    `before` and `tag` are what was live and what is live since; `release`, its proof, its timing and the images that it stands on and
    behind (`slipway.operate.targets.Target.name_images`) are there where callers were switched.
    """

    kind: str
    what: str
    tag: str
    at: str
    by: str
    before: str = ""
    release: Deployment | None = None
    proof: str = ""
    timing: Timing | None = None
    images: dict[str, str] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Return it as JSON values."""
        found = {"kind": self.kind, "what": self.what, "from": self.before, "tag": self.tag, "at": self.at, "by": self.by}
        timing = asdict(self.timing) if self.timing else {}
        images = {"images": self.images} if self.images else {}
        return {**found, **timing, "proof": self.proof, "release": self.release.record(), **images} if self.release else found


TIMING = tuple(each.name for each in fields(Timing))


def read_event(record: dict[str, Any]) -> Event:
    """Read what `record` wrote, or what a version before wrote. Raises ValueError."""
    try:
        return Event(
            kind=str(record.get("kind") or record["what"].partition(" ")[0]),
            what=record["what"],
            tag=record["tag"],
            at=record["at"],
            by=record["by"],
            before=record.get("from", ""),
            release=parse_record(record["release"]) if "release" in record else None,
            proof=record.get("proof", ""),
            images=dict(record.get("images", {})),
            timing=Timing(*(record[each] for each in TIMING)) if "switch_seconds" in record else None,
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{record} is no event: {error!r}") from error


def parse_history(lines: str) -> list[Event]:
    """Read a history, oldest first. A line that a full disk cut short is passed by."""
    found = []
    for line in lines.splitlines():
        with suppress(ValueError):
            found.append(read_event(json.loads(line)))
    return found


def format_line(before: str, event: Event) -> str:
    """Return what to append to a history: on a line of its own, also after one that was cut short."""
    return ("" if not before or before.endswith("\n") else "\n") + json.dumps(event.record()) + "\n"


def list_proven(events: Sequence[Event]) -> list[Deployment]:
    """Return the deployments that were live and proven, each once, oldest first."""
    found = {each.release.sequence: each.release for each in events if each.release}
    return [found[sequence] for sequence in sorted(found)]


def find_proof(events: Sequence[Event], live: Deployment) -> Event | None:
    """Return the deploy or rollback that put the live deployment before callers, None where none was completed since another."""
    last = next((each for each in reversed(events) if each.release), None)
    return last if last and last.release == live else None


def list_since(events: Sequence[Event], at: str) -> list[Event]:
    """Return the deploys and rollbacks that were proven after the one of a time; none where that one is not in the history."""
    switches = [each for each in events if each.release]
    known = [number for number, each in enumerate(switches, 1) if each.at == at]
    return switches[known[-1] :] if known else []


def find_origin(events: Sequence[Event], live: Deployment | None) -> Deployment | None:
    """Return what a rollback counts from: what is live, or what a rollback that was cut short after its switch went from.

    So the same rollback again completes it, and does not go one release further back.
    """
    last = [each.release for each in events if each.release][-1:]
    return last[0] if last and live in list_proven(events) else live


def describe_time_live(events: Sequence[Event], digest: str, now: datetime) -> str:
    """Say for how long in all the release of a digest was live on staging, by the history of that."""
    switches = [each for each in events if each.release]
    if not switches:
        return "may have been live on staging: the history of staging cannot be reached from here; see GitHub's list of deployments"
    ends = [datetime.fromisoformat(each.at) for each in switches[1:]] + [now]
    seconds = sum(
        (end - datetime.fromisoformat(each.at)).total_seconds()
        for each, end in zip(switches, ends, strict=True)
        if each.release and each.release.digest == digest
    )
    return f"was live on staging for {seconds / 3600:.1f} hours" if seconds else "was never live on staging"


def describe_event(kind: str, reason: str) -> str:
    """Return what happened, as people read it."""
    return f"{kind} ({reason})" if reason else kind


def find_hold(events: Sequence[Event]) -> Event | None:
    """Return the rollback that holds deploys back, None when none does: what happened last decides."""
    last = next((each for each in reversed(events) if each.kind != UNLOCK), None)
    return last if last and last.kind == ROLLBACK else None


def refuse_held(events: Sequence[Event]) -> None:
    """Raise Held while a rollback holds deploys back."""
    if event := find_hold(events):
        raise Held(
            f"Deploys are held: {one_line(event.what, REASON)} to {event.tag} by {event.by}, {format_age(event.at)}. "
            "Next: once the cause is fixed, ./run deploy TAG --resume, whose proof ends the hold; or ./run resume, which ends it without "
            "a deploy."
        )


def describe_resumption(events: Sequence[Event], resume: bool) -> str:
    """Return what the history says of a deploy that ends a hold by being proven, nothing where there is none. Raises Held unless it may."""
    if not resume:
        refuse_held(events)
    held = find_hold(events)
    return f"ends what holds deploys: {one_line(held.what, REASON)}" if held else ""


def estimate_seconds(events: Sequence[Event], to: Deployment, warm: bool) -> float:
    """Return about how long a rollback would take: the last switch that was timed here and, where it is cold, that release's last start."""
    timed = [(each.release, each.timing) for each in events if each.release and each.timing]
    cold = [(release.digest, timing.start_seconds) for release, timing in timed if not timing.warm]
    starts = [seconds for digest, seconds in cold if digest == to.digest] or [seconds for _, seconds in cold] or [START_SECONDS]
    return (0.0 if warm else starts[-1]) + (timed[-1][1].switch_seconds if timed else SWITCH_SECONDS)
