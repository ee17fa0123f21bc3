"""The proxy's container, as infra/compose.yaml describes it: made, asked, and the files in its volume."""

import docker
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container

from slipway.errors import PipelineError
from slipway.operate import docker_engine, registry
from slipway.operate.targets import haproxy, volume
from slipway.operate.targets.haproxy import FOLDER
from slipway.project import Project

IMAGE = "haproxy:lts"  # the lock runs on it too
USER = 99  # `haproxy` in the image
RUNTIME = 'exec 3<>/dev/tcp/127.0.0.1/9999; printf "%s\\n" "$1" >&3; cat <&3'


class CommandFailed(PipelineError):
    """A command in the proxy's container ended with a code other than 0."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class ProxyContainer:
    """One container, with a network and a volume of its own; their names are fixed."""

    image = IMAGE

    def __init__(self, project: Project, client: docker.DockerClient) -> None:
        self.project, self.client = project, client
        self.network = project.name
        self.name = f"{project.name}-proxy"

    def pull(self) -> None:
        """Make sure the proxy's image is on the host."""
        registry.ensure(self.client, IMAGE)

    def container(self) -> Container | None:
        """Return the container."""
        try:
            return self.client.containers.get(self.name)
        except NotFound:
            return None

    def create(self) -> Container:
        """Create the container as infra/compose.yaml says, and its network unless that is there."""
        from slipway.operate.targets import compose, compose_container  # a rollback does not need them

        return compose_container.create(self.client, compose.of(self.project), "proxy")

    def start(self, container: Container) -> None:
        """Start the container. Raises PipelineError when its address cannot be had."""
        try:
            container.start()
        except APIError as error:
            container.remove(force=True)
            raise PipelineError(
                f"The proxy cannot listen on {self.project.address}: {error.explanation}. "
                "Stop what uses it, or change [deploy] address in project.toml."
            ) from error

    def remove(self) -> None:
        """Take container, volume and network away."""
        if container := self.container():
            container.remove(force=True)
        for found in self.client.volumes.list(filters={"name": f"^{self.name}$"}):
            found.remove()
        for network in self.client.networks.list(names=[f"^{self.network}$"]):
            network.remove()

    def process(self) -> str | None:
        """Return which process answers the runtime interface, None where none does."""
        try:
            return haproxy.process(self.tell(["show info"]))
        except (PipelineError, DockerException):
            return None

    def tell(self, commands: list[str]) -> str:
        """Say something to the runtime interface and return its answer."""
        return self.run("bash", "-c", RUNTIME, "--", "; ".join(commands))

    def run(self, *command: str, user: str = "root") -> str:
        """Run a command in the container. Raises CommandFailed, PipelineError."""
        container = self.container()
        if container is None:
            raise PipelineError(f"There is no proxy {self.name}. Next: ./run deploy TAG, which makes it.")
        code, output = docker_engine.run(container, list(command), user=user)
        if code != 0:
            raise CommandFailed(code, f"{command[0]} failed in {self.name}: {output.strip()}. Next: docker logs {self.name}.")
        return output

    def read(self, name: str) -> str | None:
        """Read a file beside the config, None where there is none. Works while the proxy is stopped."""
        container = self.container()
        return volume.read(container, f"{FOLDER}/{name}") if container else None

    def write(self, path: str, text: str, only_for: int | None = None) -> None:
        """Write a file; whole or not at all where the proxy runs."""
        container = self.container()
        assert container is not None
        if container.status == "running":
            volume.put(container, path + ".part", text, only_for)
            self.run("mv", path + ".part", path)
        else:
            volume.put(container, path, text, only_for)

    def append(self, name: str, text: str) -> None:
        """Append to a file beside the config."""
        self.run("bash", "-c", 'printf "%s" "$1" >> "$2"', "--", text, f"{FOLDER}/{name}")
