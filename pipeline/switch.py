"""From one release to another, for deploy and rollback alike: start it, prove it, switch, prove it again."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline import bake, chain, ledger, lock, proof
from pipeline.chain import Deployment
from pipeline.errors import PipelineError
from pipeline.project import Bake, Project
from pipeline.say import line, summary, warn
from pipeline.targets import Target
from service.manifest import Manifest


@dataclass(frozen=True)
class Done:
    """What a deploy or a rollback did, proven."""

    before: Deployment | None
    after: Deployment
    checks: list[proof.Check]
    seconds: float


def live_of(target: Target) -> Deployment | None:
    """Return what is live. Raises PipelineError when the target does not know its own chain."""
    digest = target.live_digest()
    if digest is None:
        return None
    found = [each for each in target.deployed() if each.digest == digest]
    if not found:
        raise PipelineError(f"{digest} is live, and there is no record of its deploy. Next: ./run status, then deploy a tag anew.")
    return chain.newest(found)


def put(
    target: Target, new: Deployment, files: Path, live: Deployment | None, still_ours: Callable[[], None], limits: Bake | None = None
) -> list[proof.Check]:
    """Start a release, prove it, switch to it, prove it again and watch it; on any failure, and on an interrupt, switch back."""
    with target.staged(new) as fetch:
        proof.refuse(proof.prove(fetch, new, files), "the new release, before any caller saw it; what served before still serves")
    still_ours()
    try:
        target.switch(new)
        before = bake.reading(target) if limits and limits.seconds else None
        checks = proof.prove(target.public(), new, files, target.running_digest())
        proof.refuse(checks, "the public address; switched back to what served before")
        still_ours()
        if limits and before:
            bake.watch(target, new, limits, before, still_ours)
    except BaseException:
        still_ours()  # whoever took over decides what serves
        if live is not None:
            target.switch(live)
        raise
    return checks


def finish(project: Project, target: Target, what: str, done: Done, files: Path) -> Done:
    """Say what was done, and record it where people look; none of this can undo it."""
    was = f", was {done.before.tag}" if done.before else ""
    text = f"{done.after.tag} serves{was}: {what} in {done.seconds:.1f} s"
    line(f"{text}\n{proof.shown(done.checks)}")
    summary(f"## {text}\n\n{proof.shown(done.checks)}")
    said = event(what, done.after, done.seconds) | {"from": done.before.tag if done.before else ""}
    attempt("the history was not written", lambda: target.note(said))
    attempt("the pointer `production` was not moved", lambda: target.point(done.after.digest))
    ledger.move(project, ledger.PRODUCTION, Manifest.model_validate_json((files / "manifest.json").read_bytes()).mlflow_run)
    return done


def attempt(otherwise: str, act: Callable[[], None]) -> None:
    """Do what comes after the proof: whatever goes wrong there, what serves is proven, and that is what the exit code tells."""
    try:
        act()
    except Exception as error:  # a full disk, a lost connection, a registry that is down
        warn(f"{otherwise}: {error}")


def event(what: str, live: Deployment, seconds: float) -> dict[str, str]:
    """Return a line of the history."""
    return {
        "what": what,
        "tag": live.tag,
        "digest": live.digest,
        "at": chain.now(),
        "by": lock.who(),
        "seconds": f"{seconds:.1f}",
        "from": "",
    }
