"""The proxy for real: described twice and the same, its certificate, callers who take their time, and who may tell it something."""

import os
import select
import shutil
import socket
import ssl
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from docker.models.containers import Container

from slipway import project
from slipway.errors import PipelineError
from slipway.operate import docker_engine, registry
from slipway.operate.process import free_port
from slipway.operate.targets import compose as compose_file
from slipway.operate.targets import haproxy, monitoring
from slipway.operate.targets.monitoring import SERVICES, Monitoring
from slipway.operate.targets.proxy import Proxy
from tests.conftest import PROJECT, wait_until

INFRA = Path(__file__).resolve().parents[2] / "infra"
PYTHON = "python:3.13-slim"
# Answers with its name; the one that is called `slow` takes longer than the proxy's interval to say that it is ready.
RELEASE = """
import sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/readyz" and sys.argv[1] == "slow":
            time.sleep(0.6)
        self.send_response(200)
        self.send_header("content-length", str(len(sys.argv[1])))
        self.end_headers()
        self.wfile.write(sys.argv[1].encode())

ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""
# Names what hears, of the ports that are given.
CONNECT = """
import socket, sys
for port in sys.argv[2:]:
    try:
        socket.create_connection((sys.argv[1], int(port)), 5).close()
        print(port)
    except OSError:
        pass
