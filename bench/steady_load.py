"""Steady callers: `python -m bench.steady_load ADDRESS ROWS.json RESULT.json RATE` asks until its standard input is closed.

A process of its own, which ends when the one that started it ends. It speaks HTTP/1.1 over bare streams: a client library would take more
of the machine than the service does.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

BATCH = 20
TIMEOUT_SECONDS = 30

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Kind(NamedTuple):
    """Whether a caller keeps its connection, and whether it asks for a batch."""

    keeps: bool
    batch: bool

    def __str__(self) -> str:
        return f"{'keep-alive' if self.keeps else 'new connection'}, {f'{BATCH} rows' if self.batch else '1 row'}"


CALLERS = (*[Kind(True, False)] * 4, *[Kind(False, False)] * 2, Kind(True, True), Kind(False, True))


class Answer(NamedTuple):
    """A request that was answered with 200: when the answer was there, which release gave it, and the number of the caller."""

    at: float
    milliseconds: float
    release: str
    caller: int


class Failure(NamedTuple):
    """A request that was not."""

    at: float
    sent: float
    kind: str
    text: str


class Seen(NamedTuple):
    """What the callers saw."""

    answers: list[Answer]
    failures: list[Failure]


def requests(kind: Kind, address: str, rows: Sequence[Any]) -> list[bytes]:
    """Return what a caller sends, in turn."""
    bodies = [[*rows[at:], *rows][:BATCH] if kind.batch else row for at, row in enumerate(rows)]
    closing = "" if kind.keeps else "Connection: close\r\n"
    head = f"POST /predict HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n{closing}Content-Length: "
    encoded = [json.dumps(body).encode() for body in bodies]
    return [f"{head}{len(body)}\r\n\r\n".encode() + body for body in encoded]


class Caller:
    """One caller, with one connection at a time."""

    def __init__(self, number: int, address: str, seen: Seen) -> None:
        self.number, self.kind, self.address, self.seen = number, CALLERS[number], address, seen
        self.connection: Streams | None = None

    async def run(self, rows: Sequence[Any], rate: float, stop: asyncio.Event) -> None:
        """Ask at an even pace until told to stop. One that is late asks at once, and does not make up for it."""
        due = time.monotonic() + self.number / rate
        for request in cycle(requests(self.kind, self.address, rows)):
            await asyncio.sleep(due - time.monotonic())
            if stop.is_set():
                break
            due = max(due + len(CALLERS) / rate, time.monotonic())
            await self.ask(request)
        self.close()

    async def ask(self, request: bytes) -> None:
        """Ask once. What is not answered with 200 failed, whatever the reason; nothing is asked twice."""
        sent, which = time.monotonic(), "a kept connection" if self.connection else "a new connection"
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                status, headers, body = await self.exchange(request)
            if status != "200":
                raise ValueError(f"{status}: {body[:200].decode(errors='replace')}")
        except (OSError, EOFError, ValueError, LookupError) as error:  # reset, closed without or within an answer, no HTTP
            self.seen.failures.append(Failure(time.monotonic(), sent, str(self.kind), f"{error!r} on {which}"))
            return self.close()
        answered = time.monotonic()
        self.seen.answers.append(Answer(answered, round(1000 * (answered - sent), 2), headers["x-release"], self.number))
        # A server that says so in an answer may close: the next request goes over another connection.
        return None if self.kind.keeps and headers.get("connection", "").lower() != "close" else self.close()

    async def exchange(self, request: bytes) -> tuple[str, dict[str, str], bytes]:
        """Send a request and read the answer: status, headers, body."""
        host, _, port = self.address.rpartition(":")
        reader, writer = self.connection = self.connection or await asyncio.open_connection(host, int(port))
        writer.write(request)
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return status.split(" ")[1], headers, await reader.readexactly(int(headers["content-length"]))

    def close(self) -> None:
        """Close the connection."""
        if self.connection:
            self.connection[1].close()
        self.connection = None


async def ask(address: str, rows: Sequence[Any], rate: float) -> Seen:
    """Ask so many requests a second, all callers together, until standard input is closed."""
    seen, stop = Seen([], []), asyncio.Event()
    async with asyncio.TaskGroup() as callers:
        for number in range(len(CALLERS)):
            callers.create_task(Caller(number, address, seen).run(rows, rate, stop))
        await asyncio.to_thread(sys.stdin.read)
        stop.set()
    return seen


def main(address: str, rows: str, result: str, rate: str) -> None:
    """Ask, then write what was seen."""
    seen = asyncio.run(ask(address, json.loads(Path(rows).read_bytes())["rows"], float(rate)))
    Path(result).write_text(json.dumps(seen), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
