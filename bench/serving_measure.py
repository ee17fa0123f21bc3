"""One round: each server in turn, started anew; then Slipway's own, with and without metrics, by turns."""

import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from bench import wrk
from bench.serving_peers.running import Running, running
from bench.serving_peers.servers import SERVERS, WITHOUT_METRICS, Place, Rows, Server
from slipway.serving.parity import TOLERANCE, distance

# With and without metrics in this order, so that what drifts weighs on both.
TURNS = (0, 1, 1, 0) * 8
WARM_UP_SECONDS = 1


class Work(NamedTuple):
    """What is asked, and for how long at a time."""

    single: Rows
    many: Rows
    expected_single: Sequence[float]
    expected_many: Sequence[float]
    seconds: int


def parity(server: Server, place: Place, work: Work) -> float:
    """Return the largest difference between a server's answers and the pipeline's, to the rows by themselves and to all in one request."""
    with running(server, place, work.single) as up:
        singly = [answer for row in work.single for answer in up.answers([row])]
        together = up.answers(work.many)
    found = max(distance(singly, work.expected_single), distance(together, work.expected_many))
    assert found <= TOLERANCE, f"{server.name} answers {found:.3g} off the pipeline, at most {TOLERANCE:g} is allowed"
    return found


def bodies(server: Server, folder: Path, requests: Sequence[Rows]) -> Path:
    """Write the bodies of requests, one a line."""
    path = folder / "bodies"
    path.write_text("".join(json.dumps(server.body(rows)) + "\n" for rows in requests), encoding="utf-8")
    return path


def measure(server: Server, place: Place, work: Work, folder: Path) -> dict[str, float]:
    """Start a server and measure it."""
    with running(server, place, work.single) as up:
        one = bodies(server, folder, [[row] for row in work.single])
        wrk.ask(up.port, server.path, one, 8, WARM_UP_SECONDS)  # it warms up
        told = {"cold_seconds": round(up.cold_seconds, 3)}
        for clients in (1, 32, 64):
            seen = wrk.ask(up.port, server.path, one, clients, work.seconds)
            told |= {f"rps_{clients}": round(seen.per_second, 1), f"p50_ms_{clients}": seen.p50_ms, f"p99_ms_{clients}": seen.p99_ms}
        seen = wrk.ask(up.port, server.path, bodies(server, folder, [work.many]), 1, work.seconds)
        return {**told, "rows1000_ms": seen.p50_ms, "pss_mb": round(up.pss_mb(), 1)}


def with_and_without_metrics(place: Place, work: Work, folder: Path) -> tuple[float, float]:
    """Return Slipway's requests at 32 clients for a second of a core, with and without its metrics, which a signal switches."""
    one = bodies(SERVERS[0], folder, [[row] for row in work.single])
    seen = list[tuple[int, float]]()
    with running(WITHOUT_METRICS, place, work.single) as up:
        ask32(up, one, WARM_UP_SECONDS)
        for turn in TURNS:
            os.kill(up.process, signal.SIGUSR1 if turn else signal.SIGUSR2)
            seen.append((turn, ask32(up, one, max(1, work.seconds // 2))))
    ours, silent = (round(sum(rate for turn, rate in seen if turn == side) / TURNS.count(side), 1) for side in (0, 1))
    return ours, silent


def ask32(up: Running, one: Path, seconds: int) -> float:
    """Return the requests at 32 clients for a second of a core, which what else the machine does hardly changes."""
    service = psutil.Process(up.process)
    before = sum(service.cpu_times()[:2])
    seen = wrk.ask(up.port, up.server.path, one, 32, seconds)
    return seen.requests / (sum(service.cpu_times()[:2]) - before)
