"""What happens to the processes that answer, to those in front of them, and to a new release that does not do well."""

import json
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from slipway.errors import PipelineError
from slipway.operate import process
from slipway.operate.targets import containers
from slipway.operate.targets import docker as on_docker
from slipway.operate.targets import local as on_local
from slipway.operate.targets.supervisor import WORKERS, list_workers
from slipway.rehearsal import load
from tests.conftest import Road, wait_until
from tests.library.faults.conftest import ENDING, ERRING, HUNGRY, SLOW, STUCK, Suffers, serves, watched
from tests.library.faults.page import fault
from tests.library.test_lifecycle import WRONG, B, C, refused

NEW_NEVER_SEEN = "The deploy ends with an error. The live release stays live, and no caller reached the new one."
UNREAD = (
    "No Prometheus is needed, since the deploy reads the service's own metrics. Unread metrics count as failed: the previous "
    "release comes back."
)
SLOW_CLIENTS = 500
BURST = 10 * load.CLIENTS
BURST_SECONDS = 5.0


@fault(
    1,
    "kill -9 of a worker process while it answers",
    local="The other worker continues, and the supervisor starts a new one. The requests that the killed worker was answering are lost.",
    docker="The engine starts the only container again. Until it is ready, callers get 503.",
)
def test_a_killed_process(live: Road, suffers: Suffers) -> None:
    with suffers(B, may_fail=True):
        signalled(live, signal.SIGKILL)


@fault(
    1,
    "kill -9 of the supervisor of the worker processes",
    local="Its workers continue to answer. The next deploy or rollback stops them and starts new ones: for some seconds, nobody answers.",
    docker="Not meaningful here: a container has one process, and the engine is its supervisor.",
)
def test_a_killed_supervisor(live: Road, suffers: Suffers) -> None:
    assert isinstance(live.place, on_local.Local)
    running = live.place.supervisor.find_process()
    assert running
    with suffers(B, may_fail=True):
        running.kill()
        psutil.wait_procs([running], timeout=10)
        live.serves(B)
        live.must("deploy", B)
    running = live.place.supervisor.find_process()
    assert running
    assert {each.pid for each in live.place.supervisor.list_orphans()} == {each.pid for each in running.children()}


@fault(
    3,
    "SIGTERM of a worker process, under load",
    local="It asks its callers to reconnect, and ends. The other worker continues, and the supervisor starts a new one.",
    docker="It asks its callers to reconnect, and ends. The engine starts the only container again. Until it is ready, callers get 503.",
)
def test_a_terminated_process(live: Road, suffers: Suffers) -> None:
    with suffers(B, may_fail=live.target == "docker"):
        signalled(live, signal.SIGTERM)


@pytest.mark.parametrize(("tag", "sentence"), [(ENDING, "ended instead of becoming ready"), (STUCK, "was not ready after 4 s")])
@fault(4, "a new release never becomes ready", local=NEW_NEVER_SEEN, docker=NEW_NEVER_SEEN)
def test_a_release_that_never_becomes_ready(live: Road, suffers: Suffers, monkeypatch: pytest.MonkeyPatch, tag: str, sentence: str) -> None:
    if tag == STUCK:
        monkeypatch.setattr(process, "START_SECONDS", 4)
        monkeypatch.setattr(containers, "START_SECONDS", 4)
    with live.unchanged(), suffers(B):
        refused(live.run("deploy", tag), 2, sentence)
    monkeypatch.undo()


@fault(5, "a new release is ready, but predicts something else than when it was judged", local=NEW_NEVER_SEEN, docker=NEW_NEVER_SEEN)
def test_a_release_that_answers_otherwise(live: Road, suffers: Suffers) -> None:
    with live.unchanged(), suffers(B):
        refused(live.run("deploy", WRONG), 4, "The proof failed on the new release", "golden answers", "NO")


@fault(
    6,
    "a new release answers 5xx while it is monitored",
    local="The previous release comes back by itself. Until then, callers get the errors of the new one.",
    docker="The previous release comes back by itself. Until then, callers get the errors of the new one.",
)
def test_a_release_that_errs_while_it_is_watched(live: Road, suffers: Suffers, monkeypatch: pytest.MonkeyPatch) -> None:
    watched(monkeypatch)
    with live.unchanged(), suffers(B, may_fail=True) as seen:
        refused(live.run("deploy", ERRING), 7, "errors: ", "The previous release is live again.")
    assert all(each.startswith("500") for each in seen.failures)
    monkeypatch.undo()


@fault(
    7,
    "a new release is slow while it is monitored",
    local="The previous release comes back by itself.",
    docker="The previous release comes back by itself.",
)
def test_a_release_that_is_slow_while_it_is_watched(live: Road, suffers: Suffers, monkeypatch: pytest.MonkeyPatch) -> None:
    watched(monkeypatch, p99_ms=200)
    with live.unchanged(), suffers(B):
        refused(live.run("deploy", SLOW), 7, "latency: ", "The previous release is live again.")
    monkeypatch.undo()


