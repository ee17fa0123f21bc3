"""What tests share: a project of their own to travel the road on, and a Docker engine, or the reason why there is none."""

import gc
import io
import json
import os
import re
import runpy
import shutil
import sys
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
from docker.errors import DockerException, ImageNotFound
from docker.models.containers import Container

from slipway import git, http_client, project, rehearsal
from slipway.cli import ROOT, main
from slipway.errors import PipelineError
from slipway.operate import chain, journal, targets
from slipway.operate.chain import Deployment
from slipway.operate.process import free_port
from slipway.operate.switch import read_state
from slipway.operate.targets import Target
from slipway.serving.manifest import read
from slipway.serving.parity import TOLERANCE, distance
from tests.library import cluster, warned
from tests.library.cluster import Namespace

# Read when scikit-learn is imported, which is later: fitting with more threads than free cores takes ten times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# On request, since they take long: some faults want root, and the workflows want act on the PATH.
collect_ignore = ["library/faults", "template/workflows"]
MARKERS = (
    "docker: needs a Docker engine",
    "kubernetes: needs a Docker engine and a Kubernetes cluster",
    "road: takes the road for real, which lasts minutes",
)
REGISTRY = "registry:2"
PROJECT = """name = "{name}"

[image]
repository = "registry.invalid/{name}"

[deploy]
target = "docker"
address = "127.0.0.1:{port}"

[budget]
p99_ms = 1000
image_mb = 1000

[bake]
seconds = 0
max_error_share = 0.01
p99_ms = 1000
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="also what takes the road for real, or needs a Docker engine: half an hour")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Leave out what takes long, unless it is asked for: with --all, by a file's name or by -m."""
    warned.pytest_configure(config)
    for each in MARKERS:
        config.addinivalue_line("markers", each)
    asked = config.getoption("all") or config.getoption("markexpr") or config.args_source is config.ArgsSource.ARGS
    if not asked:
        config.option.markexpr = "not (road or docker or kubernetes)"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests of what the model does not have, such as numbers: pytest would skip each. Files that take minutes come first."""
    without = [
        item for item in items if any("got empty parameter set" in mark.kwargs.get("reason", "") for mark in item.iter_markers("skip"))
    ]
    if without:
        items[:] = [item for item in items if item not in without]
        config.hook.pytest_deselected(items=without)
    long = {item.path for item in items if item.get_closest_marker("road")}
    items.sort(key=lambda item: item.path not in long)  # else one worker has these left when the other is done


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs an engine where none answers; with REQUIRE_DOCKER=1 that is a failure."""
    if item.get_closest_marker("docker") and (reason := no_engine()):
        if os.environ.get("REQUIRE_DOCKER") == "1":
            pytest.fail(f"REQUIRE_DOCKER=1, and {reason}", pytrace=False)
        pytest.skip(reason)
    if item.get_closest_marker("kubernetes") and (reason := cluster.missing()):
        if os.environ.get("REQUIRE_CLUSTER") == "1":
            pytest.fail(f"REQUIRE_CLUSTER=1, and {reason}", pytrace=False)
        pytest.skip(f"{reason}; tests/library/cluster.py says what it takes")


