"""From one release to another, for deploy and rollback alike: start it, prove it, switch, prove it again."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import Moved, PipelineError
from slipway.operate import bake, chain, journal, lock, proof
from slipway.operate.chain import Deployment
from slipway.operate.journal import Event, Timing
from slipway.operate.targets import Target
from slipway.project import Bake, Project
from slipway.say import REASON, line, one_line, summary, warn
from slipway.tracking import ledger

# So many releases stay on the host, ready to be gone back to without the registry.
KEPT = 3
UNTOLD = "what watches does not know of it, until ./run up"


@dataclass(frozen=True)
class State:
    """What a target knows: all that was begun, what of it was live and proven, what is live, and its history."""

    recorded: list[Deployment]
    proven: list[Deployment]
    live: Deployment | None
    events: list[Event]


@dataclass(frozen=True)
class Switched:
    """A proven switch, and how long its parts took."""

    checks: list[proof.Check]
    warm: bool
    start_seconds: float
    switch_seconds: float


@dataclass(frozen=True)
class Done:
    """What a deploy or a rollback did, proven."""

    before: Deployment | None
    after: Deployment
    switched: Switched
    seconds: float

    @property
    def checks(self) -> list[proof.Check]:
        """The proof."""
        return self.switched.checks


def state_of(target: Target) -> State:
    """Return what a target knows. Raises PipelineError when it does not know what is live."""
    events, sequence = target.read_state()
    proven = journal.proven(events)
    recorded = {each.sequence: each for each in [*proven, *target.list_deployments()]}
    if sequence is not None and sequence not in recorded:
        raise PipelineError(f"Release number {sequence} is live, and there is no record of its deploy. Next: deploy a tag anew.")
    live = None if sequence is None else recorded[sequence]
    return State([recorded[each] for each in sorted(recorded)], proven, live, events)


def put(
    target: Target, new: Deployment, files: Path, live: Deployment | None, still_ours: Callable[[], None], limits: Bake | None = None
) -> Switched:
    """Start a release, prove it, switch to it, prove it again and watch it; on any failure, and on an interrupt, switch back."""
    start, warm = time.monotonic(), target.is_warm(new)
    with target.stage_release(new) as fetch:
        answered = {"the new release": fetch(*proof.questions(files))}
        proof.refuse(proof.prove(answered, new, files), "the new release, before any caller saw it; what served before still serves")
    still_ours()
    ready = time.monotonic()
    try:
        turn(target, new, still_ours)
        watch = bake.begin(target, limits, files) if limits and limits.seconds else None
        checks = proof.prove(target.ask_live(*proof.questions(files)), new, files, target.read_running_digest())
        proof.refuse(checks, "the public address; switched back to what served before")
        proven = time.monotonic()
        still_ours()
        if watch:
            bake.watch(target, new, watch, still_ours)
    except BaseException:
        still_ours()  # whoever took over decides what serves
        if live is not None:
            turn(target, live, still_ours)
        raise
    return Switched(checks, warm, round(ready - start, 2), round(proven - ready, 2))


def turn(target: Target, to: Deployment, still_ours: Callable[[], None]) -> None:
    """Switch. Where another did so since the last look, the one that was taken over stops, and the one that took over switches again."""
    try:
        target.switch_traffic(to)
    except Moved:
        still_ours()
        target.read_state()
        target.switch_traffic(to)


def finish(project: Project, target: Target, kind: str, reason: str, done: Done, files: Path) -> Done:
    """Say what was done, and record it where people look; none of this can undo it."""
    was = f", was {done.before.tag}" if done.before else ""
    what = journal.describe(kind, reason)
    text = f"{done.after.tag} serves{was}: {one_line(what, REASON)} in {done.seconds:.1f} s"
    attempt("the proof cannot be shown", lambda: line(f"{text}\n{proof.shown(done.checks)}"))
    attempt("the history was not written, so this counts as not proven", lambda: target.append_event(event(kind, what, done)))
    attempt("the summary was not written", lambda: summary(f"## {text}\n\n{proof.shown(done.checks)}"))
    attempt("the pointer `production` was not moved", lambda: target.move_production(done.after.digest))
    ledger.promoted(project, files, done.after.tag, done.after.digest)
    return done


def attempt(otherwise: str, act: Callable[[], None]) -> None:
    """Do what comes after the proof: whatever goes wrong there, what serves is proven, and that is what the exit code tells."""
    try:
        act()
    except Exception as error:  # a full disk, a lost connection, a registry that is down
        warn(f"{otherwise}: {error}")


def event(kind: str, what: str, done: Done) -> Event:
    """Return a line of the history."""
    switched = done.switched
    return Event(
        kind,
        what,
        done.after.tag,
        chain.now(),
        lock.who(),
        before=done.before.tag if done.before else "",
        release=done.after,
        proof=f"{len(switched.checks)} of {len(switched.checks)} checks hold",
        timing=Timing(round(done.seconds, 1), switched.warm, switched.start_seconds, switched.switch_seconds),
    )
