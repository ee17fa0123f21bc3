"""A repository as on GitHub, the host that it deploys to, and `act`, which executes its real workflow files for an event."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from slipway import git, project
from slipway.errors import PipelineError
from slipway.operate import registry, targets
from slipway.operate.process import free_port
from slipway.operate.targets import containers
from slipway.operate.targets.docker import Docker
from slipway.watch import drift
from tests.conftest import wait_until

HERE = Path(__file__).parent
ACT = ("--pull=false", "-P", "ubuntu-24.04=-self-hosted", "--no-skip-checkout", "--no-cache-server")
# act 0.2.87 refuses to read this key, and ignores the environment otherwise.
UNKNOWN = ", deployment: false"
# What one pull request executes, and the others leave out, since it lasts minutes.
CHECKS = re.compile(r"^      - run: \./run (?:check|test)\n        if: .+\n", re.MULTILINE)
HOST_PYTHON = Path(getattr(sys, "_base_executable", sys.executable)).parent


@dataclass(frozen=True)
class Ran:
    """How a run ended: its summary, its artefacts, and the log for when an assertion fails."""

    code: int
    summary: str
    artifacts: Path
    log: str

    def ended(self, code: int) -> "Ran":
        """Return it. Fails with the log unless it is green for 0, red for 1."""
        assert self.code == code, self.log[-6000:]
        return self


class GitHub(BaseHTTPRequestHandler):
    """Keeps deployments with their statuses, and issues; knows of which commits an image is being built."""

    posted: list[tuple[str, dict[str, Any]]]
    issues: list[dict[str, Any]]
    building: list[str]

    def do_POST(self) -> None:
        asked = self.read()
        if self.path.endswith("/issues"):
            self.issues.append({"number": len(self.issues) + 1, "state": "open", **asked})
            return self.answer(201, self.issues[-1])
        if "/issues/" not in self.path:
            self.posted.append((self.path, asked))
        return self.answer(201, {"id": len(self.posted)})

    def do_PATCH(self) -> None:
        self.issues[int(self.path.rpartition("/")[2]) - 1].update(self.read())
        self.answer(200, {})

    def do_GET(self) -> None:
        """Answer what the workflows ask, and 404 to all else, as to a token without rights."""
        path, _, query = self.path.partition("?")
        if path.endswith("/issues"):
            return self.answer(200, [each for each in self.issues if each["state"] == "open"])
        if path.endswith("/runs"):
            status = "in_progress" if query.removeprefix("head_sha=") in self.building else "completed"
            return self.answer(200, {"workflow_runs": [{"status": status, "html_url": "https://the.build"}]})
        if path.endswith("/statuses"):
            return self.answer(200, [asked for to, asked in self.posted if to == path])
        if path.endswith("/deployments"):
            made = [{"id": number, **asked} for number, (to, asked) in enumerate(self.posted, 1) if to == path]
            return self.answer(200, [each for each in made[::-1] if f"environment={each['environment']}" in query])
        return self.answer(404, {"message": "Not Found"})

    def read(self) -> Any:
        """Return what was sent."""
        return json.loads(self.rfile.read(int(self.headers["content-length"])))

    def answer(self, status: int, content: Any) -> None:
        """Answer with JSON."""
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: object) -> None:
        return


@dataclass
class Scenario:
    """The repository: a working copy and a bare one, beside the runner's own home."""

    act: str
    work: Path
    registry: str
    name: str
    api: str
    posted: list[tuple[str, dict[str, Any]]]
    issues: list[dict[str, Any]]
    building: list[str]
    secrets: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def folder(self) -> Path:
        """Where all of it lies."""
        return self.work.parents[1]

    @property
    def bare(self) -> Path:
        """What GitHub would hold."""
        return self.folder / "origin.git"

    @property
    def images(self) -> str:
        """What IMAGE_REPOSITORY says, capitals and all."""
        return f"{self.registry}/{self.name}"

    @property
    def place(self) -> Docker:
        """The host, asked directly."""
        found = targets.load_target(project.load(self.work))
        assert isinstance(found, Docker)
        return found

    def git(self, *words: str) -> str:
        """Run git in the working copy."""
        return git.run_git(self.work, *words)

    def commit(self, message: str, rows: pd.DataFrame | None = None) -> str:
        """Commit other training data, or nothing, and return the commit."""
        if rows is not None:
            rows.to_csv(self.work / "data" / "train.csv", index=False)
        self.git("commit", "--quiet", "--all", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def stored(self, tag: str) -> str | None:
        """Return the digest of a commit's image in the registry, or of the pointer `production`."""
        return registry.fetch_digest(self.place.client, f"{project.load(self.work).image_name}:{tag}")

    def run(
        self, workflow: str, event: str, ref: str, commit: str, job: str = "", secrets: bool = True, checks: bool = True, **payload: Any
    ) -> Ran:
        """Execute a workflow, as it is in a commit, on a runner that nothing is left on; without `checks`, not its linters and tests."""
        runner = self.folder / f"run-{next(self.numbers)}"
        for name in ("workspace", "home", "artifacts", "cache"):
            (runner / name).mkdir(parents=True)
        text = git.run_git(self.bare, "cat-file", "blob", f"{commit}:.github/workflows/{workflow}.yml")
        executed = text if checks else CHECKS.sub("", text)
        for old, new in {UNKNOWN: "", **self.elsewhere}.items():
            executed = executed.replace(old, new)
        (runner / "workflow.yml").write_text(executed)
        told = {"visibility": "private", **payload.pop("repository", {}), "default_branch": "main", "full_name": self.name}
        (runner / "event.json").write_text(json.dumps({"ref": ref, "repository": told, **payload}))
        (runner / "bash_env").write_text(f"export GITHUB_STEP_SUMMARY={runner}/summary.md\n")
        own = {"GITHUB_REPOSITORY": self.name, "GITHUB_REF": ref, "SHA_REF": commit, "GITHUB_API_URL": self.api, "GITHUB_RUN_ID": "1"}
        words = [
            self.act,
            event,
            *ACT,
            "-C",
            str(runner / "workspace"),
            "-W",
            str(runner / "workflow.yml"),
            "-e",
            str(runner / "event.json"),
        ]
        words += ["--action-cache-path", str(runner / "cache"), "--actor", "somebody", "-s", "GITHUB_TOKEN=token"]
        words += ["--var", f"IMAGE_REPOSITORY={self.images}", *(["-j", job] if job else []), *stand_ins(text)]
        words += [word for name, value in own.items() for word in ("--env", f"{name}={value}")]
        words += [word for name, value in self.secrets.items() if secrets for word in ("-s", f"{name}={value}")]
        done = subprocess.run(words, env=self.environment(runner), capture_output=True, text=True, check=False)
        said = runner / "summary.md"
        summary = said.read_text() if said.exists() else ""
        return Ran(done.returncode, summary, runner / "artifacts", done.stdout + done.stderr)

    def environment(self, runner: Path) -> dict[str, str]:
        """Return what the steps inherit: nothing of the person but the way to packages; the stand-ins, packages that are there already."""
        kept = ("LANG", "DOCKER_BUILD_OPTIONS", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "SSL_CERT", "UV_", "PIP_")
        return {
            **{name: value for name, value in os.environ.items() if name.startswith(kept)},
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")),
            "PATH": os.pathsep.join([str(HERE), str(HOST_PYTHON), os.environ["PATH"]]),
            "HOME": str(runner / "home"),
            "BASH_ENV": str(runner / "bash_env"),
            "OMP_NUM_THREADS": "1",
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.folder / 'mlflow.db'}",
            "STAND_INS": str(HERE / "actions"),
            "SCENARIO_REPOSITORY": str(self.bare),
            "SCENARIO_VENV": sys.prefix,
            "SCENARIO_ARTIFACTS": str(runner / "artifacts"),
            "SCENARIO_COMMENTS": str(self.folder / "comments.json"),
            "SCENARIO_CACHE": str(self.folder / "kept"),
            **self.broken,
        }

    @contextmanager
    def without_index(self) -> Iterator[None]:
        """Have no package index, and nothing in a cache of this machine."""
        nowhere = "http://127.0.0.1:9/simple"
        self.broken = {
            "UV_DEFAULT_INDEX": nowhere,
            "PIP_INDEX_URL": nowhere,
            "UV_CACHE_DIR": str(self.folder / "empty"),
            "UV_HTTP_RETRIES": "0",
        }
        yield
        self.broken = {}

    def merge(self, commit: str, **payload: Any) -> Ran:
        """Push to main, and do what that starts."""
        self.git("push", "--quiet", "--force", "origin", f"{commit}:refs/heads/main")
        return self.run("train-validate-build-push", "push", "refs/heads/main", commit, after=commit, deleted=False, **payload)

    def pull_request(self, number: int, base: str, commit: str, owner: str = "", checks: bool = False) -> Ran:
        """Open a pull request, and do what that starts."""
        self.git("push", "--quiet", "origin", f"{commit}:refs/pull/{number}/head")
        head = {"sha": commit[::-1], "ref": "change", "repo": {"full_name": owner or self.name}}
        opened = {"base": {"sha": base, "ref": "main"}, "head": head, "number": number}
        ref = f"refs/pull/{number}/merge"
        return self.run("ci", "pull_request", ref, commit, job="comment", checks=checks, number=number, pull_request=opened)

    def merge_and_tag(self, commit: str, name: str, **payload: Any) -> tuple[Ran, Ran]:
        """Push to main, and a tag right after it, while the image is being built; returns what both start."""
        ran: list[Ran] = []
        self.building.append(commit)

        def build() -> None:
            ran.append(self.merge(commit, **payload))
            self.building.remove(commit)

        merging = threading.Thread(target=build)
        merging.start()
        tagged = self.tag(name, commit)
        merging.join()
        return ran[0], tagged

    @contextmanager
    def watched(self, container: str, tag: str) -> Iterator[str]:
        """Have a Prometheus on the host's loopback scrape a release; yields where the runner asks it: here both loopbacks are one."""
        [image] = re.findall(r"PROMETHEUS_IMAGE:-([^}]+)\}", (self.work / "infra" / "compose.yaml").read_text())
        scraped = {"targets": [f"{container}:8080"], "labels": {"release": tag}}
        config = {"scrape_configs": [{"job_name": "release", "scrape_interval": "1s", "static_configs": [scraped]}]}
        published: Any = {"9090/tcp": ("127.0.0.1", None)}
        server = self.place.client.containers.create(image, network=self.place.project.name, ports=published)
        try:
            containers.write_files(server, "/etc", {"prometheus/prometheus.yml": json.dumps(config)})
            server.start()
            server.reload()
            [published_at] = server.ports["9090/tcp"] or [{}]
            there = f"127.0.0.1:{published_at['HostPort']}"
            wait_until(lambda: knows_live(f"http://{there}"))
            here = f"127.0.0.1:{free_port()}"
            self.elsewhere = {"127.0.0.1:9090": here, ':${LOCAL#http://}"': f':{there}"'}
            yield here
        finally:
            self.elsewhere = {}
            server.remove(force=True, v=True)

    def tag(self, name: str, commit: str, **settings: Any) -> Ran:
        """Push a tag, and do what that starts."""
        self.git("tag", name, commit)
        self.git("push", "--quiet", "origin", name)
        return self.run("deploy", "push", f"refs/tags/{name}", commit, after=commit, deleted=False, **settings)

    def press(self, workflow: str, secrets: bool = True, **inputs: Any) -> Ran:
        """Press a button on the default branch. As on GitHub, the event has a tick as a word."""
        given = {name: str(value).lower() if isinstance(value, bool) else value for name, value in inputs.items()}
        return self.run(workflow, "workflow_dispatch", "refs/heads/main", git.read_head(self.bare), secrets=secrets, inputs=given)


