"""The road to an engine behind ssh: `DOCKER_HOST=ssh://user@host`, against an sshd of the tests' own that leads to this engine."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from docker.models.containers import Container

from slipway.errors import PipelineError
from slipway.operate import connection, docker_engine, ssh
from slipway.operate.targets import docker as on_docker
from tests.conftest import Registry, Road, wait_until
from tests.library.far import HERE, Far, listening, listens, new_key
from tests.library.test_access import add_key, ask, write_callers
from tests.library.test_lifecycle import during, forget_images, refused, state

A, B = "v1.0.0", "v1.1.0"
PRINTED = [(1, b"one "), (2, b"two")]

__all__ = ["listening"]
pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> Iterator[Road]:
    """Two releases, pushed with the engine of this machine; nothing of them is left afterwards."""
    road = Road.copied(tmp_path_factory.mktemp("road") / "project")
    road.make(A)
    road.make(B, champion=str(road.kept(A) / "bundle"))
    road.target = "docker"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMAGE_REPOSITORY", f"{registry.address}/{road.project.name}")
        try:
            for tag in (A, B):
                road.store(tag)
            yield road
        finally:
            road.stop()
            forget_images(road)


@pytest.fixture
def far(listening: Far, road: Road, monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
    """A host that is known and lets us in. The engine of this machine is asked for it with `near`."""
    road.checkout("main")
    listening.know(listening.folder / "host")
    monkeypatch.setenv(ssh.CONFIG, str(listening.config))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("DOCKER_HOST", listening.url)
    ssh.find_tunnel(listening.url).close()  # a verb of a person's is a process, and begins without
    yield listening
    ssh.find_tunnel(listening.url).close()
    if not listens(listening.port):
        listening.start()


@contextmanager
def near() -> Iterator[None]:
    """Ask the engine of this machine, as if there were no ssh."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DOCKER_HOST")
        yield


@contextmanager
def unchanged(road: Road, tag: str) -> Iterator[None]:
    """Hold that a release serves before and after, and nothing half done is left: seen from this machine, whatever ssh says."""
    with near():
        if road.standing()[:1] == [tag] != road.standing():
            road.must("rollback")
        road.stand(tag)
        before = road.recorded()
    yield
    with near():
        road.serves(tag)
        assert (road.standing(), road.recorded()) == ([tag], before)


def test_the_road_over_ssh(far: Far, road: Road) -> None:
    assert state(road)["live"] is None
    said = road.must("deploy", A)
    proven = [line.split("|") for line in said.out.splitlines() if line.startswith("| ")][1:]
    assert [row[1].strip() for row in proven if row[4].strip() == "yes"] == [
        *("served tag", "served digest", "running digest", "manifest sha256", "golden answers")
    ]
    road.serves(A)
    road.must("deploy", B)
    road.serves(B)
    assert (state(road)["live"]["tag"], state(road)["rollback_to"], road.place.read_pointer()) == (B, A, road.digests[B])
    ssh.find_tunnel(far.url).close()
    before = far.log.count("Accepted publickey")
    assert f"{A} serves, was {B}: rollback in" in road.must("rollback").text
    assert far.log.count("Accepted publickey") == before + 1
    road.serves(A)
    with near():
        assert (road.standing(), road.place.read_pointer(), road.place.lock.read_holder()) == ([A], road.digests[A], None)
    assert far.known.read_text().count("\n") == 1


@pytest.fixture
def confined(far: Far, road: Road) -> Iterator[Far]:
    """A host whose key may what the line of `./run host-account` leaves it, and no more. Callers need keys; nothing is deployed yet."""
    allowed = far.folder / "authorized_keys"
    plain = allowed.read_text()
    allowed.write_text(road.must("host-account").out.partition("ssh-ed25519")[0] + plain)
    with near():
        road.stop()
    write_callers(road, keys=True)
    yield far
    allowed.write_text(plain)
    ssh.find_tunnel(far.url).close()
    ssh.find_tunnel.cache_clear()  # which way a host takes is found once in a process
    write_callers(road)
    with near():
        road.must("keys", "apply")


def test_the_road_and_keys_through_a_forced_command(confined: Far, road: Road) -> None:
    road.must("deploy", A)
    assert ask(road).status_code == 401
    planning, billing = add_key(road, "planning"), add_key(road, "billing")
    road.must("deploy", B)
    assert [ask(road, key).status_code for key in ("", planning, billing)] == [401, 200, 200]
    assert (state(road)["live"]["tag"], state(road)["rollback_to"]) == (B, A)
    assert f"{A} serves, was {B}: rollback in" in road.must("rollback").text
    road.must("keys", "revoke", "planning")
    assert [ask(road, key).status_code for key in ("", planning, billing)] == [401, 401, 200]
    assert ask(road, billing).headers["x-release"] == A
    tunnel = ssh.find_tunnel(confined.url)
    assert (tunnel.relayed, road.standing(), road.place.lock.read_holder()) == (True, [A], None)
    with near():
        assert (road.standing(), road.place.read_pointer()) == ([A], road.digests[A])


