"""Monitoring of a host: Prometheus, Alertmanager and Grafana from infra/compose.yaml, and the files that they read."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker
from docker.errors import DockerException, NotFound
from docker.models.containers import Container

from slipway.errors import PipelineError
from slipway.operate import docker_engine
from slipway.operate.docker_engine import CONFINED, format_log_end
from slipway.operate.targets import containers, haproxy
from slipway.project import Project, Watch

# Where the volume stands in each of the containers, and what the verbs write there beside what infra/watch holds.
FOLDER = "/etc/watch"
TARGETS, FACTS, DRILLED = OWN = ("targets.json", "facts.yml", "drilled")
# A person's own, such as what `./run alert --secret` writes for Alertmanager's user.
SECRETS = "secrets/"
SECRET, ALERTMANAGER_USER = f"{SECRETS}notify", 65534
ALERTMANAGER = "alertmanager.yml"
SERVICES = ("prometheus", "alertmanager", "grafana")
# These read their config again on SIGHUP; Grafana reads its dashboards by itself.
RELOADED = {
    "prometheus": ["promtool", "check", "config", f"{FOLDER}/prometheus.yml"],
    "alertmanager": ["amtool", "check-config", f"{FOLDER}/alertmanager.yml"],
}
READY = {
    "prometheus": ["promtool", "check", "ready", "--url=http://127.0.0.1:9090"],
    "alertmanager": ["amtool", "--alertmanager.url=http://127.0.0.1:9093", "alert", "query"],
}
WAIT_SECONDS = 60


class Monitoring:
    """Containers `NAME-SERVICE`, each with a volume of that name, and the volume `NAME-watch`, which they only read."""

    def __init__(self, project: Project, client: docker.DockerClient, choose_image: Callable[[], str]) -> None:
        self.project, self.client = project, client
        self.volume = MonitoringVolume(f"{project.name}-watch", client, choose_image)

    def start(self, releases: Mapping[str, str], live: str | None) -> None:
        """Have all run as infra/compose.yaml and infra/watch describe them; changes nothing where they do. Raises PipelineError."""
        self.volume.write(self.load_files(), releases, live)
        started = self._start_services()
        for service in [each for each in RELOADED if each not in started]:
            self._reload(service)
        self._wait_ready()

    def load_files(self) -> dict[str, str]:
        """Return the files of infra/watch as project.toml has them."""
        files = load_files(self.project.root)
        notify = self.project.watch.notify if self.project.watch else ""
        return {**files, ALERTMANAGER: choose_receiver(files.get(ALERTMANAGER, ""), notify)} if notify else files

    def notify(self, releases: Mapping[str, str], live: str | None) -> None:
        """Tell Prometheus, where there is one, which releases run and which one is live."""
        if prometheus := self.find_container("prometheus"):
            self.volume.write_facts(releases, live)
            if prometheus.status == "running":
                prometheus.kill("SIGHUP")

    def _start_services(self) -> set[str]:
        """Start the containers, made anew where their description has changed; returns those that were started."""
        from slipway.operate.targets import compose  # a rollback does not need it

        description, started = compose.load(self.project), set()
        for service in SERVICES:
            container = self.find_container(service)
            if container and container.labels.get(compose.MADE_FROM) not in {None, compose.hash_description(description, service)}:
                container.remove(force=True)
                container = None
            container = container or compose.create_container(self.client, description, service)
            if container.status != "running":
                fix = f"Stop what uses its port, or change [watch] {service} in project.toml; then ./run up."
                containers.start_container(container, f"{service} cannot be started", fix)
                started.add(service)
        return started

    def _reload(self, service: str) -> None:
        """Have a service read its config again. Raises PipelineError when it is not fit; the old one holds until a restart."""
        container = self.find_container(service)
        assert container is not None
        code, output = docker_engine.run_command(container, RELOADED[service])
        if code != 0:
            raise PipelineError(f"{service} rejects its config: {output.strip()}. Next: correct infra/watch, then ./run up.")
        container.kill("SIGHUP")

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while waiting := [service for service in SERVICES if not self._is_ready(service)]:
            if time.monotonic() > deadline:
                raise PipelineError(
                    f"{', '.join(waiting)} did not start within {WAIT_SECONDS} s. Next: docker logs {self._name(waiting[0])}."
                )
            time.sleep(0.2)

    def _is_ready(self, service: str) -> bool:
        """Tell whether a service answers, or for Grafana runs. Raises PipelineError when it has ended."""
        container = self.find_container(service)
        assert container is not None
        if container.attrs["State"]["ExitCode"] or container.status == "restarting":
            raise PipelineError(f"{service} ended. {format_log_end(container)} Next: correct infra/watch, then ./run up.")
        if container.status != "running":
            return False
        return service not in READY or docker_engine.run_command(container, READY[service])[0] == 0

    def read_clock(self) -> datetime:
        """Return the time on the host."""
        return containers.parse_time(self.client.info()["SystemTime"])

    def find_container(self, service: str) -> Container | None:
        """Return the container of a service, None where there is none."""
        return containers.find_container(self.client, self._name(service))

    def _name(self, service: str) -> str:
        return f"{self.project.name}-{service}"

    def remove(self) -> None:
        """Remove containers, volumes and network."""
        containers.remove_all(self.client, [*map(self._name, SERVICES), self.volume.name], self.volume.name)


class MonitoringVolume:
    """A volume, and while it is written a container of the same name. The services can only read it, so it works the same over ssh."""

    def __init__(self, name: str, client: docker.DockerClient, choose_image: Callable[[], str]) -> None:
        self.name, self.client, self.choose_image = name, client, choose_image

    def write(self, files: Mapping[str, str], releases: Mapping[str, str], live: str | None) -> None:
        """Have the volume hold these files, the verbs' own, and a person's secrets. Raises PipelineError."""
        with self.open() as (writer, there):
            if stale := list_stale(there, files):
                self._remove_files(stale)
            self.write_changed(writer, there, {**files, **format_facts(there, releases, live)})

    def write_facts(self, releases: Mapping[str, str], live: str | None) -> None:
        """Write which releases run, and which one is live. Raises PipelineError."""
        with self.open() as (writer, there):
            self.write_changed(writer, there, format_facts(there, releases, live))

    def write_secret(self, secret: str) -> None:
        """Write the secret of who receives alerts, which only Alertmanager can read. Raises PipelineError."""
        with self.open() as (writer, _):
            containers.write_files(writer, FOLDER, {SECRET: secret}, only_for=ALERTMANAGER_USER)

    def read(self) -> dict[str, str]:
        """Return the files that are there; none where there is no volume. Raises PipelineError."""
        if not self.exists():
            return {}
        with self.open() as (_, there):
            return there

    def exists(self) -> bool:
        """Tell whether there is monitoring, or was to be."""
        return bool(self.client.volumes.list(filters={"name": f"^{self.name}$"}))

    def write_drill(self) -> bool:
        """Note that a rollback was rehearsed just now, for the next `write_facts`; returns whether there is monitoring."""
        if not self.exists():
            return False
        with self.open() as (writer, there):
            self.write_changed(writer, there, {DRILLED: f"{time.time():.0f}\n"})
        return True

    @contextmanager
    def open(self) -> Iterator[tuple[Container, dict[str, str]]]:
        """Yield a container that can write to the volume and never runs, and the files there. Raises PipelineError."""
        mounts = {self.name: {"bind": FOLDER, "mode": "rw"}}
        try:
            with suppress(NotFound):
                self.client.containers.get(self.name).remove(force=True)  # of a run that was killed
            writer = self.client.containers.create(self.choose_image(), name=self.name, volumes=mounts, network_mode="none", **CONFINED)
            try:
                yield writer, containers.read_tree(writer, FOLDER)
            finally:
                writer.remove(force=True)
        except DockerException as error:
            raise PipelineError(f"The volume {self.name} cannot be written: {error}. Next: fix that, then ./run up.") from error

    def write_changed(self, writer: Container, there: Mapping[str, str], wanted: Mapping[str, str]) -> None:
        """Write the files that differ."""
        if changed := {name: text for name, text in wanted.items() if there.get(name) != text}:
            containers.write_files(writer, FOLDER, changed)

    def _remove_files(self, names: list[str]) -> None:
        """Remove files from the volume, which takes a container that runs."""
        command, mounts = ["rm", "-rf", "--", *(f"{FOLDER}/{name}" for name in names)], {self.name: {"bind": FOLDER, "mode": "rw"}}
        image = self.choose_image()
        self.client.containers.run(image, entrypoint=command, user="0", remove=True, volumes=mounts, network_mode="none", **CONFINED)


# What the files say, and where people find the pages.


def load_files(root: Path) -> dict[str, str]:
    """Return the files of a project's infra/watch, by their paths in it."""
    folder = root / "infra" / "watch"
    found = [path for path in sorted(folder.rglob("*")) if path.suffix in {".yml", ".json"}]
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in found}


