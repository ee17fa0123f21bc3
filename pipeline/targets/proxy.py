"""The proxy's container: made at the first deploy, told where to send callers at each switch."""

import io
import tarfile
import time
from pathlib import PurePosixPath

import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from pipeline import docker_engine, registry
from pipeline.docker_engine import STAYING
from pipeline.errors import PipelineError
from pipeline.project import Project
from pipeline.targets import haproxy
from pipeline.targets.haproxy import CONFIG, Slots

IMAGE = "haproxy:lts"
FOLDER = str(PurePosixPath(CONFIG).parent)
SWITCH_SECONDS = 20
RUNTIME = 'exec 3<>/dev/tcp/127.0.0.1/9999; printf "%s\\n" "$1" >&3; cat <&3'


class Proxy:
    """HAProxy in a container, with its config in a volume."""

    image = IMAGE

    def __init__(self, project: Project, client: docker.DockerClient) -> None:
        self.project, self.client = project, client
        self.network = project.name
        self.name = f"{project.name}-proxy"

    def slots(self) -> Slots:
        """Return which container stands where, as the config says."""
        text = self.read("haproxy.cfg")
        return Slots() if text is None else haproxy.parse(text)

    def switch(self, container: str) -> None:
        """Send callers to a container: over the runtime interface, since a reload closes their connections, and in the config."""
        before = self.slots()
        after = before.switched(container)
        assert after.live is not None
        address = self.address(container)
        arrive, leave = haproxy.commands(before, after, address)
        self.tell(arrive)
        self.wait_up(haproxy.SLOTS[after.live], address)
        self.tell(leave)
        self.write("haproxy.cfg", haproxy.config(self.template(), after))

    def address(self, container: str) -> str:
        """Return a container's address in the proxy's network."""
        return str(self.client.containers.get(container).attrs["NetworkSettings"]["Networks"][self.network]["IPAddress"])

    def wait_up(self, slot: str, address: str) -> None:
        """Wait until the proxy's own check of a slot succeeds. Raises PipelineError."""
        deadline = time.monotonic() + SWITCH_SECONDS
        while time.monotonic() < deadline:
            if haproxy.is_up(self.tell(["show servers state releases"]), slot, address):
                return
            time.sleep(0.05)
        raise PipelineError(f"The proxy does not see slot {slot} come up within {SWITCH_SECONDS} s. Next: docker logs {self.name}.")

    def ensure(self) -> None:
        """Make network and proxy, unless they are there. Raises PipelineError when its address cannot be had."""
        self.pull()
        if not self.client.networks.list(names=[f"^{self.network}$"]):
            self.client.networks.create(self.network, driver="bridge")
        container = self.container() or self.create()
        if container.status == "running":
            return
        try:
            container.start()
        except APIError as error:
            container.remove(force=True)
            raise PipelineError(
                f"The proxy cannot listen on {self.project.address}: {error.explanation}. "
                "Stop what uses it, or change [deploy] address in project.toml."
            ) from error

    def create(self) -> Container:
        """Create the proxy's container with its first config."""
        container = self.client.containers.create(
            IMAGE,
            name=self.name,
            network=self.network,
            ports={f"{haproxy.PORT}/tcp": (self.project.host, self.project.port)},
            volumes={self.name: {"bind": FOLDER, "mode": "rw"}},
            **STAYING,
        )
        if self.read("haproxy.cfg") is None:
            put(container, "haproxy.cfg", haproxy.config(self.template(), Slots()))
        return container

    def pull(self) -> None:
        """Make sure the proxy's image is on the host."""
        registry.ensure(self.client, IMAGE)

    def container(self) -> Container | None:
        """Return the proxy's container."""
        try:
            return self.client.containers.get(self.name)
        except NotFound:
            return None

    def tell(self, commands: list[str]) -> str:
        """Say something to the runtime interface and return its answer."""
        return self.run("bash", "-c", RUNTIME, "--", "; ".join(commands))

    def run(self, *command: str) -> str:
        """Run a command in the proxy's container. Raises PipelineError."""
        container = self.container()
        if container is None:
            raise PipelineError(f"There is no proxy {self.name}. Next: ./run deploy TAG, which makes it.")
        code, output = docker_engine.run(container, list(command), user="root")
        if code != 0:
            raise PipelineError(f"{command[0]} failed in {self.name}: {output.strip()}. Next: docker logs {self.name}.")
        return output

    def read(self, name: str) -> str | None:
        """Read a file beside the config, None where there is none. Works while the proxy is stopped."""
        container = self.container()
        try:
            stream = container.get_archive(f"{FOLDER}/{name}")[0] if container else None
        except NotFound:
            stream = None
        if stream is None:
            return None
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            member = archive.extractfile(name)
            return member.read().decode() if member else None

    def write(self, name: str, text: str) -> None:
        """Write a file beside the config, whole or not at all."""
        container = self.container()
        assert container is not None
        put(container, name + ".part", text)
        self.run("mv", f"{FOLDER}/{name}.part", f"{FOLDER}/{name}")

    def append(self, name: str, line: str) -> None:
        """Append a line to a file beside the config."""
        self.run("bash", "-c", 'printf "%s\\n" "$1" >> "$2"', "--", line, f"{FOLDER}/{name}")

    def remove(self) -> None:
        """Take proxy, volume and network away."""
        if container := self.container():
            container.remove(force=True)
        for found in self.client.volumes.list(filters={"name": f"^{self.name}$"}):
            found.remove()
        for network in self.client.networks.list(names=[f"^{self.network}$"]):
            network.remove()

    def template(self) -> str:
        """Return the config with its places to fill in."""
        return (self.project.root / "infra" / "haproxy.cfg").read_text(encoding="utf-8")


def put(container: Container, name: str, text: str) -> None:
    """Copy a text into the folder of the config."""
    content, buffer = text.encode(), io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), 0o644
        archive.addfile(member, io.BytesIO(content))
    container.put_archive(FOLDER, buffer.getvalue())
