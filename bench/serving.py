"""What Slipway's service gives against others that serve the same pipeline: requests a second, latency, start, memory, image."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import results, serving_figures, serving_picture, wrk
from bench.serving_measure import Work, measure, parity, with_and_without_metrics
from bench.serving_peers import images
from bench.serving_peers.servers import FLOOR, OURS, SERVERS, WITHOUT_METRICS, Place, Server
from bench.serving_ready import ready, work

ROUNDS, SECONDS, QUICK_SECONDS = 4, 3, 1
HEAD = ("server", "p50, ms", "p99, ms", "req/s, 32", "p99, ms", "req/s, 64", "p99, ms", "1,000 rows, ms", "start, s", "PSS, MB")
COLUMNS = {"p50_ms_1": ".2f", "p99_ms_1": ".2f", "rps_32": ",.0f", "p99_ms_32": ".1f", "rps_64": ",.0f", "p99_ms_64": ".1f"}
COLUMNS |= {"rows1000_ms": ".1f", "cold_seconds": ".2f", "pss_mb": ".0f"}


def rounds(chosen: Sequence[Server], place: Place, asked: Work, number: int) -> tuple[dict[str, list[dict[str, float]]], list[Any]]:
    """Measure all servers in each round, beginning with another one each time."""
    told: dict[str, list[dict[str, float]]] = {server.name: [] for server in chosen}
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(number):
            for server in [*chosen[turn % len(chosen) :], *chosen[: turn % len(chosen)]]:
                told[server.name].append(measure(server, place, asked, Path(folder)))
                print(f"round {turn + 1}, {server.name}: {told[server.name][-1]}", flush=True)
            if OURS in told:
                pairs.append(with_and_without_metrics(place, asked, Path(folder)))
                print(f"round {turn + 1}, with and without metrics: {pairs[-1]} requests for a second of a core", flush=True)
    return told, pairs


def row(name: str, told: Sequence[dict[str, float]]) -> list[str]:
    """Return a line of the table: medians."""
    return [name, *(format(serving_figures.middle(told, figure), form) for figure, form in COLUMNS.items())]


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=ROUNDS)
    options.add_argument("--only", type=lambda text: text.split(","), metavar="NAME,NAME", help="only these; nothing is written")
    options.add_argument("--quick", action="store_true", help="a third of the time for each; nothing is written")
    return options.parse_args()


def main() -> None:
    """Measure, print the tables, and write the results and the picture."""
    asked = arguments()
    wrk.require()
    whole = not (asked.only or asked.quick)
    if whole and not shutil.which("docker"):
        raise SystemExit("There is no `docker` on this machine, which builds the images. Next: install it, or add --only NAME,NAME.")
    chosen = [server for server in SERVERS if not asked.only or server.name in asked.only]
    if not chosen:
        raise SystemExit(f"None of {asked.only} is a server here. Next: --only {','.join(server.name for server in SERVERS)}.")
    with ready(chosen) as place:
        given = work(place, QUICK_SECONDS if asked.quick else SECONDS)
        checked = [*chosen, WITHOUT_METRICS] if chosen[0].name == OURS else chosen
        parities = {server.name: parity(server, place, given) for server in checked if server.name != FLOOR}
        sizes = images.measure(place, given.single[0]) if whole else {}
        told, pairs = rounds(chosen, place, given, asked.rounds)
    report(told, pairs, sizes, parities, whole)


def report(told: dict[str, Any], pairs: list[Any], sizes: dict[str, float], parities: dict[str, float], whole: bool) -> None:
    """Print the tables; of a whole measurement write the results and the picture."""
    ratios = serving_figures.ratios(told) + ([serving_figures.metrics_cost(pairs)] if pairs else [])
    if sizes:
        ratios.append(serving_figures.spread("image_vs_mlflow", "mlflow", [sizes["slipway"] / sizes["mlflow"]]))
    print(results.markdown(HEAD, [row(name, each) for name, each in told.items()]), end="\n\n")
    print(results.markdown(("ratio", "to", "median", "lowest", "highest"), [[str(cell) for cell in each] for each in ratios]))
    print(f"largest differences from the pipeline: {parities}\nimages without their base, MB: {sizes}", file=sys.stderr)
    if whole:
        compared = [each._asdict() for each in ratios]
        found = {each.name: each.median for each in ratios}
        results.write("serving", found, ratios=compared, image_mb=sizes, parity=parities, metrics=pairs, rounds=told)
        serving_picture.write(told)


if __name__ == "__main__":
    main()