def choose_receiver(config: str, notify: str) -> str:
    """Return Alertmanager's config with this receiver of alerts. Raises PipelineError."""
    import yaml  # a rollback does not need it

    found = parse_alertmanager(config)
    found["route"]["receiver"] = notify
    read_receiver(found)
    return str(yaml.safe_dump(found, sort_keys=False))


def parse_alertmanager(config: str) -> dict[str, Any]:
    """Parse Alertmanager's config, as far as it says who receives alerts. Raises PipelineError."""
    import yaml

    try:
        found: dict[str, Any] = yaml.safe_load(config)
        if isinstance(found["route"]["receiver"], str) and all(each["name"] for each in found["receivers"]):
            return found
    except (KeyError, TypeError, yaml.YAMLError) as error:
        raise _refuse_config(f"cannot be read: {error!r}") from error
    raise _refuse_config("has a receiver without a name")


def read_receiver(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return who receives alerts: the receiver that the first route names. Raises PipelineError."""
    name = config["route"]["receiver"]
    found: list[dict[str, Any]] = [each for each in config["receivers"] if each["name"] == name]
    if not found:
        raise _refuse_config(f"has no receiver {name!r}; there are {', '.join(each['name'] for each in config['receivers'])}")
    return found[0]


def _refuse_config(what: str) -> PipelineError:
    form = "route with a receiver, and receivers, each with a name"
    return PipelineError(f"infra/watch/{ALERTMANAGER} {what}. Expected: {form}. Next: correct it there, then ./run up.")


def format_facts(there: Mapping[str, str], releases: Mapping[str, str], live: str | None) -> dict[str, str]:
    """Return the files that the verbs write."""
    drilled = parse_drill(there, time.time())
    return {TARGETS: format_targets(releases), FACTS: format_rules(live, drilled), DRILLED: f"{drilled:.0f}\n"}


def format_targets(releases: Mapping[str, str]) -> str:
    """Format whom Prometheus asks: release containers that run, by name, each with its tag."""
    found = [{"targets": [f"{name}:{haproxy.RELEASE_PORT}"], "labels": {"release": releases[name]}} for name in sorted(releases)]
    return json.dumps(found, indent=2) + "\n"


def format_rules(live: str | None, drilled: float) -> str:
    """Format the rules that tell Prometheus which release is live, and when a rollback was rehearsed last. JSON is YAML too."""
    recorded = [{"record": "release_recorded", "expr": "vector(1)", "labels": {"release": live}}] if live else []
    rehearsed = {"record": "drill_success_timestamp_seconds", "expr": f"vector({drilled:.0f})"}
    return json.dumps({"groups": [{"name": "facts", "rules": [*recorded, rehearsed]}]}, indent=2) + "\n"


def parse_drill(there: Mapping[str, str], now: float) -> float:
    """Return when a rollback was rehearsed last; where no file says so, now: from then on it is counted."""
    noted = there.get(DRILLED, "").strip()
    return float(noted) if noted.isdecimal() else now


def list_stale(there: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """Name the files in the volume that infra/watch holds no more."""
    return sorted(name for name in set(there) - set(wanted) if name not in OWN and not name.startswith(SECRETS))


def list_ports(watch: Watch) -> dict[str, int]:
    """Return the services by their names in infra/compose.yaml with their ports, the one to open first at the top."""
    return {"grafana": watch.grafana, "prometheus": watch.prometheus, "alertmanager": watch.alertmanager}


def format_pages(watch: Watch, engine: str) -> str:
    """Format the pages to open, and for an engine behind ssh (its DOCKER_HOST) the command that brings the ports here."""
    pages = {"grafana": "dashboards", "prometheus": "alerts", "alertmanager": "#/alerts"}
    lines = [f"{name:<12}  http://127.0.0.1:{port}/{pages[name]}" for name, port in list_ports(watch).items()]
    command = format_forward(watch, engine)
    behind = ["These are ports of the host's loopback. To open them on this machine, keep this running:", f"  {command}"] if command else []
    return "\n".join([*lines, *behind])


def format_forward(watch: Watch, engine: str) -> str:
    """Return the command that brings the ports of an engine behind ssh here; nothing for another engine."""
    found = urlsplit(engine)
    if found.scheme != "ssh":
        return ""
    forwarded = " ".join(f"-L {port}:127.0.0.1:{port}" for port in list_ports(watch).values())
    login = f"{found.username}@{found.hostname}" if found.username else found.hostname
    return f"ssh -N {forwarded}{f' -p {found.port}' if found.port else ''} {login}"
