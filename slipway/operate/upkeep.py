"""Verbs around deploy and rollback: start what stays on the host, stop what runs, and let deploys go on after a rollback."""

import os

from slipway.errors import PipelineError
from slipway.operate import chain, journal, lock, targets
from slipway.operate.switch import attempt, read_state
from slipway.project import Project
from slipway.say import REASON, line, one_line, summary


def up(project: Project) -> None:
    """Start the proxy and monitoring as infra/ and project.toml describe them, and print their addresses. Raises PipelineError."""
    if project.target != "docker":
        raise PipelineError(
            f"./run up starts the proxy and monitoring as containers, but the target {project.target!r} has none. "
            "Expected: the target docker. Next: ./run up --target docker, on a machine with a Docker engine or with DOCKER_HOST."
        )
    from slipway.operate.targets import monitoring  # imported here: other targets do without the Docker SDK
    from slipway.operate.targets.docker import Docker

    target = Docker(project)
    with lock.hold_lock(target, "up"):
        target.proxy.ensure_running()
        target.notify_monitoring(read_state(target).live, start=True)
    line(
        monitoring.format_pages(project.watch, os.environ.get("DOCKER_HOST", ""))
        if project.watch
        else "The proxy runs. [watch] is not in project.toml."
    )


def down(project: Project, remove: str) -> None:
    """Stop the service on this machine; remove everything from another target, given the project's name. Raises PipelineError."""
    target = targets.load_target(project)
    if project.target != "local" and remove != project.name:
        refusal = f"--remove {remove!r} is not its name. " if remove else ""
        raise PipelineError(
            f"{refusal}This removes {project.name} from {target.format_address()}: all releases, the history and the metrics. Callers "
            "get no answers, and nothing can be rolled back. Next: if a release misbehaves, ./run rollback; otherwise ./run down "
            f"--remove {project.name}."
        )
    with lock.hold_lock(target, "down"):
        target.stop_all()
    again = "Next: ./run deploy TAG starts it again." if project.target == "local" else "Next: ./run deploy TAG begins a new history."
    line(f"Nothing answers at {target.format_address()} any more. {again}")


def resume(project: Project, reason: str) -> None:
    """Record that deploys may go on, where a rollback holds them. Raises PipelineError when nothing is deployed."""
    target = targets.load_target(project)
    state = read_state(target)
    if state.live is None:
        raise PipelineError("Nothing is deployed, so no deploys are held. Next: ./run deploy TAG.")
    found = journal.find_hold(state.events)
    if found is None:
        return line(f"No deploys are held; {state.live.tag} is live.")
    what = journal.describe_event(journal.RESUME, reason)
    target.append_event(journal.Event(journal.RESUME, what, state.live.tag, chain.format_now(), lock.find_user()))
    by, since = one_line(found.what, REASON), chain.format_age(found.at)
    text = f"Deploys are allowed again: they were held by {by} to {found.tag}, {since}. {state.live.tag} is live until the next deploy."
    summary(text)
    return line(text)


def unlock(project: Project, reason: str) -> None:
    """Free the lock of a run that was killed, and record that. Raises Busy while its holder is alive."""
    if not reason.strip():
        raise PipelineError(
            f"--reason is {reason!r}. Expected: why the lock may be freed, for the history. Nothing was changed. "
            'Next: ./run unlock --reason "the runner is gone".'
        )
    target = targets.load_target(project)
    found = target.lock.read_holder()
    if found is None:
        return line("Nobody holds the lock: deploys and rollbacks can start.")
    with lock.hold_lock(target, journal.UNLOCK):
        live = read_state(target).live
        what = journal.describe_event(journal.UNLOCK, f"{found['what']} by {found['by']}: {reason}")
        event = journal.Event(journal.UNLOCK, what, live.tag if live else "", chain.format_now(), lock.find_user())
        attempt("the history does not have it", lambda: target.append_event(event))
    return line(f"Freed: {found['what']} by {found['by']}, {chain.format_age(found['at'])}, was killed. Next: ./run status.")
