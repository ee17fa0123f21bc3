"""The Docker engine: building images, and running one for a while."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
from docker.errors import DockerException
from paramiko.ssh_exception import SSHException  # type: ignore[import-untyped]  # it has none

from slipway.errors import PipelineError
from slipway.operate import registry
from slipway.operate.engine_client import Api, Engine, refusal
from slipway.operate.process import wait_ready
from slipway.operate.service_log import explain_failures
from slipway.project import Project

PORT = 8080
LOG_LINES = 200
# Marks the containers that run only to be judged.
JUDGED = "release.judged"
# Where an image names what it was built on: https://github.com/opencontainers/image-spec/blob/main/annotations.md
BASE, BASE_DIGEST = "org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"
# What every release container may not do: write to its files, gain rights, use more than its share.
CONFINED: dict[str, Any] = {
    "read_only": True,
    "tmpfs": {"/tmp": "size=64m"},  # noqa: S108  # the container's own
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "mem_limit": "1g",
    "pids_limit": 256,
    "log_config": {"type": "json-file", "config": {"max-size": "10m", "max-file": "3"}},
}
STAYING: dict[str, Any] = {"restart_policy": {"Name": "unless-stopped"}}


def connect(near: bool = False) -> docker.DockerClient:
    """Return the engine of `DOCKER_HOST`, or this machine's; `near` is for what is asked over a port: never an engine behind ssh.

    Over ssh a host is believed only by its line in ~/.ssh/known_hosts. Raises PipelineError where none answers.
    """
    given = os.environ.get("DOCKER_HOST", "")
    where = "this machine" if near and given.startswith("ssh:") else given or "this machine"
    try:
        client = Engine.from_env(timeout=120, environment={**os.environ, "DOCKER_HOST": given if where == given else ""})
        client.ping()
    except (DockerException, SSHException, OSError) as error:
        raise PipelineError(refusal(where, error)) from error
    assert isinstance(client.api, Api)
    client.api.engine = where
    return client


def build(project: Project, commit: str, labels: dict[str, str]) -> str:
    """Build the release's image and return its name here. Raises PipelineError with the end of the build's log."""
    client = connect()
    name = f"{project.name}:{commit}"
    base = find_base(project, client)
    said = [item for key, value in {**labels, **base}.items() for item in ("--label", f"{key}={value}")]
    dockerfile = str(project.root / "infra" / "Dockerfile")
    command = ["docker", "build", "--file", dockerfile, "--tag", name, *said, *os.environ.get("DOCKER_BUILD_OPTIONS", "").split()]
    try:
        done = subprocess.run([*command, str(project.release)], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise PipelineError("There is no `docker` command on this machine. Install it, or add --target local.") from error
    if done.returncode != 0:
        raise PipelineError(
            f"The image was not built:\n{(done.stdout + done.stderr)[-2000:]}\nNext: correct infra/Dockerfile, or ./run build again."
        )
    return name


def find_base(project: Project, client: docker.DockerClient) -> dict[str, str]:
    """Return the labels that name the image that the release is built on, and its digest where that is known."""
    base = read_base((project.root / "infra" / "Dockerfile").read_text(encoding="utf-8"))
    found = registry.find_digest(client, base)
    return {BASE: base, **({BASE_DIGEST: found} if found else {})}


def read_base(dockerfile: str) -> str:
    """Return the name of the image that the last stage of a Dockerfile stands on; empty where no stage is there."""
    stages = re.findall(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", dockerfile, re.IGNORECASE | re.MULTILINE)
    found = {alias.lower(): name for name, alias in stages if alias}
    base: str = stages[-1][0] if stages else ""
    while base.lower() in found:
        base = found.pop(base.lower())
    return base


def name_base(image: str) -> str:
    """Return the image that an image here is built on, as NAME@DIGEST where its digest is known. Raises PipelineError."""
    labels = inspect(image)["Config"]["Labels"] or {}
    return "@".join(labels[each] for each in (BASE, BASE_DIGEST) if labels.get(each))


@contextmanager
def serving(image: str) -> Iterator[str]:
    """Run an image on a free port of the loopback; yields its URL once it is ready. Raises PipelineError with what it said."""
    client = connect(near=True)
    settings = {"HOST": "0.0.0.0", "PORT": str(PORT), "RELEASE_TAG": "none", "RELEASE_DIGEST": image.rpartition("@")[2]}
    published: Any = {f"{PORT}/tcp": ("127.0.0.1", None)}
    try:
        registry.ensure(client, image)
        container = client.containers.create(image, environment=settings, ports=published, labels={JUDGED: image}, **CONFINED)
    except DockerException as error:
        raise PipelineError(f"{image} could not be started: {error}. Next: docker pull {image}.") from error
    try:
        container.start()
        container.reload()
        [published_at] = container.ports[f"{PORT}/tcp"] or [{}]
        url = f"http://127.0.0.1:{published_at['HostPort']}"
        wait_ready(url, lambda: running(container), lambda: said(container))
        with explain_failures(lambda: read_log(container)):
            yield url
    except DockerException as error:
        raise PipelineError(f"{image} could not be run: {error}. Next: docker run {image} shows why.") from error
    finally:
        container.remove(force=True)


def size_mb(image: str) -> float:
    """Return the size of an image here, in MB, with the layers that it shares. Raises PipelineError."""
    return float(inspect(image)["Size"]) / 1e6


def inspect(image: str) -> dict[str, Any]:
    """Return what the engine knows of an image here. Raises PipelineError."""
    try:
        return dict(connect().images.get(image).attrs)
    except DockerException as error:
        raise PipelineError(f"{image} cannot be looked at: {error}. Next: ./run build.") from error


def run(container: Any, command: list[str], user: str = "") -> tuple[int, str]:
    """Run a command in a container; returns its exit code and what it printed."""
    code, output = container.exec_run(command, user=user)
    return code, output.decode(errors="replace")


def running(container: Any) -> bool:
    """Tell whether a container runs."""
    container.reload()
    return bool(container.status == "running")


def read_log(container: Any) -> str:
    """Return the last of a container's log."""
    return str(container.logs(tail=LOG_LINES).decode(errors="replace"))


def said(container: Any) -> str:
    """Return the end of a container's log."""
    return "It said: " + " / ".join(container.logs(tail=5).decode(errors="replace").strip().splitlines())
