"""What replicas add: requests a second on a cluster, with one pod that may use a whole core, and with one to four that may use a part."""

import argparse
import json
import os
import time
import urllib.request
from pathlib import Path
from statistics import median

from bench import results, wrk
from bench.switching import run
from bench.two_releases import OLD, address, ready
from pipeline import project
from pipeline.targets.kubernetes import Kubernetes
from tests import cluster

REPLICAS = (1, 2, 3, 4)
# So much of a core for each of several pods, so that two cores hold all of them and who asks.
PART = "250m"
CLIENTS, SECONDS, ROUNDS = 64, 10, 3
HEAD = ("pods", "cpu of each", "requests/s", "of one such pod", "p50, ms", "p99, ms")


def shape(root: Path, pods: int, cpu: str) -> None:
    """Have so many pods run, each with at most so much cpu, and no others."""
    target = Kubernetes(project.load(root, "kubernetes"))
    space, name = ("--namespace", os.environ["NAMESPACE"]), f"deployment/{target.project.name}"
    cluster.admin(*space, "set", "resources", name, f"--limits=cpu={cpu}")
    cluster.admin(*space, "scale", name, f"--replicas={pods}")
    cluster.admin(*space, "rollout", "status", name, "--timeout=120s")
    while len(target.objects("pods")) > pods:  # until those before have left
        time.sleep(0.5)


def measure(root: Path, bodies: Path) -> wrk.Seen:
    """Ask for a while."""
    host, _, port = address(root, "kubernetes").partition(":")
    wrk.ask(int(port), "/predict", bodies, CLIENTS, 1, host)
    return wrk.ask(int(port), "/predict", bodies, CLIENTS, SECONDS, host)


def rounds(root: Path) -> dict[str, list[wrk.Seen]]:
    """Measure each shape, and all of them again; by its name."""
    rows = json.loads((root / "build" / "bundle" / "golden.json").read_bytes())["rows"]
    bodies = root / "build" / "bodies"
    bodies.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found: dict[str, list[wrk.Seen]] = {}
    for number in range(ROUNDS):
        for pods, cpu in ((1, "2"), *((pods, PART) for pods in REPLICAS)):
            shape(root, pods, cpu)
            seen = measure(root, bodies)
            found.setdefault(f"{pods} x {cpu}", []).append(seen)
            print(f"round {number + 1}, {pods} x {cpu}: {seen.per_second:.0f}/s, p99 {seen.p99_ms:.1f} ms", flush=True)
    return found


def one_pod(root: Path) -> dict[str, float]:
    """Return what else a pod costs: series and bytes for Prometheus, memory, and the bytes of its image that a node pulls."""
    target = Kubernetes(project.load(root, "kubernetes"))
    with urllib.request.urlopen(f"http://{address(root, 'kubernetes')}/metrics") as answer:  # our own
        exposition = answer.read().decode()
    [name, *_] = target.ask(("/healthz", None))
    _, memory = target.execute(name, ["cat", "/sys/fs/cgroup/memory.current"])
    size = target.client.images.get(target.predictor(target.running_digest())).attrs["Size"]
    return {
        "series": sum(1 for line in exposition.splitlines() if not line.startswith("#")),
        "exposition_kb": round(len(exposition) / 1e3, 1),
        "memory_mb": round(int(memory) / 1e6, 1),
        "image_mb": round(size / 1e6, 1),
    }


def figures(found: dict[str, list[wrk.Seen]]) -> dict[str, dict[str, float]]:
    """Return the medians of each shape."""
    one = median(each.per_second for each in found[f"1 x {PART}"])
    return {
        name: {
            "requests_per_second": round(median(each.per_second for each in seen), 1),
            "of_one": round(median(each.per_second for each in seen) / one, 2),
            "p50_ms": round(median(each.p50_ms for each in seen), 2),
            "p99_ms": round(median(each.p99_ms for each in seen), 2),
        }
        for name, seen in found.items()
    }


def main() -> None:
    """Measure, print the table and write the results."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    wrk.require()
    with ready(["kubernetes"], replicas=1) as root:
        run(root, "kubernetes", "deploy", OLD)
        found, pod = rounds(root), one_pod(root)
    told = figures(found)
    rows = [[*name.split(" x "), *(f"{value:g}" for value in each.values())] for name, each in told.items()]
    print(results.markdown(HEAD, rows))
    print(pod)
    flat = {f"{name.replace(' x ', '_of_')}_{key}": value for name, each in told.items() for key, value in each.items()}
    results.write("scale", {**flat, **pod})


if __name__ == "__main__":
    main()
