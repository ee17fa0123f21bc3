"""What replicas add: requests a second on a cluster, with one pod that may use a whole core, and with one to four that may use a part."""

import argparse
import json
import os
import time
import urllib.request
from pathlib import Path
from statistics import median
from typing import Any

import docker
from docker.models.containers import Container

from bench import results, wrk
from bench.switching import run
from bench.two_releases import OLD, address, ready
from slipway import project
from slipway.operate import docker_engine
from slipway.operate.process import free_port
from slipway.operate.targets.kubernetes import Kubernetes
from slipway.operate.targets.proxy import Proxy
from tests.conftest import wait_until
from tests.library import cluster

REPLICAS = (1, 2, 3, 4)
# So much of a core for each of several pods, so that two cores hold all of them and who asks.
PART = "250m"
CLIENTS, SECONDS, ROUNDS = 64, 10, 3
PROXY_PORT = free_port()
PROXY = f"""defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen all
  bind 127.0.0.1:{PROXY_PORT}
  server pods {{address}}
"""
HEAD = ("pods", "cpu of each", "requests/s", "of one such pod", "p99, ms")


def shape(root: Path, pods: int, cpu: str) -> None:
    """Have so many pods run, each with at most so much cpu, and no others."""
    target = Kubernetes(project.load(root, "kubernetes"))
    space, name = ("--namespace", os.environ["NAMESPACE"]), f"deployment/{target.project.name}"
    cluster.admin(*space, "set", "resources", name, f"--limits=cpu={cpu}")
    cluster.admin(*space, "scale", name, f"--replicas={pods}")
    cluster.admin(*space, "rollout", "status", name, "--timeout=120s")
    while len(target.list_objects("pods")) > pods:  # until those before have left
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
    """Return what else a pod costs: its core, its memory, what Prometheus reads, the bytes of a request, the image, and being asked."""
    target, bodies = Kubernetes(project.load(root, "kubernetes")), root / "build" / "bodies"
    shape(root, 1, "2")
    [name] = target.ask_live(("/healthz", None))
    before, seen = used(name), measure(root, bodies)
    cores = (used(name) - before) / (seen.requests + seen.requests / SECONDS)  # with the second in which it warms up
    start = time.monotonic()
    target.ask_live(("/version", None))
    asked = time.monotonic() - start
    status = read_file(name, "/proc/1/status")
    [[exposition]] = target.ask_live(("/metrics", None)).values()
    return {
        "pod_core_microseconds": round(1e6 * cores, 1),
        "proxy_core_microseconds": round(1e6 * proxied(root, bodies), 1),
        "ask_seconds": round(asked, 2),
        "series": sum(1 for line in exposition.splitlines() if not line.startswith("#")),
        "exposition_kb": round(len(exposition) / 1e3, 1),
        "memory_mb": round(int(status.partition("VmRSS:")[2].split()[0]) / 1e3, 1),
        "image_mb": round(target.client.images.get(target.locate_release(target.read_running_digest())).attrs["Size"] / 1e6, 1),
        "request_bytes": round(sum(len(line) + 1 for line in bodies.read_bytes().splitlines()) / len(bodies.read_bytes().splitlines())),
        "answer_bytes": len(read(root, "/predict", bodies.read_bytes().splitlines()[0])),
    }


def read(root: Path, path: str, body: bytes | None = None) -> bytes:
    """Return what the service answers."""
    return read_url(f"http://{address(root, 'kubernetes')}{path}", body)


def read_url(url: str, body: bytes | None = None) -> bytes:
    """Return what answers at a URL. Raises OSError."""
    request = urllib.request.Request(url, body, {"content-type": "application/json"})  # noqa: S310  # our own
    with urllib.request.urlopen(request) as answer:  # noqa: S310  # our own
        content: bytes = answer.read()
    return content


def read_file(pod: str, path: str) -> str:
    """Return a file of a pod."""
    return cluster.admin("--namespace", os.environ["NAMESPACE"], "exec", pod, "--", "cat", path)


def used(pod: str) -> float:
    """Return how many seconds of a core a pod's process has used."""
    return sum(map(int, read_file(pod, "/proc/1/stat").rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def proxied(root: Path, bodies: Path) -> float:
    """Return how many seconds of a core the proxy of the target docker uses for a request."""
    client = docker.from_env()
    image = Proxy(project.load(root, "docker"), client).choose_image()
    config = PROXY.format(address=address(root, "kubernetes"))
    command = ["bash", "-c", f"cat > /tmp/haproxy.cfg <<< '{config}' && exec haproxy -f /tmp/haproxy.cfg"]

    def answers() -> bool:
        assert docker_engine.is_running(container), docker_engine.format_log_end(container)
        try:
            return bool(read_url(f"http://127.0.0.1:{PROXY_PORT}/healthz"))
        except OSError:
            return False

    container = client.containers.run(image, entrypoint=command, detach=True, network_mode="host")
    try:
        wait_until(answers)  # at the address of callers, which has no /readyz
        before, seen = ran(container), wrk.ask(PROXY_PORT, "/predict", bodies, CLIENTS, SECONDS)
        return (ran(container) - before) / seen.requests
    finally:
        container.remove(force=True)
        client.close()


def ran(container: Container) -> float:
    """Return how many seconds of a core a container has used."""
    said: Any = container.stats(stream=False)
    return float(said["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9


def figures(found: dict[str, list[wrk.Seen]]) -> dict[str, dict[str, float]]:
    """Return the medians of each shape."""
    one = median(each.per_second for each in found[f"1 x {PART}"])
    return {
        name: {
            "requests_per_second": round(median(each.per_second for each in seen), 1),
            "of_one": round(median(each.per_second for each in seen) / one, 2),
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
