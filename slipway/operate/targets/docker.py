"""Releases as containers of one host with Docker Engine, behind HAProxy. Needs only the engine's API, here or over ssh."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from docker.models.containers import Container

from slipway.errors import PipelineError
from slipway.operate.chain import Deployment
from slipway.operate.journal import Event, appended, events
from slipway.operate.targets import Fetch, haproxy, images
from slipway.operate.targets.containers import START_SECONDS, LockContainer, build_fetch, create_release, wait_ready
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
        """Return its container, or its standby's."""
        return next((each for each in self.containers() if each.labels[LABEL + "digest"] == digest), None)

    def recall(self, digest: str) -> Path:
        """Fetch it: the image is on the host."""
        return self.fetch(digest)

    def deployed(self) -> list[Deployment]:
        """Read the labels."""
        return [read_deployment(container.labels) for container in self.containers()]

    def live_sequence(self) -> int | None:
        """Ask the proxy which container it was told."""
        return sequence_of(self.proxy.read_state()[1])

    def look(self) -> tuple[list[Event], int | None]:
        """Read what lies beside the proxy's config, and it."""
        lines, slots = self.proxy.read_state()
        return events(lines), sequence_of(slots)

    @contextmanager
    def staged(self, wanted: Deployment) -> Iterator[Fetch]:
        """Start a container beside the live one; a warm standby runs already."""
        self.proxy.ensure_running()
        container = self.container(wanted) or create_release(self.client, self.project, self.predictor(wanted.digest), wanted)
        address = f"127.0.0.1:{haproxy.RELEASE_PORT}"
        if container.status != "running":
            container.start()
            wait_ready(container, build_fetch(container, address))
        yield build_fetch(container, address, patience=START_SECONDS)

    def warm(self, deployment: Deployment) -> bool:
        """Ask for its container."""
        container = self.container(deployment)
        return container is not None and container.status == "running"

    def switch(self, wanted: Deployment) -> None:
        """Have the proxy send callers there."""
        container = self.container(wanted)
        assert container is not None
        self.proxy.switch_traffic(str(container.name))

    def ask(self, *questions: tuple[str, Any]) -> dict[str, list[Any]]:
        """Ask through the proxy, from inside its network: a remote host's address need not be reachable from here."""
        live = self.live_container()
        if live is None:
            raise PipelineError("Nothing is live. Next: ./run deploy TAG.")
        return {"the proxy": build_fetch(live, f"{self.proxy.name}:{haproxy.PORT}")(*questions)}

    def running_digest(self) -> str:
        """Ask the engine from which image the live container was made."""
        live = self.live_container()
        names = live.image.attrs["RepoDigests"] if live and live.image else []
        ours = [name.partition("@")[2] for name in names if name.startswith(self.project.repository + "@")]
        return ours[0] if ours else "none"

    def running(self) -> str:
        """Name the live container and its start."""
        live = self.live_container()
        return f"{live.name} (started {live.attrs['State']['StartedAt']})" if live else "no container"

    def discard(self, wanted: Deployment) -> None:
        """Remove the container."""
        if container := self.container(wanted):
            container.remove(force=True)

    def tidy(self, live: Deployment, kept: list[Deployment]) -> None:
        """Leave the live release running, and the one before it as a warm standby; of those kept the image stays, and no other."""
        for container in self.containers():
            if int(container.labels[LABEL + "sequence"]) not in {live.sequence, live.previous}:
                container.stop()
                container.remove(force=True)
        images.keep_images(self.client, self.project, {each.digest for each in kept})

    def tell(self, live: Deployment | None, begin: bool = False) -> None:
        """Have Prometheus know the containers that run, and what is live; `begin` starts what watches, too."""
        if self.project.watch:
            releases = {str(each.name): read_deployment(each.labels).tag for each in self.containers() if each.status == "running"}
            act = self.monitoring.start if begin else self.monitoring.notify
            act(releases, live.tag if live else None)

    def note(self, event: Event) -> None:
        """Append a line to a file beside the proxy's config."""
        self.proxy.append_file(HISTORY, appended(self.proxy.read_file(HISTORY) or "", event))

    def history(self) -> list[Event]:
        """Read the lines."""
        return events(self.proxy.read_file(HISTORY) or "")

    def acquire(self, holder: dict[str, str], takeover: bool) -> None:
        """Take the lock on the host."""
        self.lock.acquire(holder, takeover)

    def holder(self) -> dict[str, str] | None:
        """Ask the host."""
        return self.lock.read_holder()

    def release(self) -> None:
        """Give the lock back."""
        self.lock.release()

    def where(self) -> str:
        """Name the address on the host."""
        return self.project.address

    def stop(self) -> None:
        """Take everything away: releases, proxy, its state, what watches and what it has seen, network."""
        for container in self.containers():
            container.remove(force=True)
        images.remove_keepers(self.client, self.project)
        self.release()
        self.monitoring.remove()
        self.proxy.remove()

    def containers(self) -> list[Container]:
        """Return the release containers, running or not."""
        return self.client.containers.list(all=True, filters={"label": [f"{PROJECT}={self.project.name}", LABEL + "sequence"]})

    def container(self, wanted: Deployment) -> Container | None:
        """Return a deployment's container."""
        found = [each for each in self.containers() if each.labels[LABEL + "sequence"] == str(wanted.sequence)]
        return found[0] if found else None

    def live_container(self) -> Container | None:
        """Return the container that callers are sent to."""
        name = (self.proxy.slots or self.proxy.read_state()[1]).live_container
        found = [each for each in self.containers() if each.name == name]
        return found[0] if found else None


def sequence_of(slots: Slots) -> int | None:
    """Return the sequence number of the live release: it is in its container's name."""
    return None if slots.live_container is None else int(slots.live_container.rpartition("-")[2])
