# ruff: noqa: D102  # `Target` documents them
"""Releases as containers of one host with Docker Engine, behind HAProxy. Needs only the engine's API, here or over ssh."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from docker.models.containers import Container

from slipway.errors import PipelineError
from slipway.operate.chain import Deployment
from slipway.operate.journal import Event, format_line, parse_history
from slipway.operate.process import START_SECONDS
from slipway.operate.targets import Fetch, containers, haproxy, images
from slipway.operate.targets.containers import LISTEN_SECONDS, LockContainer, build_fetch, create_release, find_container, wait_ready
from slipway.operate.targets.haproxy import Slots
from slipway.operate.targets.images import LABEL, PROJECT, Images, read_deployment
from slipway.operate.targets.monitoring import Monitoring
from slipway.operate.targets.proxy import HISTORY, Proxy
from slipway.project import Project


class Docker(Images):
    """Containers `NAME-SEQUENCE` are the releases, their labels the chain; `NAME-proxy` knows which one is live."""

    def __init__(self, project: Project) -> None:
        super().__init__(project)
        self.proxy = Proxy(project, self.client)
        self.lock = LockContainer(self.client, f"{project.name}-lock", self.proxy.choose_image)
        self.monitoring = Monitoring(project, self.client, self.proxy.choose_image)

    def find_standing(self, digest: str) -> Container | None:
        return next((each for each in self.list_containers() if each.labels[LABEL + "digest"] == digest), None)

    def fetch_rollback_files(self, digest: str) -> Path:
        return self.fetch_release(digest)  # the image is on the host

    def list_deployments(self) -> list[Deployment]:
        found = self.client.api.containers(all=True, filters=self._filters)  # the library's own call asks for each one again
        return [read_deployment(each["Labels"]) for each in found]

    def read_live_sequence(self) -> int | None:
        return _parse_sequence(self.proxy.read_state()[1])

    def read_state(self) -> tuple[list[Event], int | None]:
        lines, slots = self.proxy.read_state()
        return parse_history(lines), _parse_sequence(slots)

    @contextmanager
    def stage_release(self, deployment: Deployment, proven: bool) -> Iterator[Fetch]:  # noqa: ARG002  # it runs beside the live one
        """Start a container beside the live one; a warm standby runs already."""
        self.proxy.ensure_running()
        container = self._find_container(deployment)
        if container is None:
            container = create_release(self.client, self.project, self.locate_release(deployment.digest), deployment)
        address = f"127.0.0.1:{haproxy.RELEASE_PORT}"
        if container.status != "running":
            container.start()
            wait_ready(container, build_fetch(container, address, patience=LISTEN_SECONDS))
        yield build_fetch(container, address, patience=START_SECONDS)

    def is_warm(self, deployment: Deployment) -> bool:
        container = self._find_container(deployment)
        return container is not None and container.status == "running"

    def switch_traffic(self, deployment: Deployment) -> None:
        self.proxy.switch_traffic(self._name_container(deployment))

    def ask_live(self, *questions: tuple[str, Any]) -> dict[str, list[Any]]:
        """Ask through the proxy, from inside its network: a remote host's address need not be reachable from here."""
        live = self.find_live_container()
        if live is None:
            raise PipelineError("Nothing is live. Next: ./run deploy TAG.")
        return {"the proxy": build_fetch(live, f"{self.proxy.name}:{haproxy.PORT}")(*questions)}

    def read_running_digest(self) -> str:
        """Ask the engine from which image the live container was made."""
        live = self.find_live_container()
        names = live.image.attrs["RepoDigests"] if live and live.image else []
        ours = [name.partition("@")[2] for name in names if name.startswith(self.project.image_name + "@")]
        return ours[0] if ours else "none"

    def name_images(self, deployment: Deployment) -> dict[str, str]:
        return {**super().name_images(deployment), "proxy": self.proxy.name_image()}

    def describe_processes(self) -> str:
        live = self.find_live_container()
        return f"{live.name} (started {live.attrs['State']['StartedAt']})" if live else "no container"

    def discard_release(self, deployment: Deployment) -> None:
        if container := self._find_container(deployment):
            container.remove(force=True)

    def remove_old_releases(self, live: Deployment, kept: list[Deployment]) -> None:
        """Leave the live release running, and the one before it as a warm standby; of those kept the image stays, and no other."""
        for container in self.list_containers():
            if int(container.labels[LABEL + "sequence"]) not in {live.sequence, live.previous}:
                container.stop()
                container.remove(force=True)
        images.keep_images(self.client, self.project, {each.digest for each in kept})

    def notify_monitoring(self, live: Deployment | None, start: bool = False) -> None:
        if self.project.watch:
            running = [each for each in self.list_containers() if each.status == "running"]
            releases = {str(each.name): read_deployment(each.labels).tag for each in running}
            act = self.monitoring.start if start else self.monitoring.notify
            act(releases, live.tag if live else None)

    def read_access(self) -> dict[str, str]:
        if not self.client.volumes.list(filters={"name": f"^{self.project.name}-access$"}):
            return {}  # nothing was written yet, and who only reads makes nothing
        return containers.read_folder(self._open_access(), containers.ACCESS)

    def write_access(self, name: str, text: str) -> None:
        containers.write_files(self._open_access(), containers.ACCESS, {name: text})

    def _open_access(self) -> Container:
        return containers.open_volume(self.client, f"{self.project.name}-access", self.proxy.choose_image)

    def append_event(self, event: Event) -> None:
        self.proxy.append_file(HISTORY, format_line(self.proxy.read_file(HISTORY) or "", event))

    def read_history(self) -> list[Event]:
        return parse_history(self.proxy.read_file(HISTORY) or "")

    def format_address(self) -> str:
        return self.project.address

    def stop_all(self) -> None:
        """Remove everything: releases, proxy, its state, monitoring and its records, network."""
        for container in self.list_containers():
            container.remove(force=True)
        images.remove_keepers(self.client, self.project)
        self.lock.release()
        self.monitoring.remove()
        containers.remove_all(self.client, [f"{self.project.name}-access"], "")
        self.proxy.remove()

    def list_containers(self) -> list[Container]:
        """Return the release containers, running or not."""
        return self.client.containers.list(all=True, filters=self._filters)

    @property
    def _filters(self) -> dict[str, str | list[str] | bool]:
        return {"label": [f"{PROJECT}={self.project.name}", LABEL + "sequence"]}

    def _name_container(self, deployment: Deployment) -> str:
        return f"{self.project.name}-{deployment.sequence}"

    def _find_container(self, wanted: Deployment) -> Container | None:
        return find_container(self.client, self._name_container(wanted))

    def find_live_container(self) -> Container | None:
        """Return the container that callers are sent to."""
        name = (self.proxy.slots or self.proxy.read_state()[1]).live_container
        return find_container(self.client, name) if name else None


def _parse_sequence(slots: Slots) -> int | None:
    # The sequence number of the live release is in its container's name.
    return None if slots.live_container is None else int(slots.live_container.rpartition("-")[2])
