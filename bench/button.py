"""From the press of a button to its proof, step by step: the workflow's own commands, each time in a new clone with an empty home."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import yaml

from bench import results, switching
from bench.two_releases import NEW, OLD, ready
from slipway import project
from slipway.operate import ssh
from tests.template.workflows.scenario import github

NOWHERE, ROUNDS, PYTHON = "http://127.0.0.1:9", 3, getattr(sys, "_base_executable", sys.executable)
INDEX, LEDGER = {"PIP_INDEX_URL": NOWHERE, "PIP_RETRIES": "0"}, {"MLFLOW_TRACKING_URI": NOWHERE}
# Whether packages are kept, and what is down. From LAST on so is the registry, without which nothing is deployed.
CASES = {"no cache": (False, {}), "cache": (True, {}), "cache, index down": (True, INDEX), "cache, MLflow down": (True, LEDGER)}
CASES |= {(LAST := "cache, registry down"): (True, {}), "cache, all three down": (True, INDEX | LEDGER)}
COLUMNS = {"git clone": "clone", "./run host": "environment, host", "./run wait": "wait", "./run record": "record"}
STEPS = ("clone", "environment, host", "wait", "verb", "to the proof", "after it", "record")


def run(script: str, clone: Path, variables: dict[str, str]) -> float:
    """Run a step, and return when it printed its proof, or else ended."""
    with subprocess.Popen(["bash", "-e", "-c", script], cwd=clone, env=variables, stdout=subprocess.PIPE, text=True) as process:
        proofs = [time.monotonic() for line in process.stdout or () if switching.PROOF.search(line.rstrip())]
    assert process.returncode == 0, f"{script} ended with {process.returncode}"
    return proofs[0] if proofs else time.monotonic()


def press(root: Path, name: str, wheels: Path | None, variables: dict[str, str]) -> dict[str, float]:
    """Press a button once, and return the seconds of each step. A deploy takes the verdict that the release carries."""
    job = yaml.safe_load((root / ".github" / "workflows" / f"{name}.yml").read_text())["jobs"][name]
    steps = [each["run"] for each in job["steps"] if each.get("run", "").startswith((f"./run {name}", *COLUMNS))]
    restore = f" && mkdir .environments && cp -r {wheels} .environments/wheels" if wheels else ""
    with tempfile.TemporaryDirectory() as folder, github() as (api, *_):
        home, clone, took = Path(folder), Path(folder) / "clone", dict.fromkeys(STEPS, 0.0)
        clone.mkdir()
        (home / "python3").symlink_to(PYTHON)
        (home / "ENV").touch()
        own = {name: value for name, value in os.environ.items() if "CERT" in name or name.lower().endswith("_proxy")}
        own |= {"HOME": folder, "PATH": f"{home}:/usr/local/bin:/usr/bin:/bin", "GITHUB_API_URL": api, "GITHUB_SERVER_URL": api}
        own |= {f"GITHUB_{each}": str(home / each) for each in ("ENV", "OUTPUT", "STEP_SUMMARY")} | {"GITHUB_JOB": name}
        for script in (f"git clone --quiet {root} .{restore}", *steps):
            exported = dict(each.split("=", 1) for each in (home / "ENV").read_text().splitlines())
            start, column = time.monotonic(), COLUMNS.get(" ".join(script.split()[:2]), "verb")
            proof = run(script.replace(" --judge-again", ""), clone, own | variables | exported)
            took[column], took["after it"] = took[column] + proof - start, took["after it"] + time.monotonic() - proof
        return took | {"to the proof": sum(took[each] for each in STEPS[:4])}


def main() -> None:
    """Press both buttons in each case, and print the medians."""
    rows, buttons = list[list[str]](), {"rollback": "", "deploy": NEW}
    with ready(["docker"]) as root, switching.behind_ssh(), tempfile.TemporaryDirectory() as kept:
        run(f"{PYTHON} -m pip download -q --require-hashes --only-binary=:all: -r requirements/operate.txt -d {kept}", root, {**os.environ})
        keys, url = Path(os.environ[ssh.CONFIG]).parent / ".ssh", os.environ["DOCKER_HOST"]
        given = {"DOCKER_HOST": url, "DEPLOY_HOST": url.removeprefix("ssh://"), "DEPLOY_KNOWN_HOSTS": (keys / "known_hosts").read_text()}
        given |= {"DEPLOY_SSH_KEY": (keys / "id_ed25519").read_text(), "WHERE": "production", "REASON": "measured", "OUTCOME": "success"}
        given |= {"GITHUB_TOKEN": "t", "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "1", "ACCEPT": "", "RESUME": "--resume"}
        for tag in (OLD, NEW):
            switching.run(root, "docker", "deploy", tag)
        for case, (there, down) in CASES.items():
            if case == LAST:
                run(f"docker -H unix:// kill {project.load(root).name}-registry", root, {**os.environ})
                del buttons["deploy"]
            wheels, took = Path(kept) if there else None, list[dict[str, dict[str, float]]]()
            for _ in range(ROUNDS):
                took.append({name: press(root, name, wheels, given | down | {"TAG": tag}) for name, tag in buttons.items()})
                if "deploy" not in buttons:
                    switching.run(root, "docker", "rollback", "--to", NEW)
            rows += [[name, case, *(f"{median(each[name][step] for each in took):.1f}" for step in STEPS)] for name in buttons]
    print(results.markdown(("button", "there", *STEPS), rows))


if __name__ == "__main__":
    main()
