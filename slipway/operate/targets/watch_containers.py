"""What watches, on the host: Prometheus, Alertmanager and Grafana, from infra/compose.yaml."""

import time
from collections.abc import Mapping
from contextlib import suppress

import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from slipway.errors import PipelineError
from slipway.operate import docker_engine
from slipway.operate.docker_engine import said
from slipway.operate.targets import watch
from slipway.operate.targets.watch import FOLDER
from slipway.operate.targets.watch_volume import WatchVolume
from slipway.project import Project

SERVICES = ("prometheus", "alertmanager", "grafana")
# These read their config again on SIGHUP; Grafana looks at its dashboards by itself.
RELOADED = {
    "prometheus": ["promtool", "check", "config", f"{FOLDER}/prometheus.yml"],
    "alertmanager": ["amtool", "check-config", f"{FOLDER}/alertmanager.yml"],
}
READY = {
    "prometheus": ["promtool", "check", "ready", "--url=http://127.0.0.1:9090"],
    "alertmanager": ["amtool", "--alertmanager.url=http://127.0.0.1:9093", "alert", "query"],
}
WAIT_SECONDS = 60


class WatchContainers:
    """Containers `NAME-SERVICE`, each with a volume of that name, and the volume `NAME-watch`, which they only read."""

    def __init__(self, project: Project, client: docker.DockerClient, image: str) -> None:
        self.project, self.client = project, client
        self.volume = WatchVolume(f"{project.name}-watch", client, image)

    def up(self, releases: Mapping[str, str], live: str | None) -> None:
        """Have all run as infra/compose.yaml and infra/watch say; changes nothing where that is so. Raises PipelineError."""
        self.volume.write(watch.files(self.project.root), releases, live)
        begun = self.start()
        for service in [each for each in RELOADED if each not in begun]:
            self.reload(service)
        self.wait_ready()

    def tell(self, releases: Mapping[str, str], live: str | None) -> None:
        """Tell Prometheus, where there is one, which releases run and which one is live."""
        if prometheus := self.container("prometheus"):
            self.volume.tell(releases, live)
            if prometheus.status == "running":
                prometheus.kill("SIGHUP")

    def start(self) -> set[str]:
        """Have a container of each run, made anew where it is described otherwise; returns those that were started."""
        from slipway.operate.targets import compose, compose_container  # a rollback does not need them

        described, begun = compose.of(self.project), set()
        for service in SERVICES:
            container = self.container(service)
            if container and container.labels.get(compose_container.MADE_FROM) not in {
                None,
                compose_container.made_from(described, service),
            }:
                container.remove(force=True)
                container = None
            container = container or compose_container.create(self.client, described, service)
            if container.status != "running":
                self.begin(service, container)
                begun.add(service)
        return begun

    def begin(self, service: str, container: Container) -> None:
        """Start a container. Raises PipelineError when its port cannot be had."""
        try:
            container.start()
        except APIError as error:
            container.remove(force=True)
            raise PipelineError(
                f"{service} cannot be started: {error.explanation}. "
                f"Stop what uses its port, or change [watch] {service} in project.toml; then ./run up."
            ) from error

    def reload(self, service: str) -> None:
        """Have a service read its config again. Raises PipelineError when it is not fit; the old one holds until a restart."""
        container = self.container(service)
        assert container is not None
        code, output = docker_engine.run(container, RELOADED[service])
        if code != 0:
            raise PipelineError(f"{service} does not take its config: {output.strip()}. Next: correct infra/watch, then ./run up.")
        container.kill("SIGHUP")

    def wait_ready(self) -> None:
        """Wait until two of them answer, and Grafana runs. Raises PipelineError with what one said that ended instead."""
        deadline = time.monotonic() + WAIT_SECONDS
        while waiting := [service for service in SERVICES if not self.ready(service)]:
            if time.monotonic() > deadline:
                raise PipelineError(
                    f"{', '.join(waiting)} did not start within {WAIT_SECONDS} s. Next: docker logs {self.name(waiting[0])}."
                )
            time.sleep(0.2)

    def ready(self, service: str) -> bool:
        """Tell whether a service is ready. Raises PipelineError when it has ended."""
        container = self.container(service)
        assert container is not None
        if container.attrs["State"]["ExitCode"] or container.status == "restarting":
            raise PipelineError(f"{service} ended. {said(container)} Next: correct infra/watch, then ./run up.")
        if container.status != "running":
            return False
        return service not in READY or docker_engine.run(container, READY[service])[0] == 0

    def container(self, service: str) -> Container | None:
        """Return the container of a service."""
        with suppress(NotFound):
            return self.client.containers.get(self.name(service))
        return None

    def name(self, service: str) -> str:
        """Return the name of a service's container, and of its volume."""
        return f"{self.project.name}-{service}"

    def remove(self) -> None:
        """Take containers, volumes and network away."""
        for name in (*(self.name(service) for service in SERVICES), self.volume.name):
            with suppress(NotFound):
                self.client.containers.get(name).remove(force=True)
            for found in self.client.volumes.list(filters={"name": f"^{name}$"}):
                found.remove()
        for network in self.client.networks.list(names=[f"^{self.volume.name}$"]):
            network.remove()
