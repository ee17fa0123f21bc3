"""Containers of one host with Docker Engine: those of releases, the one that is the lock, and the files in them."""

import io
import re
import tarfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import docker
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container

from slipway.errors import Busy, PipelineError
from slipway.operate import docker_engine, registry
from slipway.operate.chain import Deployment
from slipway.operate.docker_engine import CONFINED, STAYING, format_log_end
from slipway.operate.process import START_SECONDS, wait_for_reason
from slipway.operate.targets import Fetch, haproxy, images
from slipway.operate.targets.images import LOCK, PROJECT
from slipway.project import Project

# A holder that was not heard of for so long is gone: killed, or behind a connection that nobody ended.
GONE_SECONDS, BEAT_SECONDS = 12, 3
# A warm rollback is proven before: its lock is never started, which would take the host's time from it.
LATE_SECONDS = 4
# A release that starts is asked by one command inside, which waits for so long: each further one takes the start's own share of the host.
LISTEN_SECONDS = 5
# Where a release reads what holds for callers.
ACCESS = "/access"
LISTEN = 'while [ -n "$(timeout "$0" head -c 1)" ]; do :; done'


def find_container(client: docker.DockerClient, name: str) -> Container | None:
    """Return the container of a name, None where there is none."""
    with suppress(NotFound):
        return client.containers.get(name)
    return None


def start_container(container: Container, failure: str, fix: str) -> None:
    """Start a container, or remove it. Raises PipelineError, with the engine's reason between the two sentences."""
    try:
        container.start()
    except APIError as error:
        container.remove(force=True)
        raise PipelineError(f"{failure}: {error.explanation}. {fix}") from error


def remove_all(client: docker.DockerClient, names: Iterable[str], network: str) -> None:
    """Remove the containers and volumes of these names, then a network."""
    for name in names:
        with suppress(NotFound):
            client.containers.get(name).remove(force=True)
        for volume in client.volumes.list(filters={"name": f"^{name}$"}):
            volume.remove()
    for found in client.networks.list(names=[f"^{network}$"]):
        found.remove()


def open_volume(client: docker.DockerClient, name: str, choose_image: Callable[[], str]) -> Container:
    """Return the container through which a volume of the same name is read and written; it never runs."""
    if found := find_container(client, name):
        return found
    registry.ensure_image(client, image := choose_image())
    return client.containers.create(image, name=name, volumes={name: {"bind": ACCESS, "mode": "rw"}}, network_mode="none")


# The container of a release.


def create_release(client: docker.DockerClient, project: Project, image: str, wanted: Deployment) -> Container:
    """Create a release's container in the project's network; its place in the chain is on its labels."""
    settings = {"RELEASE_TAG": wanted.tag, "RELEASE_DIGEST": wanted.digest, "HOST": "0.0.0.0", "PORT": str(haproxy.RELEASE_PORT)}
    settings["ACCESS"] = ACCESS
    return client.containers.create(
        image,
        name=f"{project.name}-{wanted.sequence}",
        labels={PROJECT: project.name, **images.label_deployment(wanted)},
        environment=settings,
        network=project.name,
        volumes={f"{project.name}-access": {"bind": ACCESS, "mode": "ro"}},
        **STAYING,
        **CONFINED,
    )


def build_fetch(container: Container, address: str, patience: float = 0.0) -> Fetch:
    """Return how to ask a service at HOST:PORT, from inside a container; it has so many seconds to begin to listen."""

    def run(command: list[str], text: str) -> tuple[int, str]:
        try:
            code, output = docker_engine.run_command(container, [*command, *images.split_words(text)])
            failed = code != 0 and images.FAILED in output
            return code, f"{output.strip()} {wait_for_reason(lambda: docker_engine.read_log(container))}" if failed else output
        except DockerException as error:
            raise PipelineError(f"{container.name} cannot be asked: {error}. {format_log_end(container)} Next: ./run status.") from error

    return images.build_fetch(run, str(container.name), address, patience)


