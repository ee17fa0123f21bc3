"""HAProxy in front of the releases of a host: its container, its config and certificate, and the switch of callers."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import docker
from docker.errors import DockerException
from docker.models.containers import Container

from slipway.errors import Moved, PipelineError
from slipway.operate import docker_engine, registry
from slipway.operate.targets import containers, haproxy
from slipway.operate.targets.haproxy import CERTIFICATE, CONFIG, FOLDER, Slots
from slipway.project import Project
from slipway.say import warn

USER = 99  # `haproxy` in the image
HISTORY = "history.jsonl"
WAIT_SECONDS = 20
RUNTIME = 'exec 3<>/dev/tcp/127.0.0.1/9999; printf "%s\\n" "$1" >&3; cat <&3'
# From the file to the socket: the host can read a command line.
RENEW = """say() { exec 3<>/dev/tcp/127.0.0.1/9999; cat >&3; cat <&3; }
{ echo "set ssl cert $1 <<"; cat "$1.part"; echo; } | say; echo "commit ssl cert $1" | say"""
MOVED = 9
# One at a time, and only where the config ($1) still holds what was read ($2): nothing comes between this and what follows it.
UNMOVED = f"""exec 9<"$1"; flock 9
[[ $(<"$1") == "$(printf "%s" "$2")" ]] || exit {MOVED}
say() {{ {RUNTIME}; }}
"""
SEND = 'say "$3"'
# The slot still holds the address ($4) that was checked. An answer is a complaint.
FLIP = f"""set -e
[[ $(say "show servers state releases") == *" $4 "* ]] || exit {MOVED}
printf "%s" "$5" > "$1.part"
said=$(say "$3")
[[ $said != *[![:space:]]* ]] || {{ echo "$said"; exit 1; }}
mv "$1.part" "$1"
"""


class CommandFailed(PipelineError):
    """A command in the proxy's container ended with a code other than 0."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Proxy:
    """One container with a network and a volume of its own; their names are fixed. It has two slots: callers go to one of them."""

    # What stands where, and the config with it, as this verb read or wrote it last.
    slots: Slots | None = None
    config: str | None = None
    # The container, as it was found last: a command in it does without asking for it again.
    found: Container | None = None

    def __init__(self, project: Project, client: docker.DockerClient) -> None:
        self.project, self.client = project, client
        self.network = project.name
        self.name = f"{project.name}-proxy"

    # Its container.

    def ensure_running(self) -> None:
        """Have a proxy run, with the config and the certificate as they are here now. Raises PipelineError."""
        pem = self._choose_certificate(self.project.certificate)
        container = self.find_container() or self._create_container()
        starts = self._configure(container, pem)
        if container.status != "running":
            fix = "Next: stop what uses it, or change [deploy] address in project.toml; a rootless engine takes no port below 1024."
            containers.start_container(container, f"The proxy cannot listen on {self.project.address}", fix)
            starts = True
        if starts:
            self._wait_until(lambda: self.read_process() is not None, "does not answer")

    def find_container(self) -> Container | None:
        """Return the container, None where there is none."""
        self.found = containers.find_container(self.client, self.name)
        return self.found

    def name_image(self) -> str:
        """Return the image that the proxy runs, as NAME@DIGEST where the engine knows its digest."""
        container = self.find_container()
        assert container is not None
        digest = registry.find_digest(self.client, container.attrs["Image"])
        return "@".join(each for each in (container.attrs["Config"]["Image"], digest) if each)

    def choose_image(self) -> str:
        """Return the image of the container, which the host has, or else that of infra/compose.yaml; the lock runs on it too."""
        if container := self.find_container():
            return str(container.attrs["Config"]["Image"])
        from slipway.operate.targets import compose  # a rollback does not need it

        return str(compose.load(self.project)["services"]["proxy"]["image"])

    def _create_container(self) -> Container:
        from slipway.operate.targets import compose  # a rollback does not need it

        return compose.create_container(self.client, compose.load(self.project), "proxy")

    def remove(self) -> None:
        """Remove container, volume and network."""
        containers.remove_all(self.client, [self.name], self.network)

    def run(self, *command: str, user: str = "root") -> str:
        """Run a command in the container and return its output. Raises CommandFailed, PipelineError."""
        container = self.found or self.find_container()
        if container is None:
            raise PipelineError(f"There is no proxy {self.name}. Next: ./run deploy TAG, which starts it.")
        code, output = docker_engine.run_command(container, list(command), user=user)
        if code != 0:
            raise CommandFailed(code, f"{command[0]} failed in {self.name}: {output.strip()}. Next: docker logs {self.name}.")
        return output

    def send_commands(self, commands: list[str]) -> str:
        """Send commands to the runtime interface and return its answer."""
        return self.run("bash", "-c", RUNTIME, "--", "; ".join(commands))

    def read_process(self) -> str | None:
        """Return which process answers the runtime interface, None where none does."""
        try:
            return haproxy.parse_process(self.send_commands(["show info"]))
        except (PipelineError, DockerException):
            return None

    def read_file(self, name: str) -> str | None:
        """Read a file beside the config, None where there is none. Works while the proxy is stopped."""
        container = self.find_container()
        return containers.read_file(container, f"{FOLDER}/{name}") if container else None

    def append_file(self, name: str, text: str) -> None:
        """Append to a file beside the config."""
        self.run("bash", "-c", 'printf "%s" "$1" >> "$2"', "--", text, f"{FOLDER}/{name}")

    def _write_file(self, container: Container, name: str, text: str, only_for: int | None = None) -> None:
        """Write a file beside the config; whole or not at all where the proxy runs."""
        container.reload()
        part = f"{name}.part" if container.status == "running" else name
        containers.write_files(container, FOLDER, {part: text}, only_for)
        if part != name:
            self.run("mv", f"{FOLDER}/{part}", f"{FOLDER}/{name}")

    def _wait_until(self, condition: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise PipelineError(f"The proxy {otherwise} within {WAIT_SECONDS} s. Next: docker logs {self.name}.")
            time.sleep(0.05)

    # Its config and its certificate.

    def _choose_certificate(self, path: Path | None) -> str | None:
        """Return the certificate to show. Raises PipelineError when it is not fit, before anything is changed."""
        if path is None:
            return None
        used = self.read_file("certificate.pem")
        try:
            pem = haproxy.read_certificate(path)
            if pem != used:
                haproxy.check_certificate(pem, path)
        except PipelineError as error:
            if used is None:
                raise
            # A file that is missing here, or wrong, must not stand in the way of a rollback.
            warn(f"{error} Until then, callers get the certificate that the proxy has now.")
            return used
        return pem

    def _configure(self, container: Container, pem: str | None) -> bool:
        """Write certificate and config where they differ, and have a running proxy take them. Tells whether it had no config before."""
        template = self._read_template()
        if self.config and pem is None:
            plain = replace(haproxy.parse_config(self.config), tls=False)
            if self.config == haproxy.format_config(template, plain):
                return False
        old, running = self.read_file("haproxy.cfg"), container.status == "running"
        before = haproxy.parse_config(old) if old else Slots()
        if pem is not None and pem != self.read_file("certificate.pem"):
            if running and before.tls:
                self._renew_certificate(container, pem)
            self._write_file(container, "certificate.pem", pem, USER)
        self.slots = replace(before, tls=pem is not None)
        text = haproxy.format_config(template, self.slots)
        if text != old and running and old:
            self._reload_config(container, old, text)
        elif text != old:
            self._write_file(container, "haproxy.cfg", text)
        self.config = text
        return not old

    def _renew_certificate(self, container: Container, pem: str) -> None:
        """Show another certificate from now on; connections stay."""
        containers.write_files(container, FOLDER, {"certificate.pem.part": pem}, USER)
        answer = self.run("bash", "-c", RENEW, "--", CERTIFICATE, user=str(USER))
        if "Success!" not in answer:
            raise PipelineError(f"The proxy rejects the certificate: {answer.strip()}. Next: docker logs {self.name}.")

    def _reload_config(self, container: Container, old: str, text: str) -> None:
        """Have another config taken that holds the same slots. Raises PipelineError; then the old one stays."""
        containers.write_files(container, FOLDER, {"haproxy.cfg.part": text})
        self.run("haproxy", "-c", "-f", CONFIG + ".part", user=str(USER))
        process = self.read_process()
        self._write_file(container, "haproxy.cfg", text)
        container.kill("SIGUSR2")
        try:
            self._wait_until(lambda: self.read_process() not in {None, process}, "did not load its new config")
        except BaseException:
            self._write_file(container, "haproxy.cfg", old)
            raise

    def _read_template(self) -> str:
        return (self.project.root / "infra" / "haproxy.cfg").read_text(encoding="utf-8")

    # Its slots.

    def read_state(self) -> tuple[str, Slots]:
        """Return the history, and which container stands where, in one go."""
        container = self.find_container()
        files = containers.read_folder(container, FOLDER) if container else {}
        self.config = files.get("haproxy.cfg")
        self.slots = haproxy.parse_config(self.config) if self.config else Slots()
        return files.get(HISTORY, ""), self.slots

    def switch_traffic(self, container: str) -> None:
        """Send callers to a container: over the runtime interface, since a reload closes their connections, and in the config.

        The two are one command within the proxy, which goes on when this process ends: the config never differs from what callers get.
        Raises Moved when somebody else has switched since this verb read the state.
        """
        if self.config is None:
            self.read_state()
        before = self.slots or Slots()
        after = before.switched(container)
        assert after.live is not None
        address, slot = self.find_address(container), haproxy.SLOTS[after.live]
        self.wait_up(slot, address, haproxy.fill_slot(before, after, address))
        text = haproxy.format_config(self._read_template(), after)
        self._run_unmoved(FLIP, "; ".join(haproxy.move_callers(after)), f"{slot} {address}", text)
        self.slots, self.config = after, text

    def wait_up(self, slot: str, address: str, commands: list[str]) -> None:
        """Put a container into a slot, and wait until the proxy's own check of it succeeds. Raises PipelineError."""
        state = "show servers state releases"
        if not haproxy.is_up(self._run_unmoved(SEND, "; ".join([*commands, state])), slot, address):
            self._wait_until(lambda: haproxy.is_up(self.send_commands([state]), slot, address), f"did not reach slot {slot}")

    def find_address(self, container: str) -> str:
        """Return a container's address in the proxy's network."""
        return str(self.client.containers.get(container).attrs["NetworkSettings"]["Networks"][self.network]["IPAddress"])

    def _run_unmoved(self, script: str, *words: str) -> str:
        try:
            return self.run("bash", "-c", UNMOVED + script, "--", CONFIG, self.config or "", *words)
        except CommandFailed as failed:
            if failed.code == MOVED:
                raise Moved("Meanwhile, another deploy or rollback has switched traffic. Next: ./run status.") from failed
            raise
