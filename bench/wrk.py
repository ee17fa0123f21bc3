"""The callers: wrk, which takes so little of the machine that one core serves and the other asks."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

SCRIPT = Path(__file__).with_suffix(".lua")
TIMEOUT_SECONDS = 30


class Seen(NamedTuple):
    """What the callers saw."""

    requests: int
    failed: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        """Return how many requests a second were answered."""
        return self.requests / self.seconds


def require() -> None:
    """End with a sentence where there is no wrk."""
    if not shutil.which("wrk"):
        raise SystemExit("There is no `wrk` on this machine, which asks the servers. Next: apt-get install wrk, or brew install wrk.")


def ask(port: int, path: str, bodies: Path, clients: int, seconds: int, host: str = "127.0.0.1", **headers: str) -> Seen:
    """Have so many clients, each with a connection that it keeps, ask for so long. Raises AssertionError when a request failed."""
    given = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    options = ["-t", "1", "-c", str(clients), "-d", f"{seconds}s", "--timeout", f"{TIMEOUT_SECONDS}s", "--script", str(SCRIPT), *given]
    command = ["wrk", *options, f"http://{host}:{port}", "--", path, str(bodies)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seen = Seen(**json.loads(done.stdout.strip().splitlines()[-1]))
    assert not seen.failed, f"{seen.failed} of {seen.requests} requests to {path} failed with {clients} clients"
    return seen
