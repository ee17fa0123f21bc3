"""Answer from `build/bundle` on the loopback, for a first look."""

import subprocess

from slipway.errors import PipelineError
from slipway.operate.process import build_environment, refuse_taken, service_command
from slipway.project import Project
from slipway.say import line


def serve(project: Project, port: int) -> int:
    """Serve until it is stopped (Ctrl-C), and return the service's exit code. Raises PipelineError."""
    if not project.bundle.is_dir():
        raise PipelineError(f"There is no bundle in {project.bundle}. Next: ./run train.")
    refuse_taken("127.0.0.1", port, "take another with --port")
    line(f"http://127.0.0.1:{port}/docs shows what can be asked; Ctrl-C stops it")
    settings = build_environment(project.root, project.bundle, PORT=str(port))
    try:
        return subprocess.run(service_command(project.root), cwd=project.root, env=settings, check=False).returncode
    except KeyboardInterrupt:
        return 0
