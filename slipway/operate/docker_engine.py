"""The Docker engine: its client, which holds on a connection that can be lost, such as one behind ssh; building and running images."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import docker
from docker.errors import APIError, DockerException
from docker.models.images import Image
from paramiko.ssh_exception import BadHostKeyException, SSHException  # type: ignore[import-untyped]  # it has none
from requests import PreparedRequest, RequestException, Response
from urllib3.exceptions import HTTPError

from slipway import http_client
from slipway.errors import PipelineError
from slipway.operate import registry
from slipway.operate.process import explain_failures, wait_ready
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
RECONNECT_SECONDS = 15


class Api(docker.APIClient):
    """The engine's API, which tells a lost connection, and connects anew for what is asked next: what was begun is to be cleaned up."""

    engine = ""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        adapter: Any = self.get_adapter(self.base_url)
        # One pool for all that is asked over ssh: the library has one for each URL, and each starts another `docker` over there.
        if getattr(adapter, "ssh_client", None):
            pool = adapter.get_connection
            adapter.get_connection = lambda *_: pool(self.base_url)

    def send(self, request: PreparedRequest, **settings: Any) -> Response:
        """Send a request, to an engine of this machine or behind ssh by way of no proxy. Raises PipelineError when it gets no answer."""
        if self.base_url.startswith("http+docker:") or http_client.is_this_machine(self.base_url):
            settings["proxies"] = {}
        with self.report_loss():
            return super().send(request, **settings)

    def _stream_helper(self, *arguments: Any, **settings: Any) -> Iterator[Any]:
        with self.report_loss():
            yield from super()._stream_helper(*arguments, **settings)  # type: ignore[misc]  # not in the types

    def _stream_raw_result(self, *arguments: Any, **settings: Any) -> Iterator[bytes]:
        with self.report_loss():
            yield from super()._stream_raw_result(*arguments, **settings)  # type: ignore[misc]

    def _read_from_socket(self, response: Response, *_: Any, **__: Any) -> bytes:
        """Read what a command printed, from where its header was read: the library passes by what came along with the header."""
        self._raise_for_status(response)  # type: ignore[attr-defined]
        try:
            with self.report_loss():
                frames: bytes = response.raw._fp.fp.read()  # type: ignore[union-attr]
        finally:
            response.close()
        printed, at = b"", 0
        while at < len(frames):  # a frame is the stream's number, its length in the last four of eight bytes, and that much
            end = at + 8 + int.from_bytes(frames[at + 4 : at + 8], "big")
            printed, at = printed + frames[at + 8 : end], end
        return printed

    @contextmanager
    def report_loss(self) -> Iterator[None]:
        """Raise PipelineError for a connection that is lost."""
        try:
            yield
        except APIError:  # an answer, if not the one that was hoped for
            raise
        except (RequestException, HTTPError, SSHException, OSError) as error:
            if not self.engine:
                raise  # it was never there, which `connect` tells
            self.reconnect()
            raise PipelineError(f"The connection to the Docker engine of {self.engine} was lost: {error}. Next: ./run status.") from error

    def reconnect(self) -> None:
        """Connect anew over ssh; the library would go on with the connection that has ended."""
        adapter: Any = self.get_adapter(self.base_url)
        if ssh := getattr(adapter, "ssh_client", None):
            adapter.pools.clear()
            ssh.close()
            with suppress(OSError, SSHException):  # what is asked next tells it
                ssh.connect(**adapter.ssh_params, timeout=RECONNECT_SECONDS)


class Engine(docker.DockerClient):
    """The library's client, with this API."""

    def __init__(self, **settings: Any) -> None:
        self.api = Api(**settings)


def connect(near: bool = False) -> docker.DockerClient:
    """Return the engine of `DOCKER_HOST`, or this machine's; `near` is for what is asked over a port: never an engine behind ssh.

    Over ssh a host is believed only by its line in ~/.ssh/known_hosts. Raises PipelineError where none answers.
    """
    host = os.environ.get("DOCKER_HOST", "")
    where = "this machine" if near and host.startswith("ssh:") else host or "this machine"
    try:
        client = Engine.from_env(timeout=120, environment={**os.environ, "DOCKER_HOST": host if where == host else ""})
        client.ping()
    except (DockerException, SSHException, OSError) as error:
        raise PipelineError(_explain_refusal(where, error)) from error
    assert isinstance(client.api, Api)
    client.api.engine = where
    return client


def _explain_refusal(where: str, error: Exception) -> str:
    if not where.startswith("ssh:"):
        return f"No Docker engine answers on {where}: {error}. Start it, or add --target local, which needs none."
    if isinstance(error, BadHostKeyException) or "known_hosts" in str(error):
        host, port = urlsplit(where).hostname, urlsplit(where).port or 22
        scan = f"ssh-keyscan -p {port} {host}; compare its line with the key on the host, then add it to ~/.ssh/known_hosts."
        if not isinstance(error, BadHostKeyException):
            return f"{where} is not known here: its host key is not in ~/.ssh/known_hosts. Nothing was asked of it. Next: {scan}"
        name = host if port == 22 else f"[{host}]:{port}"
        return (
            f"The host key of {where} is not the one in ~/.ssh/known_hosts: the host was set up anew, or another answers in its place. "
            f"Nothing was asked of it. Next: ask who runs it. If it is right: ssh-keygen -R '{name}', then {scan}"
        )
    return f"No Docker engine answers on {where}: {error}. Next: docker --host {where} version, which has to answer without a question."


def build_image(project: Project, commit: str, labels: dict[str, str]) -> str:
    """Build the release's image and return its name here. Raises PipelineError with the end of the build's log."""
    client = connect()
    name = f"{project.product}:{commit}"
    base = _find_base(project, client)
    options = [item for key, value in {**labels, **base}.items() for item in ("--label", f"{key}={value}")]
    dockerfile = str(project.root / "infra" / "Dockerfile")
    command = ["docker", "build", "--file", dockerfile, "--tag", name, *options, *os.environ.get("DOCKER_BUILD_OPTIONS", "").split()]
    try:
        done = subprocess.run([*command, str(project.release)], capture_output=True, text=True, check=False)
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
    code, output = container.exec_run(command, user=user)
    return code, output.decode(errors="replace")


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
