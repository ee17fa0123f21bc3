"""The place of a rehearsal: a copy of the project with its own git history, ports and state, which is cleared away afterwards."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from slipway import git
from slipway.bundle import data_reference
from slipway.errors import PipelineError
from slipway.operate import docker_engine
from slipway.operate.process import free_port
from slipway.operate.signature import FILE
from slipway.project import Project

# What could lead the rehearsal to a real deployment, registry, tracking server or job summary.
OUTSIDE = ("DOCKER_HOST", "IMAGE_REPOSITORY", "MLFLOW_TRACKING_URI", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")
# The rehearsal's history is its own: no hook, signature or list of ignored files of the person's concerns it.
OWN = (
    "user.name=rehearsal",
    "user.email=rehearsal@example.invalid",
    "commit.gpgsign=false",
    f"core.hooksPath={os.devnull}",
    "core.excludesFile=",
)
APART = tuple(word for setting in OWN for word in ("-c", setting))
REGISTRY = "registry:2"


def choose_target(requested: str | None) -> tuple[str, str]:
    """Return the target and why: what was asked for, else docker when an engine answers."""
    if requested == "kubernetes":
        raise PipelineError(
            "The rehearsal runs on this machine, but kubernetes needs a cluster. Next: ./run demo, or ./run demo --target local."
        )
    if requested:
        return requested, "asked for with --target"
    try:
        docker_engine.connect().close()
    except PipelineError:
        return "local", "no Docker engine answers"
    if not shutil.which("docker"):
        return "local", "there is no docker command to build images with"
    return "docker", "a Docker engine answers"


def locate(project: Project, target: str) -> Project:
    """Return the project that a rehearsal uses: the same files in another folder, with a name and a port of its own."""
    return _relocate(project, project.root / "build" / "rehearsal" / "project", "rehearsal", target)


def _relocate(project: Project, root: Path, what: str, target: str) -> Project:
    return replace(
        project,
        root=root,
        name=f"{project.name[:40]}-{what}",
        target=target,
        address=f"127.0.0.1:{free_port()}",
        bake=replace(project.bake, seconds=3),
        certificate=None,
        watch=None,
    )


def prepare(project: Project, target: str) -> Project:
    """Make the rehearsal's project anew, after clearing away what an earlier rehearsal left, and return it."""
    ours = locate(project, target)
    clear(ours)
    shutil.rmtree(ours.root.parent, ignore_errors=True)
    _copy_isolated(project, ours)
    return replace(ours, image_name=f"localhost:{start_registry(ours)}/{ours.name}") if target == "docker" else ours


def copy_project(project: Project, folder: Path) -> Project:
    """Return a copy of a project for a test: on the target local, with its own history, name and port. Raises PipelineError."""
    ours = _relocate(project, folder / "project", "test", "local")
    _copy_isolated(project, ours)
    commit(ours, "The project")
    return ours


def _copy_isolated(project: Project, ours: Project) -> None:
    if not project.train_data.is_file():
        data_reference.refuse_other(project)  # it says how to get them
    for name in OUTSIDE:
        os.environ.pop(name, None)
    copy(project.root, ours.root)
    begin(ours)


def copy(root: Path, into: Path) -> None:
    """Copy what git has or would take, and the training data: where DVC keeps these, git does in the copy, since they change there.

    The keys for releases are left out: what a rehearsal makes is signed by nobody.
    """
    names = {*git.run_git(root, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0"), "data/train.csv"}
    for each in names - {"", "data/.gitignore", "data/train.csv.dvc", FILE}:
        if (root / each).is_file():
            (into / each).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / each, into / each)


def begin(project: Project) -> None:
    """Begin the history of the rehearsal's project."""
    git.run_git(project.root, "init", "--quiet", "--initial-branch=main", "--template=")


def commit(project: Project, message: str) -> None:
    """Commit everything in the rehearsal's project."""
    git.run_git(project.root, *APART, "add", "--all")
    git.run_git(project.root, *APART, "commit", "--quiet", "--no-verify", "--allow-empty", "--message", message)


def start_registry(project: Project) -> str:
    """Start a registry on the loopback and return its port."""
    client = docker_engine.connect()
    published: Any = {"5000/tcp": ("127.0.0.1", None)}
    container = client.containers.run(REGISTRY, name=f"{project.name}-registry", detach=True, ports=published)
    container.reload()
    [published_at] = container.ports["5000/tcp"] or [{}]
    return published_at["HostPort"]


@contextmanager
def keep_calling(project: Project, folder: Path) -> Iterator[None]:
    """Send requests to the service meanwhile; the result is in `load.json` afterwards."""
    command = [
        sys.executable,
        "-m",
        "slipway.rehearsal.load",
        f"http://{project.address}",
        project.bundle / "golden.json",
        folder / "load.json",
    ]
    with (folder / "load.log").open("wb") as log:
        process = subprocess.Popen([str(word) for word in command], cwd=project.root, stdin=subprocess.PIPE, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.communicate()  # closes its standard input, which ends it
    if process.returncode != 0:
        raise PipelineError(f"The callers ended with {process.returncode}. Next: look at {folder / 'load.log'}.")


def clear(project: Project) -> None:
    """Stop and remove whatever a rehearsal of this project runs, on any target."""
    # More than once, because a supervisor starts workers anew between the moment they are listed and the moment it is killed itself.
    while found := [process for process in psutil.process_iter() if is_inside(process, project.root)]:
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(found, timeout=10)
    try:
        client = docker_engine.connect()
    except PipelineError:
        return
    ours = [each for each in client.containers.list(all=True, ignore_removed=True) if is_ours(each, project)]
    for container in ours:
        container.remove(force=True, v=True)
    for volume in client.volumes.list(filters={"name": f"^{project.name}-(proxy|access)$"}):
        volume.remove()
    for network in client.networks.list(names=[f"^{project.name}$"]):
        network.remove()
    for image in client.images.list():
        for tag in image.tags:
            if f"/{tag}".rpartition("/")[2].startswith(f"{project.name}:"):
                client.images.remove(tag, noprune=True)  # the layers of the packages serve the next rehearsal
    client.close()


def is_inside(process: psutil.Process, folder: Path) -> bool:
    """Tell whether a process is a service or a caller that works in a folder; somebody's shell there is not."""
    try:
        ours = any(word in " ".join(process.cmdline()) for word in ("-m slipway.serving", "-m slipway.rehearsal.load", "multiprocessing"))
        return ours and Path(process.cwd()).is_relative_to(folder.resolve())
    except (psutil.Error, OSError):
        return False


def is_ours(container: Any, project: Project) -> bool:
    """Tell whether a container is of the rehearsal: release, proxy, lock, registry, keys, or one that is being judged."""
    ours = container.name in {f"{project.name}-{part}" for part in ("proxy", "lock", "registry", "access")}
    judged = container.labels.get(docker_engine.JUDGED, "")
    return ours or container.labels.get("release.project") == project.name or f"/{project.name}@" in judged


def tag(project: Project, name: str) -> None:
    """Tag the last commit."""
    git.run_git(project.root, "update-ref", f"refs/tags/{name}", "HEAD")
