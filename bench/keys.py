"""What keys cost: one service, asked by turns inside without a key, and from outside with one of twenty."""

import json
import tempfile
from pathlib import Path
from statistics import median

import psutil

from bench import wrk
from bench.serving_ready import train
from slipway.operate import process
from slipway.serving.access import MARK
from tests.library.service.test_access import KEYS, give, write

PAIRS, SECONDS, CLIENTS, OTHERS = 10, 4, 32, 19
OUTSIDE = {MARK.decode(): "192.0.2.7", "x-api-key": KEYS["planning"]}


def measure(root: Path) -> list[tuple[float, float]]:
    """Return for each pair of turns what is left with a key: of the requests a second, and of those for a second of a core.

    The second does not depend on what else the machine does.
    """
    bundle, access, bodies = root / "build" / "bundle", root / "access", root / "build" / "bodies"
    rows = json.loads((bundle / "golden.json").read_bytes())["rows"]
    bodies.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    access.mkdir()
    for number in range(OTHERS):
        write(access, f"key-other-{number}.json", at=1, sha256=f"{number:064x}")
    give(access, "planning")
    write(access, "settings.json", at=1, keys=True)
    with process.serve_release(root, bundle, ACCESS=str(access)) as url:
        port, found = int(url.rpartition(":")[2]), []
        [service] = [each for each in psutil.Process().children() if "slipway.serving" in each.cmdline()]

        def ask(headers: dict[str, str]) -> tuple[float, float]:
            before = sum(service.cpu_times()[:2])
            seen = wrk.ask(port, "/predict", bodies, CLIENTS, SECONDS, **headers)
            return seen.per_second, seen.requests / (sum(service.cpu_times()[:2]) - before)

        ask({})  # it warms up
        for pair in range(PAIRS):  # in both orders, so that what drifts weighs on both
            seen = {bool(headers): ask(headers) for headers in ([{}, OUTSIDE] if pair % 2 else [OUTSIDE, {}])}
            found.append((seen[True][0] / seen[False][0], seen[True][1] / seen[False][1]))
            print(f"without {seen[False][0]:.0f}/s, with {seen[True][0]:.0f}/s: {found[-1][0]:.3f}; by core {found[-1][1]:.3f}", flush=True)
    return found


def main() -> None:
    """Print what is left with a key: the median of the pairs."""
    wrk.require()
    with tempfile.TemporaryDirectory(prefix="keys-") as folder:
        train(Path(folder).resolve())
        by_second, by_core = zip(*measure(Path(folder).resolve()), strict=True)
        print(f"with a key: {median(by_second):.3f} of the requests a second, {median(by_core):.3f} of those for a second of a core")


if __name__ == "__main__":
    main()