@fault(
    18,
    "the metrics cannot be read while a new release is monitored",
    local=UNREAD,
    docker=UNREAD,
)
def test_metrics_that_cannot_be_read(live: Road, suffers: Suffers, monkeypatch: pytest.MonkeyPatch) -> None:
    watched(monkeypatch)
    place, readings = type(live.place), [0]
    honest = place.ask_live

    def ask(self: Any, *questions: tuple[str, Any]) -> dict[str, list[Any]]:
        readings[0] += ("/metrics", None) in questions
        if readings[0] > 2:  # as well as it goes until it is watched
            raise PipelineError("/metrics does not answer.")
        return honest(self, *questions)

    with live.unchanged(), suffers(B):
        monkeypatch.setattr(place, "ask_live", ask)
        refused(live.run("deploy", C), 7, f"{C} could not be monitored, which counts as failed", "The previous release is live again.")
        monkeypatch.undo()


@fault(
    20,
    "a new release takes more memory than it may have",
    local="Not meaningful here: nothing limits its memory. A worker that the kernel kills is as in 1; while the release is monitored, it "
    "counts as a restart.",
    docker="At its container's limit, the kernel kills it, and only it. While the release is monitored, that is a restart, so the "
    "previous release comes back.",
)
def test_a_release_that_takes_too_much_memory(live: Road, suffers: Suffers, monkeypatch: pytest.MonkeyPatch) -> None:
    watched(monkeypatch)
    with live.unchanged(), suffers(B, may_fail=True):
        refused(live.run("deploy", HUNGRY), 7, HUNGRY, "The previous release is live again.")
    monkeypatch.undo()


@fault(
    21,
    "500 clients that send a request and never finish it",
    local="They wait. Ordinary callers are answered.",
    docker="The proxy closes each connection after five seconds. Ordinary callers are answered.",
)
def test_slow_clients(live: Road, suffers: Suffers) -> None:
    with suffers(B), dribbling(live):
        time.sleep(6)  # longer than the proxy waits


@fault(
    22,
    "ten times as many callers, without a pause",
    local="All are answered, later.",
    docker="All are answered, later.",
)
def test_a_burst(live: Road, suffers: Suffers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "PAUSE_SECONDS", 0)
    rows = json.loads((live.kept(B) / "bundle" / "golden.json").read_bytes())["rows"]
    stop, more = threading.Event(), load.Record()
    threads = [threading.Thread(target=load.send_requests, args=(live.url, rows, stop, more, time.monotonic())) for _ in range(BURST)]
    with suffers(B):
        for each in threads:
            each.start()
        time.sleep(BURST_SECONDS)
        stop.set()
        for each in threads:
            each.join()
    assert more.failures == []


@fault(
    23,
    "metrics of processes that ended long ago are left in the folder of metrics",
    local="They do not count for or against a new release that is monitored.",
    docker="Not meaningful here: a container has one process, which keeps its metrics in memory.",
)
def test_stale_metrics(live: Road, suffers: Suffers, monkeypatch: pytest.MonkeyPatch) -> None:
    watched(monkeypatch, seconds=3)
    metrics = live.root / ".deploy" / "local" / "metrics"
    with suffers(C):
        for path in list(metrics.glob("*_[0-9]*.db")):
            shutil.copy(path, path.with_name(f"{path.stem.rpartition('_')[0]}_99999999.db"))
        live.must("deploy", C)
    live.must("rollback")


@fault(
    26,
    "the proxy is started again, under load",
    local="Not meaningful here: there is no proxy.",
    docker="There is only one proxy: callers are cut off for about a second, until it listens again. Then the same release answers.",
)
def test_a_proxy_that_is_started_again(live: Road, suffers: Suffers) -> None:
    assert isinstance(live.place, on_docker.Docker)
    proxy = live.place.proxy.find_container()
    assert proxy
    with live.unchanged(), suffers(B, may_fail=True):
        proxy.restart()


# Tools of these tests.


def signalled(road: Road, number: int) -> None:
    """Send a signal to a process that answers, and wait for the next; not by the engine, which would not start it again."""
    place, before = road.place, road.place.describe_processes()
    if isinstance(place, on_local.Local):
        supervisor = place.supervisor.find_process()
        assert supervisor
        os.kill(min(list_workers(supervisor)), number)
        # Should the supervisor ask a worker in its last instant, it waits a minute for the answer.
        wait_until(lambda: place.describe_processes() != before and len(list_workers(supervisor)) == WORKERS, seconds=90)
    else:
        assert isinstance(place, on_docker.Docker)
        container = place.find_live_container()
        assert container
        command = ["bash", "-c", f"kill -{number} {container.attrs['State']['Pid']}"]
        place.client.containers.run(place.proxy.choose_image(), entrypoint=command, pid_mode="host", user="root", remove=True)
        wait_until(lambda: place.describe_processes() != before and serves(road, B))


@contextmanager
def dribbling(road: Road) -> Iterator[None]:
    """Have many clients begin a request, and send a byte of it now and then."""
    host, _, port = road.project.address.partition(":")
    head = f"POST /predict HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n".encode()
    clients = [socket.create_connection((host, int(port))) for _ in range(SLOW_CLIENTS)]
    try:
        for each in clients:
            each.sendall(head)
        yield
    finally:
        for each in clients:
            each.close()
