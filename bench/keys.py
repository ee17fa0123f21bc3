"""What keys cost: one service, asked by turns inside without a key, and from outside with one of twenty."""

import json
import tempfile
from pathlib import Path
from statistics import median

from bench import wrk
from bench.serving_ready import train
from slipway.operate import process
from slipway.serving.access import MARK
from tests.library.service.test_access import KEYS, give, write

PAIRS, SECONDS, CLIENTS, OTHERS = 10, 4, 32, 20
OUTSIDE = {MARK.decode(): "192.0.2.7", "x-api-key": KEYS["planning"]}


def measure(root: Path) -> list[float]:
    """Return the requests a second with a key as a share of those without, for each pair of turns."""
    bundle, access, bodies = root / "build" / "bundle", root / "access", root / "build" / "bodies"
    rows = json.loads((bundle / "golden.json").read_bytes())["rows"]
    bodies.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    access.mkdir()
    for number in range(OTHERS):
        write(access, f"key-other-{number}.json", at=1, sha256=f"{number:064x}")
    give(access, "planning")
    write(access, "settings.json", at=1, keys=True)
    with process.serve_release(root, bundle, ACCESS=str(access)) as url:
        port, ratios = int(url.rpartition(":")[2]), []
        wrk.ask(port, "/predict", bodies, CLIENTS, SECONDS)  # it warms up
        for pair in range(PAIRS):  # in both orders, so that what drifts weighs on both
            turns = [{}, OUTSIDE] if pair % 2 else [OUTSIDE, {}]
            seen = {bool(headers): wrk.ask(port, "/predict", bodies, CLIENTS, SECONDS, **headers).per_second for headers in turns}
            ratios.append(seen[True] / seen[False])
            print(f"without {seen[False]:.0f}/s, with {seen[True]:.0f}/s: {ratios[-1]:.3f}", flush=True)
    return ratios


def main() -> None:
    """Print the ratio of each pair, and their median."""
    wrk.require()
    with tempfile.TemporaryDirectory(prefix="keys-") as folder:
        train(Path(folder).resolve())
        print(f"with a key: {median(measure(Path(folder).resolve())):.3f} of the requests a second without")


if __name__ == "__main__":
    main()
