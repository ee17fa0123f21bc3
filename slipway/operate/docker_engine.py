"""The Docker engine: a connection that can be lost, such as one over ssh; building and running images; commands in containers."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
from docker.errors import DockerException, create_api_error_from_http_exception
from docker.models.images import Image
from requests import HTTPError

from slipway import http_client
from slipway.errors import PipelineError
from slipway.operate import registry, ssh
from slipway.operate.connection import Connection, report_loss
from slipway.operate.process import REQUIREMENTS, explain_failures, wait_ready
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

    Raises PipelineError where none answers.
    """
    host, tunnel = os.environ.get("DOCKER_HOST", ""), _find_tunnel()
    if near and tunnel:
        host, tunnel = "", None
    where = host or "this machine"
    try:
        address = tunnel.open() if tunnel else host
        http_client.bypass_proxy(address)
        client = docker.DockerClient.from_env(timeout=120, environment={**os.environ, "DOCKER_HOST": address})
    except (DockerException, OSError) as error:
        if tunnel and tunnel.take_detour():
            return connect()
        here = f"No Docker engine answers on {where}: {error}. Next: start it, or add --target local, which needs none."
        raise PipelineError(tunnel.explain_silence(error) if tunnel else here) from error
    inner = client.api.get_adapter(client.api.base_url)
    client.api.mount(client.api.base_url.partition("//")[0] + "//", Connection(inner, where, tunnel))
    return client


def _find_tunnel() -> ssh.Tunnel | None:
    host = os.environ.get("DOCKER_HOST", "")
    return ssh.find_tunnel(host) if host.startswith("ssh:") else None


def build_image(project: Project, commit: str, labels: dict[str, str]) -> str:
    """Build the release's image and return its name here. Raises PipelineError with the end of the build's log."""
    client = connect()
    name = f"{project.product}:{commit}"
    base = _find_base(project, client)
    options = [item for key, value in {**labels, **base}.items() for item in ("--label", f"{key}={value}")]
    [lock] = (project.release / REQUIREMENTS).iterdir()
    options += ["--build-arg", f"REQUIREMENTS={lock.name}"]
    dockerfile = str(project.root / "infra" / "Dockerfile")
    command = ["docker", "build", "--file", dockerfile, "--tag", name, *options, *os.environ.get("DOCKER_BUILD_OPTIONS", "").split()]
    tunnel = _find_tunnel()
    environment = {**os.environ, **({"DOCKER_HOST": tunnel.open()} if tunnel else {})}
    try:
        done = subprocess.run([*command, str(project.release)], env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise PipelineError("There is no `docker` command on this machine. Install it, or add --target local.") from error
    if done.returncode != 0:
        raise PipelineError(
            f"The image was not built:\n{(done.stdout + done.stderr)[-2000:]}\nNext: correct infra/Dockerfile, or ./run build again."
        )
    return name


def _find_base(project: Project, client: docker.DockerClient) -> dict[str, str]:
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


def name_base(image: Image) -> str:
    """Return what an image is built on, as NAME@DIGEST where its digest is known; empty where its labels do not say it."""
    return "@".join(image.labels[each] for each in (BASE, BASE_DIGEST) if image.labels.get(each))


@contextmanager
def serve_image(image: str) -> Iterator[str]:
    """Run an image on a free port of the loopback; yields its URL once it is ready. Raises PipelineError with what it said."""
    client = connect(near=True)
    settings = {"HOST": "0.0.0.0", "PORT": str(PORT), "RELEASE_TAG": "none", "RELEASE_DIGEST": image.rpartition("@")[2]}
    published: Any = {f"{PORT}/tcp": ("127.0.0.1", None)}
    try:
        registry.ensure_image(client, image)
        container = client.containers.create(image, environment=settings, ports=published, labels={JUDGED: image}, **CONFINED)
    except DockerException as error:
        raise PipelineError(f"{image} could not be started: {error}. Next: docker pull {image}.") from error
    try:
        container.start()
        container.reload()
        [published_at] = container.ports[f"{PORT}/tcp"] or [{}]
        url = f"http://127.0.0.1:{published_at['HostPort']}"
        wait_ready(url, lambda: is_running(container), lambda: format_log_end(container))
        with explain_failures(lambda: read_log(container)):
            yield url
    except DockerException as error:
        raise PipelineError(f"{image} could not be run: {error}. Next: docker run {image} shows why.") from error
    finally:
        container.remove(force=True)


def find_image(image: str) -> Image:
    """Return an image that is here. Raises PipelineError."""
    try:
        return connect().images.get(image)
    except DockerException as error:
        raise PipelineError(f"{image} cannot be looked at: {error}. Next: ./run build.") from error


def run_command(container: Any, command: list[str], user: str = "") -> tuple[int, str]:
    """Run a command in a container; returns its exit code and what it printed."""
    api = container.client.api
    made = api.exec_create(container.id, command, user=user)["Id"]
    # The library's own call wants a bare connection, and then passes by what came along with the header.
    answer = api.post(f"{api.base_url}/v{api.api_version}/exec/{made}/start", json={"Detach": False, "Tty": False}, timeout=api.timeout)
    try:
        answer.raise_for_status()
    except HTTPError as error:
        create_api_error_from_http_exception(error)
    return api.exec_inspect(made)["ExitCode"], join_frames(answer.content).decode(errors="replace")


def join_frames(stream: bytes) -> bytes:
    """Return what a command printed: a frame is the stream's number, its length in the last four of eight bytes, and that much."""
    printed, at = b"", 0
    while at < len(stream):
        end = at + 8 + int.from_bytes(stream[at + 4 : at + 8], "big")
        printed, at = printed + stream[at + 8 : end], end
    return printed


def read_archive(container: Any, path: str) -> bytes:
    """Return a file or a folder of a container as a tar archive. Raises docker.errors.NotFound, PipelineError."""
    with report_loss(container.client):
        stream, _ = container.get_archive(path)
        return b"".join(stream)


def is_running(container: Any) -> bool:
    """Tell whether a container runs."""
    container.reload()
    return bool(container.status == "running")


def read_log(container: Any) -> str:
    """Return the last of a container's log."""
    return str(container.logs(tail=LOG_LINES).decode(errors="replace"))


def format_log_end(container: Any) -> str:
    """Return the end of a container's log."""
    return "It said: " + " / ".join(container.logs(tail=5).decode(errors="replace").strip().splitlines())