def knows_live(prometheus: str) -> bool:
    """Tell whether a Prometheus has counts of a release, in two scrapes."""
    try:
        return bool(drift.Prometheus(prometheus).query(drift.LIVE))
    except PipelineError:  # it does not listen yet
        return False


def stand_ins(workflow: str) -> list[str]:
    """Return which folder is used for each pinned action."""
    used = sorted(set(re.findall(r"uses: ([\w.-]+)/([\w.-]+)(?:/[\w.-]+)*@([0-9a-f]{40})", workflow)))
    pins = [(f"{owner}/{name}@{commit}", name) for owner, name, commit in used]
    return [word for pin, name in pins for word in ("--local-repository", f"{pin}={HERE / 'actions' / name}")]


@contextmanager
def github() -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]], list[dict[str, Any]], list[str]]]:
    """Answer as GitHub's API; yields its address, what it was told, its issues, and the commits whose image is being built."""
    posted, issues, building = list[tuple[str, dict[str, Any]]](), list[dict[str, Any]](), list[str]()
    handler = type("Handler", (GitHub,), {"posted": posted, "issues": issues, "building": building})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", posted, issues, building
        server.shutdown()


def prepare(work: Path) -> None:
    """Give a baked project a port and a name of its own, short watching and budgets for a busy machine, and a bare repository."""
    path = work / "project.toml"
    text = path.read_text(encoding="utf-8").replace("127.0.0.1:8080", f"127.0.0.1:{free_port()}")
    text, _, _ = text.partition("[watch]")
    text = text.replace("seconds = 30", "seconds = 3").replace("p99_ms = 250", "p99_ms = 2000").replace("p99_ms = 1000", "p99_ms = 2000")
    text += f'[environments.staging]\naddress = "127.0.0.1:{free_port()}"\n'
    path.write_text(re.sub(r'^name = ".*"', f'name = "story-{uuid.uuid4().hex[:8]}"', text, flags=re.MULTILINE), encoding="utf-8")
    bare = work.parents[1] / "origin.git"
    git.run_git(work, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    git.run_git(bare, "config", "uploadpack.allowAnySHA1InWant", "true")
    git.run_git(work, "remote", "add", "origin", str(bare))
    shutil.rmtree(work / "build", ignore_errors=True)