def test_what_is_asked_over_a_port_is_asked_of_this_machine(far: Far) -> None:
    far.stop()
    assert docker_engine.connect(near=True).api.base_url.startswith("http+docker://local")


@pytest.mark.parametrize("verb", [["deploy", B], ["rollback"], ["status"]])
def test_an_unknown_host_is_refused(far: Far, road: Road, verb: list[str]) -> None:
    with unchanged(road, A):
        far.known.write_text("")
        scan = f"Next: ssh-keyscan -p {far.port} {HERE}; compare its line"
        refused(road.run(*verb), 2, f"{far.url} is not known here", "Nothing was sent to it.", scan, "~/.ssh/known_hosts")
        assert far.known.read_text() == ""


def test_a_host_whose_key_has_changed_is_refused(far: Far, road: Road, tmp_path: Path) -> None:
    with unchanged(road, A):
        far.know(new_key(tmp_path / "another"))
        known = far.known.read_text()
        again = f"ssh-keygen -R '[{HERE}]:{far.port}', then ssh-keyscan -p {far.port} {HERE}"
        refused(road.run("deploy", B), 2, f"The host key of {far.url} is not the one", "another machine answers in its place", again)
        assert far.known.read_text() == known


def test_a_host_that_does_not_let_us_in(far: Far, road: Road) -> None:
    with unchanged(road, A), aside(far.home / ".ssh" / "id_ed25519"):
        refused(road.run("deploy", B), 2, f"{far.url} rejects each key", "Permission denied (publickey)", "Next: ssh-add FILE")


def test_a_host_that_does_not_listen(far: Far, road: Road) -> None:
    with unchanged(road, A):
        far.stop()
        for verb in (["deploy", B], ["rollback"], ["status"]):
            check = f"Next: ssh -F {far.config} {far.url} docker version"
            refused(road.run(*verb), 2, f"No Docker engine answers on {far.url}: ssh: connect to host", "Connection refused", check)


@contextmanager
def aside(path: Path) -> Iterator[None]:
    """Take a file away for a while."""
    other = path.rename(path.with_name("aside"))
    try:
        yield
    finally:
        other.rename(path)


# Before any caller saw the new release; when the proxy sends callers to it; when all of them are there.
@pytest.mark.parametrize("step", ["stage_release", "switch_traffic", "read_running_digest"])
def test_a_connection_that_is_lost_during_a_deploy(far: Far, road: Road, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with unchanged(road, A):
        with during(monkeypatch, step, road, far.cut):
            refused(road.run("deploy", B), 2, f"The connection to the Docker engine of {far.url} was lost", "Next: ./run status.")
        assert state(road)["busy"] is None
    road.must("deploy", B)
    road.serves(B)


def test_a_host_that_goes_away_during_a_deploy(far: Far, road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    with unchanged(road, A):
        with during(monkeypatch, "stage_release", road, far.stop):
            refused(road.run("deploy", B), 2, f"The connection to the Docker engine of {far.url} was lost", "Next: ./run status.")
        far.start()
    # Nobody gave the lock back; it went with the connection.
    assert state(road)["busy"]["gone"]
    assert "cut short" in road.must("status").text
    road.must("deploy", B)
    road.serves(B)


def test_a_connection_that_is_lost_while_something_is_read(far: Far, road: Road) -> None:
    with near():
        road.stand(A)
    place = road.place
    assert isinstance(place, on_docker.Docker)
    container = place.find_live_container()
    assert container
    stream, _ = container.get_archive("/usr")
    next(stream)
    far.cut()
    with pytest.raises(PipelineError, match="was lost: "), connection.report_loss(place.client):
        b"".join(stream)
    command = ["sleep", "600.5"]
    cutting = threading.Thread(target=cut_while, args=(far, command))
    cutting.start()
    with pytest.raises(PipelineError, match="was lost"):
        docker_engine.run_command(container, command)
    cutting.join()
    assert road.standing()[-1] == A


class Stalling(BaseHTTPRequestHandler):
    """An engine at the end of a connection that stalls: what a command printed arrives in one piece with the header of the answer."""

    def do_GET(self) -> None:
        self.answer({"ApiVersion": "1.41", "ExitCode": 0})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if self.path.endswith("/start"):
            frames = b"".join(bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text for stream, text in PRINTED)
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n" + frames)
        else:
            self.answer({"Id": "1"})

    def answer(self, said: dict[str, Any]) -> None:
        text = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        return


def test_what_a_command_printed_is_read_however_it_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadingHTTPServer((HERE, 0), Stalling) as server:
        threading.Thread(target=server.serve_forever).start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://{HERE}:{server.server_port}")
        client = docker_engine.connect()
        try:
            container = Container(attrs={"Id": "1"}, client=client)
            assert docker_engine.run_command(container, ["anything"]) == (0, "one two")
        finally:
            client.close()
            server.shutdown()


def cut_while(far: Far, command: list[str]) -> None:
    """Cut the connections once a command runs."""
    wait_until(lambda: any(each.info["cmdline"] == command for each in psutil.process_iter(["cmdline"])))
    far.cut()