"""
# Of `inspect`, what says how a container runs. Labels and names within the network are for those who made it.
CONFIG = ("User", "Entrypoint", "Cmd", "Image", "ExposedPorts", "WorkingDir", "StopSignal", "Healthcheck", "Tty")
HOST = (
    *("NetworkMode", "PortBindings", "RestartPolicy", "AutoRemove", "Privileged", "ReadonlyRootfs", "Tmpfs", "CapAdd", "CapDrop"),
    *(
        "SecurityOpt",
        "Memory",
        "MemorySwap",
        "NanoCpus",
        "PidsLimit",
        "LogConfig",
        "Ulimits",
        "PidMode",
        "IpcMode",
        "Devices",
        "ExtraHosts",
    ),
)

# Takes any certificate: each is self-made, and looked at apart.
UNCHECKED = ssl.create_default_context()
UNCHECKED.check_hostname, UNCHECKED.verify_mode = False, ssl.CERT_NONE


def pem(days: tuple[float, float] = (-1, 1), password: bytes = b"", key: Any = None) -> str:
    """Return a self-made certificate and its key, or another key."""
    own, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    start, end = (datetime.now(UTC) + timedelta(days=each) for each in days)
    made = x509.CertificateBuilder(name, name, own.public_key(), x509.random_serial_number(), start, end).sign(own, hashes.SHA256())
    hidden = BestAvailableEncryption(password) if password else NoEncryption()
    secret = (key or own).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden)
    return (made.public_bytes(Encoding.PEM) + secret).decode()


def without(text: str, what: str) -> str:
    """Return a PEM file without its certificate, or without its key."""
    first, second, rest = text.partition("-----BEGIN PRIVATE KEY-----")
    return second + rest if what == "certificate" else first


WRONG = {
    "no PEM": (lambda: "nothing of the kind", "contains no readable certificate"),
    "no certificate": (lambda: without(pem(), "certificate"), "contains no readable certificate"),
    "no key": (lambda: without(pem(), "key"), "contains no readable key"),
    "another key": (
        lambda: pem(key=ec.generate_private_key(ec.SECP256R1())),
        "contains a key that does not belong to the first certificate",
    ),
    "a password": (lambda: pem(password=b"secret"), "contains a key with a password"),
    "expired": (lambda: pem(days=(-9, -1)), "and not now"),
    "not yet valid": (lambda: pem(days=(1, 9)), "and not now"),
    "too long": (lambda: pem() * 30, "bytes, more than 16000"),
}


@pytest.mark.parametrize(("made", "fault"), WRONG.values(), ids=WRONG)
def test_a_certificate_that_is_not_fit_is_told(made: Callable[[], str], fault: str, tmp_path: Path) -> None:
    path = tmp_path / "callers.pem"
    path.write_text(made())
    with pytest.raises(PipelineError) as told:
        haproxy.check_certificate(haproxy.read_certificate(path), path)
    assert str(told.value).startswith(f"{path} ")
    assert fault in str(told.value)
    assert str(told.value).endswith("Next: correct the file, or [deploy] certificate in project.toml.")


def test_a_certificate_is_read_without_empty_lines(tmp_path: Path) -> None:
    made = pem()
    path = tmp_path / "callers.pem"
    path.write_bytes(made.replace("\n", "\r\n\r\n").encode())
    assert haproxy.read_certificate(path) == made
    haproxy.check_certificate(made, path)
    with pytest.raises(PipelineError, match=r"absent cannot be read: .* Next: put it there"):
        haproxy.read_certificate(tmp_path / "absent")


# With an engine.


class Host:
    """A project of its own, its proxy, and stand-ins for releases that answer with their names."""

    def __init__(self, root: Path) -> None:
        self.root, self.client = root, docker.from_env()
        self.name, self.port = f"proxy-{uuid.uuid4().hex[:8]}", free_port()
        self.releases: list[Container] = []
        shutil.copytree(INFRA, root / "infra")
        self.say("")

    def say(self, certificate: str) -> None:
        """Write project.toml."""
        line = f'certificate = "{certificate}"\n' if certificate else ""
        text = PROJECT.format(name=self.name, port=self.port).replace("[deploy]\n", f"[deploy]\n{line}")
        (self.root / "project.toml").write_text(text, encoding="utf-8")

    @property
    def proxy(self) -> Proxy:
        """The proxy, as the verbs see it."""
        return Proxy(project.load(self.root), self.client)

    def serve(self, name: str) -> Container:
        """Have a release answer, with its name."""
        proxy = self.proxy
        proxy.ensure_running()
        registry.ensure_image(self.client, PYTHON)
        command = ["python", "-c", RELEASE, name]
        found = self.client.containers.run(PYTHON, command, name=f"{self.name}-{name}", network=self.name, detach=True)
        self.releases.append(found)
        proxy.switch_traffic(str(found.name))
        return found

    def get(self, scheme: str = "http") -> str:
        """Ask as a caller does."""
        return httpx.get(f"{scheme}://127.0.0.1:{self.port}/", verify=UNCHECKED).raise_for_status().text

    def shown(self) -> str:
        """Return the certificate that callers are shown."""
        return ssl.get_server_certificate(("127.0.0.1", self.port))

    def compose(self, *words: str) -> None:
        """Make the proxy with Docker Compose, or say something else to it."""
        said = words or ("up", "--detach", "proxy")
        command = ["docker", "compose", "--file", str(self.root / "infra" / "compose.yaml"), *said]
        values = {"PROJECT": self.name, "ADDRESS": f"127.0.0.1:{self.port}"}
        done = subprocess.run(command, env={**os.environ, **values}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def remove(self) -> None:
        """Take everything away."""
        Monitoring(project.load(self.root), self.client, lambda: PYTHON).remove()
        self.proxy.remove()

    def made(self, service: str) -> dict[str, Any]:
        """Return how a service's container is, and its volumes and networks."""
        found = self.client.containers.get(f"{self.name}-{service}").attrs
        mounts = {(each["Type"], each["Name"], each["Destination"], each["RW"]) for each in found["Mounts"]}
        joined = found["NetworkSettings"]["Networks"]
        networks = {name: self.client.networks.get(name).attrs for name in joined}
        return {
            **{key: found["Config"].get(key) for key in CONFIG},
            "Env": set(found["Config"]["Env"] or []),
            **{key: found["HostConfig"].get(key) or None for key in HOST},
            "mounts": mounts,
            "networks": {
                name: [each[key] for key in ("Driver", "Internal", "EnableIPv6", "Options", "Scope")] for name, each in networks.items()
            },
            "unnamed": [name for name, each in joined.items() if service not in (each["Aliases"] or [])],
            "volumes": {
                each: [self.client.volumes.get(each).attrs[key] for key in ("Driver", "Options", "Scope")] for _, each, _, _ in mounts
            },
        }


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path / "project")
    try:
        yield made
    finally:
        for container in made.releases:
            container.remove(force=True)
        made.remove()
        made.client.close()


@pytest.fixture
def compose() -> None:
    """Skip without Docker Compose; with REQUIRE_DOCKER=1 that is a failure."""
    command = shutil.which("docker")
    if command is None or subprocess.run([command, "compose", "version"], capture_output=True, check=False).returncode:
        if os.environ.get("REQUIRE_DOCKER") == "1":
            pytest.fail("REQUIRE_DOCKER=1, and there is no `docker compose`", pytrace=False)
        pytest.skip("there is no `docker compose`")


