"""Let deploys go on after a rollback."""

from slipway.errors import PipelineError
from slipway.operate import chain, journal, lock, targets
from slipway.operate.switch import state_of
from slipway.project import Project
from slipway.say import REASON, line, one_line, summary


def resume(project: Project, reason: str) -> None:
    """Record that deploys may go on; says so where none are held. Raises PipelineError when nothing is deployed."""
    target = targets.load_target(project)
    state = state_of(target)
    if state.live is None:
        raise PipelineError("Nothing is deployed, so no deploys are held. Next: ./run deploy TAG.")
    found = journal.held(state.events)
    if found is None:
        return line(f"No deploys are held; {state.live.tag} serves.")
    what = journal.describe(journal.RESUME, reason)
    target.append_event(journal.Event(journal.RESUME, what, state.live.tag, chain.now(), lock.who()))
    by, since = one_line(found.what, REASON), chain.age(found.at)
    text = f"Deploys go on: they were held by {by} to {found.tag}, {since}. {state.live.tag} serves until then."
    summary(text)
    return line(text)
