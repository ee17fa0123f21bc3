"""A server that runs: started, asked once it answers, weighed, and ended with all that it started."""

import http.client
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import psutil

from bench.serving_peers.servers import Place, Rows, Server
from slipway.operate.process import format_log_end, free_port

START_SECONDS, STOP_SECONDS, POLL_SECONDS = 90, 5, 0.005


class Running(NamedTuple):
    """A server, its port, its first process, and the seconds until its first prediction."""

    server: Server
    port: int
    process: int
    cold_seconds: float

    def answers(self, rows: Rows) -> list[float]:
        """Ask rows in one request. Raises OSError or ValueError where there is no answer with 200."""
        found: list[float] = self.server.answers(json.loads(post(self.port, self.server.path, json.dumps(self.server.body(rows)))))
        return found

    def pss_mb(self) -> float:
        """Return the memory of all its processes in MB; what several share counts once."""
        first = psutil.Process(self.process)
        return float(sum(each.memory_full_info().pss for each in [first, *first.children(recursive=True)]) / 1e6)


def post(port: int, path: str, body: str) -> bytes:
    """Ask once, over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read()
    except http.client.HTTPException as error:
        raise OSError(f"no answer: {error!r}") from error
    finally:
        connection.close()
    if response.status != 200:
        raise ValueError(f"{response.status}: {content[:200].decode(errors='replace')}")
    return content


@contextmanager
def running(server: Server, place: Place, rows: Rows) -> Iterator[Running]:
    """Run a server; yields once it has answered the first row. Raises RuntimeError with what it said where it does not."""
    port = free_port()
    command, settings = server.command(place, port), server.environment(place, port)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        cwd = place.project if server.packages == "slipway" else folder
        start = time.monotonic()
        process = subprocess.Popen(command, cwd=cwd, env=settings, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        try:
            said = first_answer(process, port, server, rows[:1])
            if said:
                raise RuntimeError(f"{server.name} does not answer ({said}). {format_log_end(log, 20)}")
            yield Running(server, port, process.pid, time.monotonic() - start)
        finally:
            stop(process)


def first_answer(process: "subprocess.Popen[bytes]", port: int, server: Server, rows: Rows) -> str:
    """Ask until there is an answer; returns why there was none, or nothing."""
    body, said = json.dumps(server.body(rows)), ""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            post(port, server.path, body)
            return ""
        except (OSError, ValueError) as error:
            said = str(error)
        time.sleep(POLL_SECONDS)
    return said or "it ended"


def stop(process: "subprocess.Popen[Any]") -> None:
    """End a server and what it started: politely, then not."""
    started = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for each in started:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()