@pytest.mark.docker
@pytest.mark.usefixtures("compose", "watching_images")
def test_compose_and_the_verbs_make_the_same(host: Host) -> None:
    described = compose_file.load(project.load(host.root))
    services = list(described["services"])
    assert services == ["proxy", *SERVICES]
    host.proxy.ensure_running()
    for service in SERVICES:
        compose_file.create_container(host.client, described, service)
    by_verbs = {service: host.made(service) for service in services}
    host.remove()
    host.compose("create")
    assert {service: host.made(service) for service in services} == by_verbs
    assert by_verbs["proxy"]["PortBindings"] == {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(host.port)}]}
    assert by_verbs["proxy"]["mounts"] == {("volume", f"{host.name}-proxy", haproxy.FOLDER, True)}
    for service in SERVICES:
        assert [each["HostIp"] for [each] in by_verbs[service]["PortBindings"].values()] == ["127.0.0.1"]
        assert ("volume", f"{host.name}-watch", monitoring.FOLDER, False) in by_verbs[service]["mounts"]
    joined = {service: set(each["networks"]) for service, each in by_verbs.items()}
    assert {service for service in services if host.name in joined[service]} == {"proxy", "prometheus"}
    assert {service for service in services if f"{host.name}-watch" in joined[service]} == set(SERVICES)
    for each in by_verbs.values():
        assert each["unnamed"] == []
        assert each["ReadonlyRootfs"]
        assert each["Memory"]
        assert (each["CapDrop"], each["SecurityOpt"], each["PidsLimit"]) == (["ALL"], ["no-new-privileges"], 256)


@pytest.mark.docker
def test_the_lock_runs_on_the_proxys_image(host: Host) -> None:
    image = compose_file.load(project.load(host.root))["services"]["proxy"]["image"]
    assert host.proxy.choose_image() == image
    host.proxy.ensure_running()
    compose = host.root / "infra" / "compose.yaml"
    compose.write_text(compose.read_text(encoding="utf-8").replace(image, "haproxy:newer"), encoding="utf-8")
    assert host.proxy.choose_image() == image  # what the host has: a rollback pulls nothing


@pytest.mark.docker
@pytest.mark.usefixtures("compose")
def test_the_verbs_use_what_compose_made(host: Host) -> None:
    host.compose()
    before = host.proxy.find_container()
    host.serve("one")
    assert (host.get(), host.proxy.find_container()) == ("one", before)
    host.proxy.append_file("history.jsonl", "{}\n")
    host.compose()  # again, which changes nothing
    assert (host.get(), host.proxy.find_container()) == ("one", before)
    assert before is not None
    before.restart()
    wait_until(lambda: answers(host))
    assert (host.get(), host.proxy.read_file("history.jsonl")) == ("one", "{}\n")


def answers(host: Host) -> bool:
    """Tell whether a caller is answered."""
    try:
        return bool(host.get())
    except httpx.HTTPError:
        return False


@pytest.mark.docker
def test_a_release_that_is_slow_to_say_that_it_is_ready_stays(host: Host) -> None:
    log = host.serve("slow").logs
    asked = log(stderr=True).count(b"/readyz")
    wait_until(lambda: host.get() == "slow" and log(stderr=True).count(b"/readyz") > asked + 3)


