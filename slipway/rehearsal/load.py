"""Callers, for the rehearsal: `python -m slipway.rehearsal.load URL ROWS.json RESULT.json` asks until its standard input is closed.

A process of its own, so that training beside it does not slow the callers down; it ends when the one that started it ends.
"""

import json
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from slipway import http_client

CLIENTS = 4
# Between two requests of a client: steady load that leaves the machine room to train.
PAUSE_SECONDS = 0.04


@dataclass
class Record:
    """The requests by second since the start and by release, and those that failed."""

    by_second: Counter[tuple[int, str]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return it as JSON values."""
        by_release: Counter[str] = Counter()
        for (_, release), count in self.by_second.items():
            by_release[release] += count
        ordered = sorted(self.milliseconds)
        return {
            "clients": CLIENTS,
            "total": sum(by_release.values()) + len(self.failures),
            "failed": len(self.failures),
            "by_release": dict(sorted(by_release.items())),
            "failures": self.failures[:10],
            "p50_ms": round(ordered[len(ordered) // 2], 2) if ordered else None,
            "p99_ms": round(ordered[int(len(ordered) * 0.99)], 2) if ordered else None,
            "by_second": [[second, release, count] for (second, release), count in sorted(self.by_second.items())],
        }


def send_requests(url: str, rows: list[Any], stop: threading.Event, record: Record, start: float) -> None:
    """Be one keep-alive client until `stop`. A request that is not answered with 200 failed; none is sent twice."""
    with http_client.open_client(url, timeout=30) as client:
        number = 0
        while not stop.wait(PAUSE_SECONDS):
            sent = time.monotonic()
            try:
                response = client.post("/predict", json=rows[number % len(rows)])
                if response.status_code == 200:
                    record.by_second[int(sent - start), response.headers["x-release"]] += 1
                    record.milliseconds.append(1000 * (time.monotonic() - sent))
                else:
                    record.failures.append(f"{response.status_code}: {response.text[:200]}")
            except httpx.HTTPError as error:
                record.failures.append(repr(error))
            number += 1


def main(url: str, rows: str, result: str) -> None:
    """Send requests until standard input is closed, then write their summary."""
    record, stop, start = Record(), threading.Event(), time.monotonic()
    golden = json.loads(Path(rows).read_bytes())["rows"]
    threads = [threading.Thread(target=send_requests, args=(url, golden, stop, record, start)) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        sys.stdin.read()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    Path(result).write_text(json.dumps(record.summary()), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
