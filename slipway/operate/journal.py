"""What happened on a target, a JSON object a line. Pure. Only a release that is in it was live and proven, and can be gone back to."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from slipway.errors import Held
from slipway.operate.chain import Deployment, age, from_record
from slipway.say import REASON, one_line

Event = dict[str, Any]
# What an event is of; the first word of its `what`, too, which is all that a history from before has.
DEPLOY, ROLLBACK, RESUME = "deploy", "rollback", "resume"
# Until a rollback was timed here, a switch is told to take so long.
SWITCH_SECONDS = 1.0


def events(lines: str) -> list[Event]:
    """Read a history, oldest first. A line that a full disk cut short is passed by."""
    found = []
    for line in lines.splitlines():
        with suppress(ValueError):
            found.append(json.loads(line))
    return found


def appended(before: str, event: Event) -> str:
    """Return what to append to a history: on a line of its own, also after one that was cut short."""
    return ("" if not before or before.endswith("\n") else "\n") + json.dumps(event) + "\n"


def proven(events: Sequence[Event]) -> list[Deployment]:
    """Return the deployments that were live and proven, each once, oldest first."""
    found = {each["release"]["sequence"]: from_record(each["release"]) for each in events if "release" in each}
    return sorted(found.values(), key=lambda each: each.sequence)


def last_proof(events: Sequence[Event], live: Deployment) -> Event | None:
    """Return the deploy or rollback that put the live deployment before callers, None where none was completed since another."""
    last = next((each for each in reversed(events) if "release" in each), None)
    return last if last and last["release"] == live.record() else None


def settled(events: Sequence[Event], live: Deployment | None) -> Deployment | None:
    """Return what a rollback counts from: what is live, or what a rollback that was cut short after its switch went from.

    So the same rollback again completes it, and does not go one release further back.
    """
    last = [from_record(each["release"]) for each in events if "release" in each][-1:]
    return last[0] if last and live in proven(events) else live


def describe(kind: str, reason: str) -> str:
    """Return what happened, as people read it."""
    return f"{kind} ({reason})" if reason else kind


def kind(event: Event) -> str:
    """Return what an event is of."""
    return str(event.get("kind") or event["what"].partition(" ")[0])


def held(events: Sequence[Event]) -> Event | None:
    """Return the rollback that holds deploys back, None when none does: what happened last decides."""
    last = events[-1] if events else None
    return last if last and kind(last) == ROLLBACK else None


def refuse_held(events: Sequence[Event]) -> None:
    """Raise Held while a rollback holds deploys back."""
    if event := held(events):
        raise Held(
            f"Deploys are held: {one_line(event['what'], REASON)} to {event['tag']} by {event['by']}, {age(event['at'])}. "
            "Next: once what was wrong is mended, ./run resume, then deploy again."
        )


def expected_seconds(events: Sequence[Event], to: Deployment, warm: bool) -> float:
    """Return about how long a rollback would take: the last switch that was timed here and, where it is cold, that release's last start."""
    timed = [each for each in events if "switch_seconds" in each]
    starts = [each["start_seconds"] for each in timed if each["release"]["digest"] == to.digest and not each["warm"]]
    start = 0.0 if warm else (starts or [each["start_seconds"] for each in timed if not each["warm"]] or [10.0])[-1]
    return float(start + (timed[-1]["switch_seconds"] if timed else SWITCH_SECONDS))
