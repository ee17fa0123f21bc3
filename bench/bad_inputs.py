"""Asks a service that really runs 100,000 times what is bad by construction, as a caller with a key, and says what it answered."""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx

from bench import results
from bench.serving_ready import train
from slipway.operate import process
from slipway.serving.access import MARK
from slipway.serving.parity import TOLERANCE, distance
from tests.library.service.asked import VERTEX, World
from tests.library.service.bad_inputs import Case, cases
from tests.library.service.raw_client import Seen, send
from tests.library.service.test_access import KEYS, give, write

NUMBER, SEED, CLIENTS = 100_000, 20_260_101, 8
# After so many the service has met every kind of input, and its memory is looked at for the first time.
WARM = 2000
BROUGHT = b"\r\n%s: 192.0.2.7\r\nx-api-key: %s\r\n" % (MARK, KEYS["planning"].encode())
HEAD = ("input", "requests", "answers")


def memory(port: int) -> float:
    """Return the resident memory that a service says it has, in MB."""
    lines = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("process_resident_memory_bytes ")) / 1e6


def right(port: int, world: World) -> bool:
    """Tell whether a service answers the golden rows as recorded."""
    said = httpx.post(f"http://127.0.0.1:{port}/predict", json=world.rows, timeout=30).json()["predictions"]
    return distance(said, world.answers) <= TOLERANCE


def figures(seen: Seen, grown: float, correct: bool) -> dict[str, float]:
    """Say what the answers come to."""
    counts = [(status, number) for each in seen.counts.values() for status, number in each.items()]
    errors = sum(number for status, number in counts if status.startswith("5") and status != "503")
    return {
        "requests": sum(number for _, number in counts),
        "errors": errors,
        "not_available": sum(number for status, number in counts if status == "503"),
        "dropped": seen.dropped,
        "wrong": len(seen.wrong),
        "memory_growth": round(grown, 3),
        "right_afterwards": int(correct),
    }


def table(seen: Seen) -> str:
    """Write what each family of inputs was answered."""
    said = {name: ", ".join(f"{status}: {number:,}" for status, number in sorted(each.items())) for name, each in seen.counts.items()}
    return results.markdown(HEAD, [(name, f"{seen.counts[name].total():,}", said[name]) for name in sorted(said)])


def bring_key(asked: Iterator[Case]) -> Iterator[Case]:
    """Have each request come from outside, with a key."""
    return (replace(each, sent=each.sent.replace(b"\r\n", BROUGHT, 1)) for each in asked)


def measure(root: Path, number: int) -> tuple[Seen, dict[str, float], float]:
    """Ask a service so many times; returns what was seen, what it comes to, and how long it took in seconds."""
    bundle = root / "build" / "bundle"
    world = World.of(bundle)
    access = root / "access"
    access.mkdir()
    give(access, "planning")
    write(access, "settings.json", at=1, keys=True, routes=["/{path:path}"])
    with process.serve_release(root, bundle, ACCESS=str(access), **VERTEX) as url:
        port = int(url.rpartition(":")[2])
        assert httpx.get(f"{url}/version", headers={MARK.decode(): ""}).status_code == 401
        asyncio.run(send(port, bring_key(cases(world, SEED - 1, min(WARM, number))), CLIENTS))
        before, start = memory(port), time.monotonic()
        seen = asyncio.run(send(port, bring_key(cases(world, SEED, number)), CLIENTS))
        seconds = time.monotonic() - start
        return seen, figures(seen, memory(port) / before - 1, right(port, world)), seconds


def main() -> None:
    """Print the table, and write it down when enough was asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=NUMBER, help=f"how many; fewer than {NUMBER} are not written down")
    number: int = parser.parse_args().number
    with tempfile.TemporaryDirectory(prefix="inputs-") as folder:
        train(Path(folder).resolve())
        seen, found, seconds = measure(Path(folder).resolve(), number)
    print(table(seen), json.dumps(found, indent=2), *seen.wrong[:10], f"{seconds:.0f} s", sep="\n")
    if number >= NUMBER:
        results.write("bad_inputs", found, seconds=round(seconds), answers=dict(sorted(seen.counts.items())))


if __name__ == "__main__":
    main()