@pytest.mark.docker
def test_a_certificate_is_taken_and_renewed_while_callers_stay(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.serve("one")
    assert host.get() == "one"
    path, first, second = host.root / "callers.pem", pem(), pem()
    path.write_text(first)
    host.say("callers.pem")
    host.proxy.ensure_running()
    assert (host.get("https"), host.shown()) == ("one", without(first, "key"))
    with pytest.raises(httpx.TransportError):
        host.get()  # not a word in the clear
    with keeps(HTTPSConnection("127.0.0.1", host.port, context=UNCHECKED)):
        path.write_text(second)
        host.serve("two")
        assert host.shown() == without(second, "key")
    path.write_text(without(second, "key"))
    host.proxy.ensure_running()
    assert "contains no readable key" in capsys.readouterr().err
    path.unlink()
    host.proxy.ensure_running()
    assert "cannot be read" in capsys.readouterr().err
    container = host.proxy.find_container()
    assert container is not None
    container.restart()
    wait_until(lambda: host.proxy.read_process() is not None)
    assert (host.get("https"), host.shown()) == ("two", without(second, "key"))
    listed = host.proxy.run("stat", "-c", "%n %a %u", haproxy.CERTIFICATE, haproxy.CONFIG).split()
    assert listed == [haproxy.CERTIFICATE, "600", "99", haproxy.CONFIG, "644", "0"]
    host.say("")
    host.proxy.ensure_running()
    assert host.get() == "two"


@contextmanager
def keeps(caller: HTTPSConnection) -> Iterator[None]:
    """Hold that a connection goes on over what is done meanwhile."""
    caller.request("GET", "/")
    assert caller.getresponse().read() == b"one"
    connection = caller.sock
    yield
    caller.request("GET", "/")
    assert caller.getresponse().read() == b"two"
    assert caller.sock is connection
    caller.close()


@pytest.mark.docker
@pytest.mark.parametrize("there", [False, True], ids=["no proxy", "a proxy"])
def test_with_a_wrong_certificate_nothing_is_changed(host: Host, there: bool) -> None:
    if there:
        host.serve("one")
    (host.root / "callers.pem").write_text(pem(days=(-9, -1)))
    for name, said in (("callers.pem", "and not now"), ("absent.pem", "cannot be read")):
        host.say(name)
        with pytest.raises(PipelineError, match=said):
            host.proxy.ensure_running()
    assert (host.proxy.find_container() is not None, host.client.networks.list(names=[f"^{host.name}$"]) != []) == (there, there)
    assert not there or host.get() == "one"


@pytest.mark.docker
def test_a_config_that_haproxy_does_not_take_changes_nothing(host: Host) -> None:
    host.serve("one")
    before = host.proxy.read_file("haproxy.cfg")
    path = host.root / "infra" / "haproxy.cfg"
    path.write_text(path.read_text(encoding="utf-8").replace("retries 3", "tries 3"), encoding="utf-8")
    with pytest.raises(PipelineError, match="tries"):
        host.proxy.ensure_running()
    assert (host.get(), host.proxy.read_file("haproxy.cfg")) == ("one", before)


@pytest.mark.docker
def test_a_config_that_was_changed_is_taken_while_callers_are_served(host: Host) -> None:
    host.serve("one")
    before, path, stop, heard = host.proxy.read_process(), host.root / "infra" / "haproxy.cfg", threading.Event(), list[str]()

    def ask() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{host.port}") as caller:
            while not stop.is_set():
                try:
                    heard.append(caller.get("/").text)
                except httpx.HTTPError as error:
                    heard.append(repr(error))

    callers = [threading.Thread(target=ask) for _ in range(4)]
    for each in callers:
        each.start()
    try:
        wait_until(lambda: len(heard) > 20)
        path.write_text(path.read_text(encoding="utf-8").replace("retries 3", "retries 4"), encoding="utf-8")
        host.proxy.ensure_running()
        asked = len(heard)
        wait_until(lambda: len(heard) > asked + 20)
    finally:
        stop.set()
        for each in callers:
            each.join()
    assert set(heard) == {"one"}
    assert host.proxy.read_process() not in {None, before}


@pytest.mark.docker
def test_slow_callers_are_sent_away_while_others_are_served(host: Host) -> None:
    path = host.root / "infra" / "haproxy.cfg"
    text = path.read_text(encoding="utf-8")
    assert "timeout http-request 5s" in text
    path.write_text(text.replace("timeout http-request 5s", "timeout http-request 2s"), encoding="utf-8")
    host.serve("one")
    starts = b"GET / HTTP/1.1\r\nhost: proxy\r\nslow: ", b"POST / HTTP/1.1\r\nhost: proxy\r\ncontent-length: 9999\r\n\r\n"
    slow = [socket.create_connection(("127.0.0.1", host.port)) for _ in range(200)]
    told: list[bytes] = []
    try:
        for number, each in enumerate(slow):
            each.sendall(starts[number % 2])
        served, open_ones = 0, set(slow)

        def round_is_last() -> bool:
            nonlocal served
            for each in select.select(open_ones, [], [], 0)[0]:
                with suppress(ConnectionError):
                    if said := each.recv(1000):
                        told.append(said)
                        continue
                open_ones.remove(each)
            for each in open_ones:
                with suppress(ConnectionError):
                    each.send(b"a")
            served += host.get() == "one"
            return not open_ones

        wait_until(round_is_last)
    finally:
        for each in slow:
            each.close()
    assert served > 1
    assert told == []


@pytest.mark.docker
def test_only_the_proxys_own_container_reaches_the_runtime_interface(host: Host) -> None:
    neighbour = host.serve("one")
    proxy = host.proxy
    container = proxy.find_container()
    assert container is not None
    assert proxy.read_process() is not None
    ports = [str(haproxy.CALLERS), str(haproxy.PORT), "9999"]
    _, heard = docker_engine.run_command(neighbour, ["python", "-c", CONNECT, proxy.name, *ports])
    assert heard.split() == ports[:2]
    with pytest.raises(OSError):  # noqa: PT011  # refused, or no way there, by what the engine runs on
        socket.create_connection((proxy.find_address(proxy.name), 9999), timeout=5)
    container.reload()
    assert set(container.ports) == {"8000/tcp"}