def wait_ready(container: Container, fetch: Fetch) -> None:
    """Wait until a release is ready. Raises PipelineError when it ends or takes too long, with the end of its log."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        container.reload()
        if container.status != "running" or container.attrs["RestartCount"]:
            raise PipelineError(f"The release ended instead of becoming ready. {format_log_end(container)} Next: fix that, then try again.")
        try:
            fetch(("/readyz", None))
        except PipelineError:
            time.sleep(0.1)
        else:
            return
    raise PipelineError(f"The release was not ready after {START_SECONDS} s. {format_log_end(container)} Next: fix that, then try again.")


# Files, through the engine's API: they can be read and written while the container is stopped.


def read_file(container: Container, path: str) -> str | None:
    """Read a file, None where there is none."""
    return read_folder(container, path).get(PurePosixPath(path).name)


def read_folder(container: Container, path: str) -> dict[str, str]:
    """Read the files of a folder, or the one that the path names, by their names; nothing where there is none."""
    return {name.name: text for name, text in _read_archive(container, path).items() if len(name.parts) <= 2}


def read_tree(container: Container, path: str) -> dict[str, str]:
    """Read all files below a folder by their paths in it; bytes that are no UTF-8 are replaced."""
    return {str(PurePosixPath(*name.parts[1:])): text for name, text in _read_archive(container, path, errors="replace").items()}


def _read_archive(container: Container, path: str, errors: str = "strict") -> dict[PurePosixPath, str]:
    try:
        found = docker_engine.read_archive(container, path)
    except NotFound:
        return {}
    with tarfile.open(fileobj=io.BytesIO(found)) as archive:
        files = [(PurePosixPath(member.name), archive.extractfile(member)) for member in archive.getmembers()]
        return {name: file.read().decode(errors=errors) for name, file in files if file}


def write_files(container: Container, folder: str, texts: dict[str, str], only_for: int | None = None) -> None:
    """Write files below a folder by their paths in it, readable for all or for one user of the container only."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in sorted({str(parent) for each in texts for parent in PurePosixPath(each).parents} - {"."}):
            member = tarfile.TarInfo(name)
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(member)
        for name, text in texts.items():
            content, member = text.encode(), tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            if only_for is not None:
                member.mode, member.uid, member.gid = 0o600, only_for, only_for
            archive.addfile(member, io.BytesIO(content))
    container.put_archive(folder, buffer.getvalue())


# The lock.


class LockContainer:
    """The lock of an environment: a container of a fixed name, of which there can be one; its labels name the holder.

    It runs as long as its holder: it ends when nothing comes over its standard input any more. A rollback has it started late, in a thread,
    since that takes time; until it is GONE_SECONDS old, one that was not started holds, too.
    """

    def __init__(self, client: docker.DockerClient, name: str, choose_image: Callable[[], str]) -> None:
        self.client, self.name, self.choose_image = client, name, choose_image
        self.connection: Any = None
        self.ended = threading.Event()
        self.own: str | None = None  # what was created here

    def acquire(self, holder: dict[str, str], takeover: bool) -> None:
        """Take the lock. Raises Busy when another run holds it, unless it is to be taken over."""
        image = self.choose_image()
        registry.ensure_image(self.client, image)
        found = find_container(self.client, self.name)
        if found and (takeover or self._is_gone(found)):
            self.release()
        labels = {LOCK + key: value for key, value in holder.items()}
        try:
            lock = self.client.containers.create(
                image,
                name=self.name,
                labels=labels,
                entrypoint=["sh", "-c", LISTEN, str(GONE_SECONDS)],
                stdin_open=True,
                network_mode="none",
                **CONFINED,
            )
            self.ended, self.own = threading.Event(), lock.id
            if not takeover:
                self._start(lock)
            threading.Thread(target=self._keep_alive, args=(lock, self.ended), daemon=True).start()
        except APIError as error:
            if error.status_code == 409:
                raise Busy(f"{self.read_holder()}") from error
            raise PipelineError(f"The lock could not be taken: {error}. Next: ./run status.") from error

    def _start(self, lock: Container) -> None:
        self.connection = lock.attach_socket(params={"stdin": 1, "stream": 1})
        lock.start()

    def _keep_alive(self, lock: Container, ended: threading.Event) -> None:
        """In a thread: start the lock where that is still to be done, and have it hear of its holder. It ends with the connection."""
        with suppress(DockerException, PipelineError, OSError):
            if self.connection is None:
                if ended.wait(LATE_SECONDS):
                    return
                self._start(lock)
            line = getattr(self.connection, "_sock", self.connection)  # the library returns a file that can only be read
            while not ended.wait(BEAT_SECONDS):
                line.sendall(b".")

    def read_holder(self) -> dict[str, str] | None:
        """Return who holds the lock, with `gone` where that is known to have ended: who lost its connection goes on holding it."""
        found = find_container(self.client, self.name)
        if found is None:
            return None
        gone = {"gone": "yes"} if self._is_gone(found) else {}
        return gone | {key.removeprefix(LOCK): value for key, value in found.labels.items() if key.startswith(LOCK)}

    def release(self) -> None:
        """Remove the lock."""
        self.ended.set()
        if self.connection:
            self.connection.close()
            self.connection = None
        if found := find_container(self.client, self.name):
            with suppress(NotFound):  # another took it over
                found.remove(force=True)

    def _is_gone(self, found: Container) -> bool:
        if found.id == self.own:
            return False
        if found.status != "created":
            return bool(found.status != "running")
        # Killed before it was started, by the host's clock: those of the machines that deploy may be off.
        return (parse_time(self.client.info()["SystemTime"]) - parse_time(found.attrs["Created"])).total_seconds() > GONE_SECONDS


def parse_time(text: str) -> datetime:
    """Parse a time of the engine's, which has nanoseconds."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", text))
