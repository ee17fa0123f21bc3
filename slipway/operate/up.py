"""Start what stays on the host: the proxy, and what watches. The first deploy does so too; again, it mends what is not as described."""

import os

from slipway.errors import PipelineError
from slipway.operate import lock
from slipway.operate.switch import state_of
from slipway.operate.targets import monitoring
from slipway.operate.targets.docker import Docker
from slipway.project import Project
from slipway.say import line


def up(project: Project) -> None:
    """Have the fixed part run as infra/ and project.toml say, and say where to look. Raises PipelineError."""
    if project.target != "docker":
        raise PipelineError(
            f"./run up starts the proxy and what watches as containers, and the target {project.target!r} has none. "
            "Expected: the target docker. Next: ./run up --target docker, on a machine with a Docker engine or with DOCKER_HOST."
        )
    target = Docker(project)
    with lock.held(target, "up"):
        target.proxy.ensure_running()
        target.notify_monitoring(state_of(target).live, start=True)
    line(
        monitoring.format_pages(project.watch, os.environ.get("DOCKER_HOST", ""))
        if project.watch
        else "The proxy runs. [watch] is not in project.toml."
    )
