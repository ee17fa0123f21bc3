"""Stop what runs on a target."""

from slipway.errors import PipelineError
from slipway.operate import lock, targets
from slipway.project import Project
from slipway.say import line


def down(project: Project, remove: str) -> None:
    """Stop the service on this machine; take everything away from another target, where its name is given. Raises PipelineError."""
    target = targets.load_target(project)
    if project.target != "local" and remove != project.name:
        given = f"--remove {remove!r} is not its name. " if remove else ""
        raise PipelineError(
            f"{given}This takes {project.name} away from {target.format_address()}: all releases, the history and what was seen; "
            "callers get no answers, and nothing can be rolled back. Next: ./run rollback, if a release misbehaves; "
            f"else ./run down --remove {project.name}."
        )
    with lock.held(target, "down"):
        target.stop_all()
    again = "Next: ./run deploy TAG starts it again." if project.target == "local" else "Next: ./run deploy TAG begins a new history."
    line(f"Nothing answers at {target.format_address()} any more. {again}")
