"""Releases as containers of one host with Docker Engine, behind HAProxy. Needs only the engine's API, here or over ssh."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docker.models.containers import Container
from docker.models.images import Image

from pipeline import docker_engine, registry
from pipeline.chain import Deployment
from pipeline.errors import PipelineError
from pipeline.journal import Event, appended, events
from pipeline.project import Project
from pipeline.targets import Fetch, haproxy, retention
from pipeline.targets.haproxy import Slots
from pipeline.targets.lock_container import LockContainer
from pipeline.targets.proxy import Proxy
from pipeline.targets.proxy_slots import HISTORY
from pipeline.targets.release_container import (
    LABEL,
    PROJECT,
    START_SECONDS,
    asking,
    create,
    deployment,
    is_copy,
    refuse_mislabelled,
    unpack,
    wait_ready,
)
from pipeline.targets.watch_containers import WatchContainers


class Docker:
    """Containers `NAME-SEQUENCE` are the releases, their labels the chain; `NAME-proxy` knows which one is live."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.client = docker_engine.connect()
        self.proxy = Proxy(project, self.client)
        self.lock = LockContainer(self.client, f"{project.name}-lock", self.proxy.image)
        self.watching = WatchContainers(project, self.client, self.proxy.image)

    def push(self, commit: str) -> str:
        """Push the image that `build` left here."""
        return registry.push(self.client, f"{self.project.name}:{commit}", self.project.repository, commit)

    def find(self, commit: str) -> str:
        """Ask the registry."""
        digest = registry.digest(self.client, f"{self.project.repository}:{commit}")
        if digest is None:
            raise PipelineError(
                f"There is no image for commit {commit[:12]} in {self.project.repository}: it was never judged, or not passed. "
                "Next: merge it and wait for train-validate-build-push, or on that commit: ./run train, validate, build and push."
            )
        return digest

    def fetch(self, digest: str) -> Path:
        """Pull the image unless it is on the host, and copy its `/release` here unless that was done before."""
        image = registry.ensure(self.client, self.predictor(digest))
        files = self.project.state / "docker" / digest.removeprefix("sha256:")
        if not is_copy(image, files / "release"):
            self.copy(image, digest, files)
        refuse_mislabelled(image, files / "release", digest)
        return files / "release"

    def copy(self, image: Image, digest: str, into: Path) -> None:
        """Copy `/release` here, from a container that stands or from one that is made for it."""
        standing = [each for each in self.containers() if each.labels[LABEL + "digest"] == digest]
        container = standing[0] if standing else self.client.containers.create(image)
        try:
            unpack(container, "/release", into)
        finally:
            if not standing:
                container.remove()

    def predictor(self, digest: str) -> str:
        """Return the image by digest."""
        return f"{self.project.repository}@{digest}"

    def deployed(self) -> list[Deployment]:
        """Read the labels."""
        return [deployment(container) for container in self.containers()]

    def live_sequence(self) -> int | None:
        """Ask the proxy which container it was told."""
        return sequence_of(self.proxy.slots())

    def look(self) -> tuple[list[Event], int | None]:
        """Read what lies beside the proxy's config, and it."""
        lines, slots = self.proxy.look()
        return events(lines), sequence_of(slots)

    @contextmanager
    def staged(self, wanted: Deployment) -> Iterator[Fetch]:
        """Start a container beside the live one; a warm standby runs already."""
        self.proxy.ensure()
        container = self.container(wanted) or create(self.client, self.project, self.predictor(wanted.digest), wanted)
        address = f"127.0.0.1:{haproxy.RELEASE_PORT}"
        if container.status != "running":
            container.start()
            wait_ready(container, asking(container, address))
        yield asking(container, address, patience=START_SECONDS)

    def warm(self, deployment: Deployment) -> bool:
        """Ask for its container."""
        container = self.container(deployment)
        return container is not None and container.status == "running"

    def switch(self, wanted: Deployment) -> None:
        """Have the proxy send callers there."""
        container = self.container(wanted)
        assert container is not None
        self.proxy.switch(str(container.name))

    def public(self) -> Fetch:
        """Ask through the proxy, from inside its network: a remote host's address need not be reachable from here."""
        live = self.live_container()
        if live is None:
            raise PipelineError("Nothing is live. Next: ./run deploy TAG.")
        return asking(live, f"{self.proxy.name}:{haproxy.PORT}")

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
        retention.keep(self.client, self.project, {each.digest for each in kept})

    def tell(self, live: Deployment | None, begin: bool = False) -> None:
        """Have Prometheus know the containers that run, and what is live; `begin` starts what watches, too."""
        if self.project.watch:
            releases = {str(each.name): deployment(each).tag for each in self.containers() if each.status == "running"}
            act = self.watching.up if begin else self.watching.tell
            act(releases, live.tag if live else None)

    def production(self) -> str | None:
        """Ask the registry."""
        return registry.digest(self.client, f"{self.project.repository}:production")

    def point(self, digest: str) -> None:
        """Push the tag `production`."""
        registry.push(self.client, self.predictor(digest), self.project.repository, "production")

    def note(self, event: Event) -> None:
        """Append a line to a file beside the proxy's config."""
        self.proxy.append(HISTORY, appended(self.proxy.read(HISTORY) or "", event))

    def history(self) -> list[Event]:
        """Read the lines."""
        return events(self.proxy.read(HISTORY) or "")

    def acquire(self, holder: dict[str, str], takeover: bool) -> None:
        """Take the lock on the host."""
        self.proxy.pull()
        self.lock.acquire(holder, takeover)

    def holder(self) -> dict[str, str] | None:
        """Ask the host."""
        return self.lock.holder()

    def release(self) -> None:
        """Give the lock back."""
        self.lock.release()

    def stop(self) -> None:
        """Take everything away: releases, proxy, its state, what watches and what it has seen, network."""
        for container in self.containers():
            container.remove(force=True)
        retention.forget(self.client, self.project)
        self.release()
        self.watching.remove()
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
        name = (self.proxy.known or self.proxy.slots()).live_container
        found = [each for each in self.containers() if each.name == name]
        return found[0] if found else None


def sequence_of(slots: Slots) -> int | None:
    """Return the sequence number of the live release: it is in its container's name."""
    return None if slots.live_container is None else int(slots.live_container.rpartition("-")[2])
