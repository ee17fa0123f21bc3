"""What deploy and rollback cost callers, and how long they take: both again and again under steady load, on each target."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from bench import results, switch_figures
from bench.steady_load import Answer, Failure, Seen
from bench.switch_figures import Cycle, Verb
from bench.two_releases import NEW, OLD, address, ready
from slipway import project
from slipway.operate import docker_engine, ssh, targets
from tests.library import far

TARGETS = ("local", "docker", "kubernetes")
SSH = "docker_ssh"
CYCLES = 20
# Of the rollbacks on a target that keeps the release before running, each fourth finds it stopped.
COLD_EVERY = 4
# Between two cycles: what callers see when nobody deploys.
QUIET_SECONDS = 1
# Callers ask half of what the service can give, so that the commands have a share of the machine, and at most so many a second.
SHARE, MOST_PER_SECOND, PROBE_SECONDS = 0.5, 1000, 3
PROOF = re.compile(r" serves, was .* in (?P<seconds>[0-9.]+) s$")
HEAD = (
    *("target", "requests", "a second", "failed", "p99 without, ms", "p99 during, ms", "deploy, s"),
    *("warm rollback, s", "its switch, s", "cold rollback, s", "its switch, s"),
)


def run(root: Path, target: str, *words: str) -> Verb:
    """Run a verb as a command, as a person would."""
    command = [sys.executable, "-m", "slipway.cli", *words, "--target", target]
    start = time.monotonic()
    proof, said = start, 0.0
    with subprocess.Popen(command, cwd=root, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            for line in process.stdout:
                if found := PROOF.search(line.rstrip()):
                    proof, said = time.monotonic(), float(found["seconds"])
        finally:
            process.wait()  # on an interrupt, too: it would go on while its place is cleared away
    assert process.returncode == 0, f"{' '.join(words)} ended with {process.returncode}"
    return Verb(words[0], start, proof, time.monotonic(), said)


@contextmanager
def callers(root: Path, target: str, rate: float, seen: Seen) -> Iterator[None]:
    """Keep callers asking; afterwards `seen` holds what they saw."""
    result, rows = root / "build" / "seen.json", root / "build" / "bundle" / "golden.json"
    command = [sys.executable, "-m", "bench.steady_load", address(root, target), str(rows), str(result), str(rate)]
    with subprocess.Popen(command, cwd=results.ROOT, stdin=subprocess.PIPE) as process:
        try:
            yield
        finally:
            process.communicate()  # closes its standard input, which ends it
    assert process.returncode == 0, f"the callers ended with {process.returncode}"
    answers, failures = json.loads(result.read_bytes())
    seen.answers.extend(Answer(*each) for each in answers)
    seen.failures.extend(Failure(*each) for each in failures)


def pace(root: Path, target: str) -> float:
    """Ask as fast as the service answers for a while, and return how many requests a second the callers shall send."""
    seen = Seen([], [])
    with callers(root, target, MOST_PER_SECOND / SHARE, seen):
        time.sleep(PROBE_SECONDS)
    return round(SHARE * len(seen.answers) / (seen.answers[-1].at - seen.answers[0].at), 1)


def turn(root: Path, target: str, number: int) -> Cycle:
    """Deploy, roll back, and let deploys go on."""
    time.sleep(QUIET_SECONDS)
    deploy = run(root, target, "deploy", NEW)
    cold = target != "docker" or number % COLD_EVERY == 0
    if target == "docker" and cold:
        stop_standby(root)
    done = Cycle(cold, deploy, run(root, target, "rollback"), run(root, target, "resume"))
    rollback = f"{'cold' if cold else 'warm'} rollback {done.rollback.seconds:.1f} s"
    print(f"{target} {number}: deploy {deploy.seconds:.1f} s, {rollback}", flush=True)
    return done


def stop_standby(root: Path) -> None:
    """Stop the release before."""
    client = docker_engine.connect(near=True)
    for container in client.containers.list(filters={"label": [f"release.project={project.load(root).name}", f"release.tag={OLD}"]}):
        container.stop()
    client.close()


@contextmanager
def behind_ssh() -> Iterator[None]:
    """Have the verbs reach this machine's engine over ssh."""
    with tempfile.TemporaryDirectory() as folder, far.listen(Path(folder)) as host:
        os.environ |= {"DOCKER_HOST": host.url, ssh.CONFIG: str(host.config)}
        try:
            yield
        finally:
            ssh.find_tunnel(host.url).close()
            del os.environ["DOCKER_HOST"], os.environ[ssh.CONFIG]


def measure(root: Path, target: str, cycles: int) -> dict[str, Any]:
    """Measure a target."""
    run(root, target, "deploy", OLD)
    seen, rate = Seen([], []), pace(root, target)
    with callers(root, target, rate, seen):
        done = [turn(root, target, number) for number in range(1, cycles + 1)]
        time.sleep(QUIET_SECONDS)
    targets.load_target(project.load(root, target)).stop_all()
    return {
        "figures": {"aimed_per_second": rate, **switch_figures.figures(seen, done)},
        "callers": switch_figures.by_kind(seen),
        "failures": switch_figures.failures(seen, done),
        "cycles": switch_figures.table(seen, done),
    }


def row(target: str, found: dict[str, float]) -> list[str]:
    """Return a line of the table: medians, but for the counts."""
    counts = f"{found['requests']:,}", f"{found['requests_per_second']:.0f}", f"{found['failed']}"
    p99s = f"{found['p99_ms_outside']:.0f}", f"{found['p99_ms_during']:.0f}"
    names = ("deploy_seconds", "warm_seconds", "warm_switch_seconds", "cold_seconds", "cold_switch_seconds")
    return [target, *counts, *p99s, *(f"{found[name]:.2f}" if name in found else "–" for name in names)]


def main() -> None:
    """Measure each target, print the table and write the results."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cycles", type=int, default=CYCLES)
    options.add_argument("--target", choices=TARGETS, help="only this one")
    options.add_argument("--ssh", action="store_true", help="the target docker alone, over ssh to an sshd on this machine")
    asked = options.parse_args()
    chosen = ["docker"] if asked.ssh else [asked.target] if asked.target else TARGETS
    with ready(chosen) as root, behind_ssh() if asked.ssh else nullcontext():
        print("both releases are ready", flush=True)
        told = {SSH if asked.ssh else target: measure(root, target, asked.cycles) for target in chosen}
    print(results.markdown(HEAD, [row(target, each["figures"]) for target, each in told.items()]))
    print("\n".join(text for each in told.values() for text in each["failures"]))
    if asked.cycles == CYCLES:
        write(told)


def write(told: dict[str, dict[str, Any]]) -> None:
    """Write the results; those of a target that was not asked for stay."""
    path = results.RESULTS / "switching.json"
    before = json.loads(path.read_bytes()) if path.is_file() else {"figures": {}}
    figures = before["figures"] | {f"{target}_{name}": figure for target, each in told.items() for name, figure in each["figures"].items()}
    kept = {target: before[target] for target in (*TARGETS, SSH) if target in before}
    results.write("switching", figures, **(kept | told))


if __name__ == "__main__":
    main()
