"""A real service starts, or says why not, and leaves quietly."""

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import IO, ClassVar

import httpx
import pytest

from slipway.operate import process
from slipway.serving.observe import Drain
from tests.library.service.conftest import (
    COLUMNS,
    MAX_WAITING,
    ROOT,
    Golden,
    same,
)


@pytest.mark.parametrize(("seconds", "stops"), [(0, True), (3600, False)], ids=["over", "not over"])
def test_the_servers_own_handler_runs_when_the_pause_is_over(seconds: float, stops: bool) -> None:
    drain, stopped = Drain(), list[int]()

    async def terminated() -> None:
        drain.install(seconds)
        signal.raise_signal(signal.SIGTERM)
        assert (drain.on, stopped) == (True, [])
        for _ in range(10):  # rounds of the event loop
            await asyncio.sleep(0)

    before = signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    try:
        asyncio.run(terminated())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert stopped == [signal.SIGTERM] * stops


class Listening:
    """A server as uvicorn has it: its handler is a method, and it knows its listeners."""

    def __init__(self) -> None:
        self.servers, self.closed = [self], False

    def close(self) -> None:
        self.closed = True

    def handle_exit(self, *_: object) -> None:
        """End, some time."""


@pytest.mark.parametrize("shared", [True, False])
def test_who_shares_its_socket_stops_taking_callers_before_it_ends(shared: bool) -> None:
    server = Listening()

    async def terminated() -> None:
        Drain().install(3600, shared)
        signal.raise_signal(signal.SIGTERM)
        for _ in range(10):  # rounds of the event loop
            await asyncio.sleep(0)

    before = signal.signal(signal.SIGTERM, server.handle_exit)
    try:
        asyncio.run(terminated())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert server.closed == shared


@pytest.mark.parametrize("shared", [True, False])
def test_who_shares_its_socket_keeps_its_supervisor_waiting_no_longer_than_it_serves(shared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    drain, left = Drain(), list[int]()
    monkeypatch.setattr(os, "_exit", left.append)

    async def terminated() -> None:
        drain.install(0, shared)
        signal.raise_signal(signal.SIGTERM)
        drain.leave()  # its requests are not answered yet
        for _ in range(10):  # rounds of the event loop
            await asyncio.sleep(0)

    before = signal.signal(signal.SIGTERM, Listening().handle_exit)
    try:
        asyncio.run(terminated())
    finally:
        signal.signal(signal.SIGTERM, before)
    drain.leave()
    assert left == [0] * shared


@contextmanager
def started(folder: Path, log: IO[bytes], **more: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a real service; yields it with its port, at once."""
    port = process.free_port()
    settings = process.build_environment(ROOT, folder, PORT=str(port), RELEASE_TAG="v9.8.7", **more)
    service = subprocess.Popen([sys.executable, "-m", "slipway.serving"], cwd=ROOT, env=settings, stdout=log, stderr=log)
    try:
        yield service, port
    finally:
        service.kill()
        service.wait()


def test_a_broken_release_ends_the_process_with_a_sentence(tmp_path: Path) -> None:
    with tempfile.TemporaryFile() as log, started(tmp_path, log) as (service, _):
        assert service.wait() == 3
        log.seek(0)
        said = log.read().decode()
    assert said.startswith(f"This release does not serve. The release in {tmp_path} cannot be read: ")
    assert "Traceback" not in said


def test_sigterm_cuts_no_request_off(bundles: tuple[Path, Path], golden: Golden) -> None:
    body = json.dumps(golden["rows"]).encode()
    with tempfile.TemporaryFile() as log, started(bundles[0], log) as (service, port):
        url = f"http://127.0.0.1:{port}"
        process.wait_ready(url, lambda: service.poll() is None, lambda: process.format_log_end(log))
        with httpx.Client(base_url=url) as kept_alive, closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as half_sent:
            assert "connection" not in kept_alive.get("/readyz").headers
            assert 'tag="v9.8.7"' in kept_alive.get("/metrics").text
            half_sent.putrequest("POST", "/predict")
            half_sent.putheader("content-type", "application/json")
            half_sent.putheader("content-length", str(len(body)))
            half_sent.endheaders(body[:10])
            service.send_signal(signal.SIGTERM)
            while (ready := kept_alive.get("/readyz")).status_code == 200:
                pass
            assert (ready.status_code, ready.headers["connection"]) == (503, "close")
            half_sent.send(body[10:])
            answered = half_sent.getresponse()
            assert (answered.status, answered.getheader("connection")) == (200, "close")
            assert same(json.loads(answered.read())["predictions"], golden["answers"])
        assert service.wait(timeout=30) == 0
        log.seek(0)
        assert b"Traceback" not in log.read()


def test_slow_and_silent_callers_and_those_who_hang_up_are_not_noticed_by_others(bundles: tuple[Path, Path], golden: Golden) -> None:
    # Whoever hangs up asks for one row: what was sent whole is answered, and so many times all rows is too much for a slow model.
    body = json.dumps(golden["rows"][:1]).encode()
    start = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    with tempfile.TemporaryFile() as log, started(bundles[0], log) as (service, port):
        stack = ExitStack()

        def connected(sent: bytes) -> socket.socket:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
            connection.sendall(sent)
            return connection

        process.wait_ready(f"http://127.0.0.1:{port}", lambda: service.poll() is None, lambda: process.format_log_end(log))
        for _ in range(400):
            connected(b"")
        for sent in (start[:20], start, start + body[:10]):
            for _ in range(20):
                connected(sent)
        for _ in range(MAX_WAITING // 2):
            connected(start + body).close()
        answered = httpx.post(f"http://127.0.0.1:{port}/predict", json=golden["rows"], timeout=60).raise_for_status()
        assert same(answered.json()["predictions"], golden["answers"])
        stack.close()
        counted = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        assert 'code="500"' not in counted
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=60) == 0
        log.seek(0)
        assert b"Traceback" not in log.read()


class Collector(BaseHTTPRequestHandler):
    """Takes what OpenTelemetry sends."""

    taken: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:  # so it is called
        self.taken.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_spans_and_no_values_are_sent_where_the_environment_says_so(bundles: tuple[Path, Path], golden: Golden) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector, tempfile.TemporaryFile() as log:
        Thread(target=collector.serve_forever, daemon=True).start()
        more = {"FASTAPI_OTEL_AUTO_CONFIGURE": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}"}
        with started(bundles[0], log, **more) as (service, port):
            url = f"http://127.0.0.1:{port}"
            process.wait_ready(url, lambda: service.poll() is None, lambda: process.format_log_end(log))
            assert same(httpx.post(f"{url}/predict", json=golden["rows"]).json()["predictions"], golden["answers"])
            service.send_signal(signal.SIGTERM)
            assert service.wait(timeout=60) == 0
        collector.shutdown()
    spans = b"".join(content for path, content in Collector.taken if path == "/v1/traces")
    assert b"POST /predict" in spans
    assert f'"{COLUMNS[0]}"'.encode() not in spans
