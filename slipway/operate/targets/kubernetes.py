# ruff: noqa: D102  # `Target` documents them
"""Releases as the pods of a Kubernetes cluster, brought up by the chart of infra/. What a rollback needs is kept in the cluster."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from slipway.errors import Moved, PipelineError
from slipway.operate.chain import Deployment
from slipway.operate.journal import Event
from slipway.operate.targets import Fetch, cluster, images, pods
from slipway.operate.targets.cluster import STAGED, Chart, Cluster, Ended, Object
from slipway.operate.targets.images import LABEL, Images
from slipway.operate.targets.records import NAME, Lease, NotRecorded, Records, parse_release
from slipway.project import Project
from slipway.serving.manifest import Manifest

# A node may have to be brought up first, and the image pulled.
START_SECONDS = 300
# Beyond what the chart gives a pod to leave.
LATE_SECONDS = 5
# After so long a cluster sends no callers to a node that is down.
NODE_SECONDS = 60
POLL_SECONDS = 0.5
AT_ONCE = 8
WRITE = """import os, sys
os.makedirs("/tmp/access", exist_ok=True)
with open("/tmp/access/.part", "w") as part:
    part.write(sys.stdin.read())
os.replace("/tmp/access/.part", "/tmp/access/" + sys.argv[1])
"""


class NotReached(PipelineError):
    """No command can be run in a pod."""


class Kubernetes(Images):
    """The Deployment of the project's name has the live release, its annotations say which. Images are found by an engine near here."""

    def __init__(self, project: Project) -> None:
        super().__init__(project, near=True)
        self.cluster = Cluster(project)
        self.records = Records(self.cluster, project.name)
        self.chart = Chart(self.cluster, project.name, project.root)
        self.lock = Lease(self.cluster, f"{project.name}-lock")
        self.last_sequence: int | None = None

    def fetch_rollback_files(self, digest: str) -> Path:
        """Take the files from the cluster, so that a rollback needs neither registry nor engine; else from the image."""
        try:
            found = self.records.read_files(digest)
        except NotRecorded:
            return self.fetch_release(digest)
        folder = self.project.state / "kubernetes" / digest.removeprefix("sha256:") / "release"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in found.items():
                (folder / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise PipelineError(
                f"{folder} cannot be written: {error}. Nothing was changed. Next: make room there, or let this user write there."
            ) from error
        return folder

    def list_deployments(self) -> list[Deployment]:
        return list(map(parse_release, self.records.list_releases()))

    def read_live_sequence(self) -> int | None:
        found = self.cluster.read_object("deployment", self.project.name)
        return pods.read_sequence(found) if found else None

    def read_state(self) -> tuple[list[Event], int | None]:
        self.last_sequence = self.read_live_sequence()
        return self.read_history(), self.last_sequence

    @contextmanager
    def stage_release(self, deployment: Deployment, proven: bool) -> Iterator[Fetch | None]:
        """Start a pod that no caller reaches; not of a proven release, whose pods answer the golden rows before they are ready."""
        self.records.add_release(deployment, self.fetch_rollback_files(deployment.digest))
        if proven:
            yield None
            return
        self.chart.stage(self.build_values(deployment))
        try:
            self._wait(deployment, staged=True)
            yield self._build_fetch(cluster.name_staged_pod(self.project.name, deployment.sequence))
        finally:
            self.chart.unstage(deployment.sequence)

    def is_warm(self, deployment: Deployment) -> bool:  # noqa: ARG002  # the same for all
        """Only the live release runs: pods of the one before would cost as much as its own."""
        return False

    def switch_traffic(self, deployment: Deployment) -> None:
        """Have the cluster replace the pods, each once a new one is ready, and wait. Raises Moved."""
        cluster.retry_while_away(partial(self._install, deployment), cluster.PATIENCE_SECONDS)
        self.last_sequence = deployment.sequence
        self._wait(deployment)
        start = time.monotonic()
        # Callers with open connections are answered by the pods before until these leave. One on a node that is down leaves later.
        while left := pods.list_leaving(self.list_objects("pods"), deployment.sequence):
            if time.monotonic() > start + max(each["spec"]["terminationGracePeriodSeconds"] for each in left) + LATE_SECONDS:
                break
            time.sleep(POLL_SECONDS)

    def _install(self, deployment: Deployment) -> None:
        running = self.cluster.read_object("deployment", self.project.name)
        if (pods.read_sequence(running) if running else None) not in (self.last_sequence, deployment.sequence):
            raise Moved("Meanwhile, another deploy or rollback has switched traffic. Next: ./run status.")
        self.chart.install(self.build_values(deployment, running["spec"]["replicas"] if running else 0))

    def ask_live(self, *questions: tuple[str, Any]) -> dict[str, list[Any]]:
        """Ask each pod that callers are sent to; one that goes meanwhile is left out."""
        names = self._list_serving()
        if not names:
            raise PipelineError("No pod is ready, so nothing answers callers. Next: ./run status; kubectl get pods.")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = pool.map(partial(self._ask_pod, questions), names)
        return {name: each for name, each in zip(names, answers, strict=True) if each is not None}

    def _ask_pod(self, questions: tuple[tuple[str, Any], ...], name: str) -> list[Any] | None:
        """Ask a pod, None where it is gone. One that cannot be reached may be on a node that is down, of which the cluster learns late."""
        deadline = time.monotonic() + NODE_SECONDS
        while True:
            try:
                return self._build_fetch(name)(*questions)
            except NotReached:
                if time.monotonic() > deadline:
                    raise
            except PipelineError:
                if name in self._list_serving():
                    raise
            if name not in self._list_serving():
                return None
            time.sleep(POLL_SECONDS)

    def _build_fetch(self, name: str) -> Fetch:
        return images.build_fetch(partial(self._execute, name), name, "127.0.0.1:8080")

    def _execute(self, name: str, command: list[str], stdin: str) -> tuple[int, str]:
        # The text goes over its standard input, since words become part of an address.
        try:
            return 0, self.cluster.kubectl("exec", name, "--stdin", "--container", "release", "--", *command, stdin=stdin)
        except Ended as error:
            return 1, str(error)
        except PipelineError as error:
            raise NotReached(f"{name} cannot be asked: {error}") from error

    def read_running_digest(self) -> str:
        """Read the image of the pods that callers are sent to."""
        found = self.list_objects("pods,endpointslices")
        serving = pods.list_serving(found)
        names = {pods.read_image(each) for each in pods.select_kind(found, "Pod") if pods.read_name(each) in serving}
        return ", ".join(sorted(each.partition("@")[2] for each in names)) or "none"

    def describe_processes(self) -> str:
        """Count the restarts of the live release's pods: pods themselves may come and go."""
        found = pods.list_running(self.list_objects("pods"), self.read_live_sequence() or 0)
        return f"{pods.count_restarts(found)} in its pods"

    def discard_release(self, deployment: Deployment) -> None:
        """Remove its record; a first release that failed leaves nothing that serves."""
        if self.read_live_sequence() == deployment.sequence:
            self.chart.uninstall()
        self.records.remove_releases([deployment.sequence])

    def remove_old_releases(self, live: Deployment, kept: list[Deployment]) -> None:  # noqa: ARG002  # the cluster has stopped what was live
        """Remove the records and configs of releases that are not kept."""
        digests, releases = {each.digest for each in kept}, self.records.list_releases()
        going = [each for each in releases if parse_release(each).digest not in digests]
        self.records.remove_releases([pods.read_sequence(each) for each in going])
        needed = {cluster.name_config(self.project.name, each["data"]["config.toml"]) for each in releases if each not in going}
        configs = {pods.read_name(each) for each in self.cluster.list_objects("configmaps", f"{NAME}={self.project.name},{LABEL}config")}
        if configs - needed:
            self.cluster.delete_objects("configmaps", *sorted(configs - needed))

    def notify_monitoring(self, live: Deployment | None, start: bool = False) -> None:
        """Do nothing: a Prometheus finds the pods by their annotations."""

    def read_access(self) -> dict[str, str]:
        return self.records.read_access()

    def write_access(self, name: str, text: str) -> None:
        """Write it into each pod that answers, too: of its own a pod sees a change a minute later."""
        self.records.write_access(name, text)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answered = pool.map(lambda pod: self._execute(pod, ["python", "-I", "-S", "-c", WRITE, name], text), self._list_serving())
        if failed := [printed.strip() for code, printed in answered if code]:
            raise PipelineError(f"{name} is stored, but not written into each pod: {'; '.join(failed)}. Next: type the same again.")

    def append_event(self, event: Event) -> None:
        self.records.append_event(event)

    def read_history(self) -> list[Event]:
        return self.records.read_history()

    def format_address(self) -> str:
        """Name the Service; the way to it from outside the cluster is the platform's."""
        return f"service {self.project.name}"

    def stop_all(self) -> None:
        """Remove everything: pods, chain, history, lock."""
        self.chart.uninstall()
        self.cluster.delete_objects("pods,configmaps", "--selector", f"{NAME}={self.project.name}")
        self.lock.remove()

    def list_objects(self, kinds: str) -> list[Object]:
        """Return what there is for callers: of the Deployment, its pods and the Service's EndpointSlices."""
        found = self.cluster.list_objects(kinds, f"{NAME}={self.project.name}")
        return [each for each in found if pods.is_ours(each, self.project.name)]

    def _list_serving(self) -> list[str]:
        return pods.list_serving(self.list_objects("endpointslices"))

    def build_values(self, wanted: Deployment, now: int = 0) -> dict[str, Any]:
        """Return the chart's values for a release that is recorded; `now` is how many pods there are."""
        files = self.records.read_files(wanted.digest)
        apart = Manifest.model_validate_json(files["manifest.json"]).access_control
        return cluster.build_values(wanted, self.locate_release(wanted.digest), files["config.toml"], now, apart)

    def _read_log_end(self, name: str) -> str:
        try:
            lines = self.cluster.kubectl("logs", name, "--container", "release", "--tail", "5").strip().splitlines()
        except PipelineError:  # it has not begun
            return ""
        return "It said: " + " / ".join(lines)

    def _wait(self, wanted: Deployment, staged: bool = False) -> None:
        """Wait until a release runs. Raises PipelineError when it ends, or gets no further, with the reason; Moved as `switch`."""
        deadline, most, found = time.monotonic() + START_SECONDS, 0, list[Object]()
        while time.monotonic() < deadline:
            if staged:
                found = self.cluster.list_objects("pods", f"{NAME}={self.project.name},{STAGED}")
            else:
                found = self.list_objects("deployments,pods,endpointslices")
            mine = pods.list_running(found, wanted.sequence)
            _refuse_replaced(found, wanted, staged)
            for pod in mine:
                if failure := pods.explain_failure(pod):
                    raise PipelineError(f"{failure} {self._read_log_end(pods.read_name(pod))} Next: fix that, then try again.")
            ready = sum(map(pods.is_ready, mine))
            if ready if staged else pods.is_rolled_out(found, wanted.sequence):
                return
            if ready > most:  # nodes may have to be brought up, one after the other
                most, deadline = ready, time.monotonic() + START_SECONDS
            time.sleep(POLL_SECONDS)
        waiting = [pods.explain_waiting(each) for each in pods.list_running(found, wanted.sequence) if not pods.is_ready(each)]
        raise PipelineError(
            f"The release made no progress for {START_SECONDS} s. {'; '.join([*pods.list_refusals(found), *waiting])}. "
            "Next: kubectl describe pods; fix that, then try again."
        )


def _refuse_replaced(found: list[Object], wanted: Deployment, staged: bool) -> None:
    """Raise where the awaited pods will not come, since somebody else has put others in their place."""
    if staged and not pods.list_running(found, wanted.sequence):
        raise PipelineError("The staged pod is gone: another run has taken over, or its node is emptied. Next: ./run status.")
    if not staged and not pods.is_live(found, wanted.sequence):
        raise Moved("Meanwhile, another deploy or rollback has switched traffic. Next: ./run status.")
