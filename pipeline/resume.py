"""Let deploys go on after a rollback."""

from pipeline import chain, targets
from pipeline.errors import PipelineError
from pipeline.project import Project
from pipeline.say import line, summary
from pipeline.switch import event, live_of


def resume(project: Project, reason: str) -> None:
    """Record that deploys may go on; says so where none are held. Raises PipelineError when nothing is deployed."""
    target = targets.of(project)
    live = live_of(target)
    if live is None:
        raise PipelineError("Nothing is deployed, so no deploys are held. Next: ./run deploy TAG.")
    found = chain.held(target.history())
    if found is None:
        return line(f"No deploys are held; {live.tag} serves.")
    target.note(event(f"resume{f' ({reason})' if reason else ''}", live, 0.0))
    text = f"Deploys go on: they were held by {found['what']} to {found['tag']}, {chain.age(found['at'])}. {live.tag} serves until then."
    summary(text)
    return line(text)
