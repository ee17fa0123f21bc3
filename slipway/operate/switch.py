"""From one release to another, for deploy and rollback alike: start it, prove it, switch, prove it again."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import Busy, Moved, PipelineError
from slipway.operate import access, bake, chain, journal, lock, proof
from slipway.operate.chain import Deployment
from slipway.operate.journal import Event, Timing
from slipway.operate.targets import Target
from slipway.project import Bake, Project
from slipway.say import REASON, line, one_line, report_warning, summary
from slipway.tracking import ledger

# So many releases stay on the host, for a rollback without the registry.
KEPT = 3
NOT_NOTIFIED = "monitoring does not show it until you type ./run up"


@dataclass(frozen=True)
class State:
    """What a target knows: every deployment that was started, those that were live and proven, the live one, and the history."""

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


def read_state(target: Target) -> State:
    """Return what a target knows. Raises PipelineError when it does not know what is live."""
    events, sequence = target.read_state()
    proven = journal.list_proven(events)
    recorded = {each.sequence: each for each in [*proven, *target.list_deployments()]}
    if sequence is not None and sequence not in recorded:
        raise PipelineError(f"Release number {sequence} is live, but there is no record of its deploy. Next: deploy a tag again.")
    live = None if sequence is None else recorded[sequence]
    return State([recorded[each] for each in sorted(recorded)], proven, live, events)


def switch_release(
    target: Target, new: Deployment, files: Path, live: Deployment | None, check_lock: Callable[[], None], limits: Bake | None = None
) -> Switched:
    """Start a release, prove it, switch to it, prove it again and watch it; on any failure, and on an interrupt, switch back.

    Without limits it is one that was proven here before.
    """
    start, warm = time.monotonic(), target.is_warm(new)
    with target.stage_release(new, proven=limits is None) as fetch:
        if fetch:
            where = "the new release, before any caller reached it; the live release stays live"
            proof.refuse_failed(proof.prove({"the new release": fetch(*proof.load_questions(files))}, new, files), where)
    check_lock()
    ready = time.monotonic()
    try:
        switch_traffic(target, new, check_lock)
        watch = bake.start_watch(target, limits, files) if limits and limits.seconds else None
        checks = proof.prove(target.ask_live(*proof.load_questions(files)), new, files, target.read_running_digest())
        proof.refuse_failed(checks, "the public address; the previous release is live again")
        proven = time.monotonic()
        check_lock()
        if watch:
            bake.watch_release(target, new, watch, check_lock)
    except BaseException:
        check_lock()  # a run that took over decides which release is live
        if live is not None:
            switch_traffic(target, live, check_lock)
        raise
    return Switched(checks, warm, round(ready - start, 2), round(proven - ready, 2))


def switch_new_release(
    project: Project, target: Target, new: Deployment, files: Path, live: Deployment | None, check_lock: Callable[[], None]
) -> Switched:
    """Switch to a new release; remove it again where that fails."""
    access.publish_settings(project, target)
    try:
        return switch_release(target, new, files, live, check_lock, project.bake)
    except BaseException as error:
        # The live release stays; only a first one is removed, unless another run has taken over and decides.
        if target.read_live_sequence() != new.sequence or (live is None and not isinstance(error, Busy)):
            target.discard_release(new)
        raise


def stop_unneeded(target: Target, new: Deployment, state: State, check_lock: Callable[[], None]) -> None:
    """Remove old releases. Raises Busy when a rollback has taken over, which may need them."""
    check_lock()
    target.remove_old_releases(new, chain.select_kept([*state.proven, new], new, KEPT))


def notify_monitoring(target: Target, new: Deployment, check_lock: Callable[[], None]) -> None:
    """Start monitoring where it does not run, and name it the new release. Raises Busy when a rollback has taken over."""
    check_lock()
    target.notify_monitoring(new, start=True)


def switch_traffic(target: Target, to: Deployment, check_lock: Callable[[], None]) -> None:
    """Switch callers. When another run has switched meanwhile: stop if it took over, switch again if this one did."""
    try:
        target.switch_traffic(to)
    except Moved:
        check_lock()
        target.read_state()
        target.switch_traffic(to)


def record_switch(project: Project, target: Target, kind: str, reason: str, done: Done, files: Path) -> Done:
    """Print the proof and record the switch in the history, the job summary and the registry. A failure here undoes nothing."""
    was = f", was {done.before.tag}" if done.before else ""
    what = journal.describe_event(kind, reason)
    text = f"{done.after.tag} serves{was}: {one_line(what, REASON)} in {done.seconds:.1f} s"
    attempt("the proof cannot be shown", lambda: line(f"{text}\n{proof.format_proof(done.checks)}"))
    event = _build_event(kind, what, done, _name_images(target, done.after))
    attempt("the history could not be written, so this counts as not proven", lambda: target.append_event(event))
    summary(f"## {text}\n\n{proof.format_proof(done.checks)}")
    attempt("whether callers need a key is not known", lambda: access.warn_open(project, done.after.tag, files))
    attempt(f"the pointer `{project.environment}` was not moved", lambda: target.move_pointer(done.after.digest))
    ledger.record_live(project, target, done.after, files)
    return done


def attempt(otherwise: str, act: Callable[[], None]) -> None:
    """Run a step after the proof, and only warn when it fails: the live release is proven, and the exit code says so."""
    try:
        act()
    except Exception as error:  # a full disk, a lost connection, a registry that is down
        report_warning(f"{otherwise}: {error}")


def _name_images(target: Target, live: Deployment) -> dict[str, str]:
    try:
        return target.name_images(live)
    except Exception as error:  # as above
        report_warning(f"the history does not name the base images of {live.tag}: {error}")
        return {}


def _build_event(kind: str, what: str, done: Done, images: dict[str, str]) -> Event:
    switched = done.switched
    return Event(
        kind,
        what,
        done.after.tag,
        chain.format_now(),
        lock.find_user(),
        before=done.before.tag if done.before else "",
        release=done.after,
        proof=f"{len(switched.checks)} of {len(switched.checks)} checks hold",
        timing=Timing(round(done.seconds, 1), switched.warm, switched.start_seconds, switched.switch_seconds),
        images=images,
    )