@cache
def no_engine() -> str | None:
    """Return why there is no Docker engine to test with, None where there is one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the library drops the socket that it could not connect
        try:
            client = docker.from_env()
        except DockerException as error:
            return f"no Docker engine answers: {error}"
        finally:
            gc.collect()
    try:
        system = client.version()["Os"]
    finally:
        client.close()
    return None if system == "linux" else f"the Docker engine runs {system} containers"


@pytest.fixture(scope="session", autouse=True)
def _apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep tests away from the person's git settings, registry, tracking server and job summary. DOCKER_HOST stays."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [*(each for each in os.environ if each.startswith("GIT_")), "IMAGE_REPOSITORY", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"]:
            patch.delenv(name, raising=False)
        for name in [each for each in os.environ if each.upper() in http_client.VARIABLES and os.environ[each].startswith("socks")]:
            patch.delenv(name)  # the tests' own clients do without
        http_client.bypass_proxy()
        for role in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{role}_NAME", "Test")
            patch.setenv(f"GIT_{role}_EMAIL", "test@example.invalid")
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}")
        yield


@dataclass(frozen=True)
class Registry:
    """An image registry on the loopback."""

    address: str
    container: Container

    @contextmanager
    def down(self) -> Iterator[None]:
        """Take it off the network for a while."""
        self.container.kill()
        try:
            yield
        finally:
            self.container.start()
            self.wait()

    def wait(self) -> None:
        """Wait until it answers."""
        wait_until(lambda: answers(f"http://{self.address}/v2/"))


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    client, port = docker.from_env(), free_port()
    try:
        client.images.get(REGISTRY)
    except ImageNotFound:
        client.images.pull(REGISTRY)
    published: Any = {"5000/tcp": ("127.0.0.1", port)}
    deletes = {"REGISTRY_STORAGE_DELETE_ENABLED": "true"}  # for ./run prune
    container = client.containers.run(REGISTRY, detach=True, ports=published, labels={"tests": "registry"}, environment=deletes)
    try:
        found = Registry(f"127.0.0.1:{port}", container)
        found.wait()
        yield found
    finally:
        container.remove(force=True, v=True)
        client.close()


@pytest.fixture(scope="session")
def namespace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Namespace]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADMIN_KUBECONFIG", os.environ.get("KUBECONFIG", ""))
        with cluster.namespace(tmp_path_factory.mktemp("cluster")) as found:
            patch.setenv("KUBECONFIG", str(found.kubeconfig))
            yield found


# Stand-ins of what watches: what infra/compose.yaml names, run as nobody as the real images are; of Grafana only the port is used.
WATCHING = {
    "prometheus": "FROM {image}\nUSER root\nRUN mkdir -p /prometheus && chown 65534:65534 /prometheus\nUSER 65534:65534\n",
    "alertmanager": "FROM {image}\nUSER root\nRUN mkdir -p /alertmanager && chown 65534:65534 /alertmanager\nUSER 65534:65534\n",
    "grafana": 'FROM python:3.13-slim\nWORKDIR /tmp\nUSER 65534:65534\nCMD ["python", "-m", "http.server", "3000"]\n',
}


@pytest.fixture(scope="module")
def watching_images() -> Iterator[dict[str, str]]:
    """Have what watches run on images that need no internet; yields the variables of infra/compose.yaml that say so."""
    client, variables = docker.from_env(), {f"{name.upper()}_IMAGE": f"slipway-tests/{name}" for name in WATCHING}
    compose = (ROOT / "infra" / "compose.yaml").read_text(encoding="utf-8")
    for name, text in WATCHING.items():
        [image] = re.findall(rf"\$\{{{name.upper()}_IMAGE:-([^}}]+)\}}", compose)
        client.images.build(fileobj=io.BytesIO(text.format(image=image).encode()), tag=f"slipway-tests/{name}", rm=True)
    client.close()
    with pytest.MonkeyPatch.context() as patch:
        for variable, image in variables.items():
            patch.setenv(variable, image)
        yield variables


@dataclass(frozen=True)
class Said:
    """How a verb ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Both, with line ends and table borders as single spaces, so that a sentence is found wherever it is broken."""
        return " ".join((self.out + self.err).split())


@dataclass
class Road:
    """A copy of the project, with its own git history, and what stands on one target. Verbs run in this process."""

    root: Path
    target: str = "local"
    digests: dict[str, str] = field(default_factory=dict)
    namespace: Namespace | None = None

    @classmethod
    def copied(cls, root: Path, replicas: int = 2) -> "Road":
        """Copy the project, give it a name and a port of its own, and make the first commit. `replicas`: pods on a cluster."""
        rehearsal.copy(ROOT, root)
        own = PROJECT.format(name=f"road-{uuid.uuid4().hex[:8]}", port=free_port())
        (root / "project.toml").write_text(own, encoding="utf-8")
        cluster.shrink(root, replicas)
        git.run_git(root, "init", "--quiet", "--initial-branch=main")
        road = cls(root)
        road.commit("The project")
        return road

    @property
    def project(self) -> project.Project:
        """The project, as the verbs see it."""
        return project.load(self.root, self.target)

    @property
    def place(self) -> Target:
        """The target."""
        return targets.load_target(self.project)

    def git(self, *words: str) -> str:
        """Run git in the project."""
        return git.run_git(self.root, *words)

    def commit(self, message: str) -> str:
        """Commit everything and return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def run(self, *words: str) -> Said:
        """Run a verb."""
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            code = main([*words, "--target", self.target], root=self.root)
        return Said(code, out.getvalue(), err.getvalue())

    def must(self, *words: str) -> Said:
        """Run a verb that has to succeed."""
        said = self.run(*words)
        assert said.code == 0, said.text
        return said

    def kept(self, tag: str) -> Path:
        """Where the bundle of a tag and its verdict are kept."""
        return self.root.with_name("kept") / tag

    def make(self, tag: str, champion: str = "none") -> None:
        """Commit, train, judge and tag."""
        self.commit(tag)
        self.must("train")
        self.must("validate", "--champion", champion)
        self.git("tag", tag)
        shutil.copytree(self.root / "build", self.kept(tag))

    def checkout(self, tag: str) -> None:
        """Go to a tag, with the bundle and the verdict that were made there."""
        self.git("checkout", "--quiet", "--force", tag)
        self.git("clean", "--quiet", "--force", "-d")
        shutil.rmtree(self.root / "build", ignore_errors=True)
        if self.kept(tag).is_dir():
            shutil.copytree(self.kept(tag), self.root / "build")

    def store(self, tag: str) -> None:
        """Build and push what was made."""
        self.checkout(tag)
        self.must("build")
        self.must("push")
        self.digests[tag] = json.loads((self.root / "build" / "release.json").read_bytes())["digest"]
        if self.namespace:
            cluster.pull(f"{self.project.image_name}@{self.digests[tag]}")

    def stand(self, *tags: str) -> None:
        """Have these releases deployed, each over the one before, and nothing else. Changes nothing where that is so."""
        if self.standing() != list(tags):
            self.stop()
            for tag in tags:
                self.must("deploy", tag)
        elif journal.find_hold(self.place.read_history()):
            self.must("resume")

    def standing(self) -> list[str]:
        """Return the tags from the first release of the chain to the live one."""
        state, found = read_state(self.place), list[Deployment]()
        live = state.live
        with suppress(PipelineError):
            while live:
                found.append(live)
                live = chain.find_prior(state.proven, live, None)
        return [each.tag for each in reversed(found)]

    def stop(self) -> None:
        """Stop everything and forget what was deployed; what was pushed stays."""
        self.place.stop_all()
        state = self.root / ".deploy" / "local"
        for each in [state / "current", state / "production", state / "history.jsonl", *state.glob("releases/*/deployment.json")]:
            each.unlink(missing_ok=True)

    @property
    def url(self) -> str:
        """The public address."""
        if self.namespace is None:
            return f"http://{self.project.address}"
        return f"http://{self.namespace.node}:{cluster.node_port(self.root)}"

    def serves(self, tag: str) -> None:
        """Hold the answers at the public address against the release of a tag."""
        bundle = self.kept(tag) / "bundle"
        named = httpx.get(f"{self.url}/healthz").raise_for_status().headers
        assert (named["x-release"], named["x-release-digest"]) == (tag, self.digests[tag])
        for [version] in self.place.ask_live(("/version", None)).values():
            assert version["manifest_sha256"] == read(bundle)[1]
        golden = json.loads((bundle / "golden.json").read_bytes())
        answered = httpx.post(f"{self.url}/predict", json=golden["rows"]).raise_for_status().json()["predictions"]
        assert distance(answered, golden["answers"]) <= TOLERANCE

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Hold that what is done here changes nothing: the same release serves, and nothing half done is left."""
        before, deployed = self.standing(), self.recorded()
        yield
        self.serves(before[-1])
        assert (self.standing(), self.recorded()) == (before, deployed)
        assert self.place.lock.read_holder() is None

    def recorded(self) -> set[tuple[str, int, int | None]]:
        """Return what the target recorded."""
        return {(each.tag, each.sequence, each.previous) for each in self.place.list_deployments()}


def link_environment(root: Path) -> Path:
    """Give a project an environment to work in, and return it: the packages that run the tests."""
    made: Path = runpy.run_path(str(root / "run"))["folder_of"]("work")
    made.mkdir(parents=True, exist_ok=True)
    for name in ("bin", "lib", "pyvenv.cfg"):
        (made / name).symlink_to(Path(sys.prefix) / name)
    (made / "made").touch()
    return made


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition. Fails when that takes a minute, or so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answers(url: str) -> bool:
    """Tell whether something answers."""
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False
