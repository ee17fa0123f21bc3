"""What keys cost: one service, asked by turns inside, from outside where no key is needed, and from outside with one of twenty."""

import json
import random
import tempfile
from pathlib import Path
from statistics import median

import httpx
import psutil

from bench import wrk
from bench.serving_ready import train
from slipway.operate import process
from slipway.serving.access import MARK
from tests.conftest import wait_until
from tests.library.service.test_access import KEYS, give, write

ROUNDS, SECONDS, CLIENTS, OTHERS = 30, 2, 32, 19
OUTSIDE = {MARK.decode(): "192.0.2.7"}
WITH_KEY = {**OUTSIDE, "x-api-key": KEYS["planning"]}
CALLERS = {"inside": {}, "open": OUTSIDE, "key": WITH_KEY}


class Service:
    """The service that is measured, and the folder of what holds outside."""

    def __init__(self, url: str, access: Path, bodies: Path) -> None:
        self.url, self.access, self.bodies, self.changes = url, access, bodies, 0
        [self.process] = [each for each in psutil.Process().children() if "slipway.serving" in each.cmdline()]

    def need_keys(self, needed: bool) -> None:
        """Have callers outside need a key, or none, and wait until that holds."""
        self.changes += 1
        write(self.access, "settings.json", at=self.changes, keys=needed)
        wait_until(lambda: (httpx.post(f"{self.url}/predict", headers=OUTSIDE).status_code == 401) is needed)

    def measure(self, caller: str) -> tuple[float, float]:
        """Return the requests a second, and those for a second of a core, which hardly depends on what else the machine does."""
        self.need_keys(caller == "key")
        before = sum(self.process.cpu_times()[:2])
        seen = wrk.ask(int(self.url.rpartition(":")[2]), "/predict", self.bodies, CLIENTS, SECONDS, **CALLERS[caller])
        return seen.per_second, seen.requests / (sum(self.process.cpu_times()[:2]) - before)


def measure(root: Path) -> list[dict[str, tuple[float, float]]]:
    """Return for each round what `Service.measure` gives for each caller."""
    bundle, access, bodies = root / "build" / "bundle", root / "access", root / "build" / "bodies"
    rows = json.loads((bundle / "golden.json").read_bytes())["rows"]
    bodies.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    access.mkdir()
    for number in range(OTHERS):
        write(access, f"key-other-{number}.json", at=1, sha256=f"{number:064x}")
    give(access, "planning")
    with process.serve_release(root, bundle, ACCESS=str(access)) as url:
        service, found = Service(url, access, bodies), []
        service.measure("inside")  # it warms up
        order = random.Random(0)  # noqa: S311
        for _ in range(ROUNDS):  # in an order drawn anew, so that what drifts, or comes after another, weighs on all
            found.append({caller: service.measure(caller) for caller in order.sample([*CALLERS], len(CALLERS))})
            print(" ".join(f"{caller} {found[-1][caller][0]:.0f}/s" for caller in CALLERS), flush=True)
    return found


def compare(found: list[dict[str, tuple[float, float]]], caller: str, other: str) -> str:
    """Return what is left for a caller of another's requests: the median of the rounds, by the clock and by a core's second."""
    by_clock, by_core = (median(each[caller][kind] / each[other][kind] for each in found) for kind in (0, 1))
    return f"{by_clock:.3f} of the requests a second, {by_core:.3f} of those for a second of a core"


def main() -> None:
    """Print what keys leave of the requests, and what telling callers outside from those inside does."""
    wrk.require()
    with tempfile.TemporaryDirectory(prefix="keys-") as folder:
        train(Path(folder).resolve())
        found = measure(Path(folder).resolve())
        print(f"with a key, of the same caller where none is needed: {compare(found, 'key', 'open')}")
        print(f"outside without a key, of a caller inside: {compare(found, 'open', 'inside')}")


if __name__ == "__main__":
    main()
