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
from slipway.operate.targets import Fetch, chart, images, pods, records
from slipway.operate.targets.chart import Chart
from slipway.operate.targets.cluster import PATIENCE_SECONDS, Cluster, Ended, Object, patiently
from slipway.operate.targets.images import LABEL, Images
from slipway.operate.targets.lease import Lease
from slipway.operate.targets.records import NAME, NotRecorded, Records
from slipway.project import Project

# A node may have to be brought up first, and the image pulled.
START_SECONDS = 300
# Beyond what the chart gives a pod to leave.
LATE_SECONDS = 5
# After so long a cluster sends no callers to a node that is down.
NODE_SECONDS = 60
LOOK_SECONDS = 0.5
AT_ONCE = 8


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
        self.seen: int | None = None

    def recall(self, digest: str) -> Path:
        """Take from the cluster what a rollback needs, so that it takes neither registry nor engine; else from the image."""
        try:
            found = self.records.files(digest)
        except NotRecorded:
            return self.fetch(digest)
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

    def deployed(self) -> list[Deployment]:
        """Read the records."""
        return [records.deployment(each) for each in self.records.standing()]

    def live_sequence(self) -> int | None:
        """Read what the Deployment says."""
        found = self.cluster.read("deployment", self.project.name)
        return pods.sequence(found) if found else None

    def look(self) -> tuple[list[Event], int | None]:
        """Read both."""
        self.seen = self.live_sequence()
        return self.history(), self.seen

    @contextmanager
    def staged(self, wanted: Deployment) -> Iterator[Fetch]:
        """Start a pod that no caller is sent to."""
        self.records.add(wanted, self.recall(wanted.digest))
        self.chart.stage(self.values(wanted))
        try:
            self.wait(wanted, staged=True)
            name = chart.staged_name(self.project.name, wanted.sequence)
            yield images.build_fetch(partial(self.execute, name), name, "127.0.0.1:8080")
        finally:
            self.chart.unstage(wanted.sequence)

    def warm(self, deployment: Deployment) -> bool:  # noqa: ARG002  # the same for all
        """Only what is live runs: pods of a release before would cost as much as those that are asked."""
        return False

    def switch(self, deployment: Deployment) -> None:
        """Have the cluster put new pods in the place of those that run, each once a new one is ready, and wait. Raises Moved."""
        patiently(partial(self.apply, deployment), PATIENCE_SECONDS)
        self.seen = deployment.sequence
        self.wait(deployment)
        start = time.monotonic()
        # Callers with open connections are answered by the pods before until these leave. One on a node that is down leaves later.
        while left := pods.others(self.objects("pods"), deployment.sequence):
            if time.monotonic() > start + max(each["spec"]["terminationGracePeriodSeconds"] for each in left) + LATE_SECONDS:
                break
            time.sleep(LOOK_SECONDS)

    def apply(self, deployment: Deployment) -> None:
        """Have the cluster bring a release up, unless another was sent for since the last look. Raises Moved, and Away."""
        if self.live_sequence() not in (self.seen, deployment.sequence):
            raise Moved("Another deploy or rollback has switched meanwhile. Next: ./run status.")
        self.chart.install(self.values(deployment))

    def ask(self, *questions: tuple[str, Any]) -> dict[str, list[Any]]:
        """Ask each pod that callers are sent to; one that goes meanwhile is asked no more."""
        names = pods.called(self.objects("endpointslices"))
        if not names:
            raise PipelineError("No pod is ready, so nothing answers callers. Next: ./run status; kubectl get pods.")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = pool.map(partial(self.ask_one, questions), names)
        return {name: each for name, each in zip(names, answers, strict=True) if each is not None}

    def ask_one(self, questions: tuple[tuple[str, Any], ...], name: str) -> list[Any] | None:
        """Ask a pod, None where it is gone. One that cannot be reached may be on a node that is down, of which the cluster learns late."""
        deadline = time.monotonic() + NODE_SECONDS
        while True:
            try:
                return images.build_fetch(partial(self.execute, name), name, "127.0.0.1:8080")(*questions)
            except NotReached:
                if time.monotonic() > deadline:
                    raise
            except PipelineError:
                if name in pods.called(self.objects("endpointslices")):
                    raise
            if name not in pods.called(self.objects("endpointslices")):
                return None
            time.sleep(LOOK_SECONDS)

    def execute(self, name: str, command: list[str], given: str = "") -> tuple[int, str]:
        """Run a command in a pod; what it is given goes over its standard input, since words become part of an address."""
        try:
            return 0, self.cluster.kubectl("exec", name, "--stdin", "--container", "release", "--", *command, given=given)
        except Ended as error:
            return 1, str(error)
        except PipelineError as error:
            raise NotReached(f"{name} cannot be asked: {error}") from error

    def running_digest(self) -> str:
        """Read of which image the pods are that callers are sent to."""
        found = self.objects("pods,endpointslices")
        called = pods.called(found)
        references = {pods.image(each) for each in pods.of_kind(found, "Pod") if pods.name(each) in called}
        return ", ".join(sorted(each.partition("@")[2] for each in references)) or "none"

    def running(self) -> str:
        """Count the restarts of the live release's pods: pods themselves may come and go."""
        found = pods.running(self.objects("pods"), self.live_sequence() or 0)
        return f"{pods.restarts(found)} in its pods"

    def discard(self, deployment: Deployment) -> None:
        """Forget it; a first release that failed leaves nothing that serves."""
        if self.live_sequence() == deployment.sequence:
            self.chart.uninstall()
        self.records.remove([deployment.sequence])

    def tidy(self, live: Deployment, kept: list[Deployment]) -> None:  # noqa: ARG002  # the cluster has stopped what was live
        """Forget the releases that are not kept, with their configs."""
        digests, standing = {each.digest for each in kept}, self.records.standing()
        going = [each for each in standing if records.deployment(each).digest not in digests]
        self.records.remove([pods.sequence(each) for each in going])
        needed = {chart.config_name(self.project.name, each["data"]["config.toml"]) for each in standing if each not in going}
        configs = {pods.name(each) for each in self.cluster.listed("configmaps", f"{NAME}={self.project.name},{LABEL}config")}
        if configs - needed:
            self.cluster.delete("configmaps", *sorted(configs - needed))

    def tell(self, live: Deployment | None, begin: bool = False) -> None:
        """Nothing: a Prometheus finds the pods by their annotations."""

    def note(self, event: Event) -> None:
        """Write it into the cluster."""
        self.records.note(event)

    def history(self) -> list[Event]:
        """Read it there."""
        return self.records.history()

    def acquire(self, holder: dict[str, str], takeover: bool) -> None:
        """Take the Lease."""
        self.lock.acquire(holder, takeover)

    def holder(self) -> dict[str, str] | None:
        """Read the Lease."""
        return self.lock.holder()

    def release(self) -> None:
        """Give the Lease back."""
        self.lock.release()

    def where(self) -> str:
        """Name the Service; what leads to it from outside the cluster is the platform's."""
        return f"service {self.project.name}"

    def stop(self) -> None:
        """Take everything away: pods, chain, history, lock."""
        self.chart.uninstall()
        self.cluster.delete("pods,configmaps", "--selector", f"{NAME}={self.project.name}")
        self.lock.remove()

    def objects(self, kinds: str) -> list[Object]:
        """Return what there is for callers: of the Deployment, its pods and the Service's EndpointSlices."""
        found = self.cluster.listed(kinds, f"{NAME}={self.project.name}")
        return [each for each in found if pods.is_ours(each, self.project.name)]

    def values(self, wanted: Deployment) -> dict[str, Any]:
        """Return what the chart is given for a release that is recorded."""
        running = self.cluster.read("deployment", self.project.name)
        now = running["spec"]["replicas"] if running else 0
        return chart.values(wanted, self.predictor(wanted.digest), self.records.files(wanted.digest)["config.toml"], now)

    def staged_pods(self) -> list[Object]:
        """Return the pod that is staged."""
        return self.cluster.listed("pods", f"{NAME}={self.project.name},{chart.STAGED}")

    def said(self, name: str) -> str:
        """Return the end of a pod's log."""
        try:
            lines = self.cluster.kubectl("logs", name, "--container", "release", "--tail", "5").strip().splitlines()
        except PipelineError:  # it has not begun
            return ""
        return "It said: " + " / ".join(lines)

    def wait(self, wanted: Deployment, staged: bool = False) -> None:
        """Wait until a release runs as it shall. Raises PipelineError when it ends, or gets no further, and says why; Moved as `switch`."""
        deadline, most, found = time.monotonic() + START_SECONDS, 0, list[Object]()
        while time.monotonic() < deadline:
            found = self.staged_pods() if staged else self.objects("deployments,pods,endpointslices")
            mine = pods.running(found, wanted.sequence)
            self.refuse_taken(found, wanted, staged)
            for pod in mine:
                if said := pods.in_vain(pod):
                    raise PipelineError(f"{said} {self.said(pods.name(pod))} Next: mend that, and try again.")
            ready = sum(map(pods.is_ready, mine))
            if ready if staged else pods.is_rolled_out(found, wanted.sequence):
                return
            if ready > most:  # nodes may have to be brought up, one after the other
                most, deadline = ready, time.monotonic() + START_SECONDS
            time.sleep(LOOK_SECONDS)
        waiting = [pods.waits_for(each) for each in pods.running(found, wanted.sequence) if not pods.is_ready(each)]
        raise PipelineError(
            f"The release got no further for {START_SECONDS} s. {'; '.join([*pods.refused(found), *waiting])}. "
            "Next: kubectl describe pods; mend that, and try again."
        )

    def refuse_taken(self, found: list[Object], wanted: Deployment, staged: bool) -> None:
        """Raise where what is waited for will not come, since somebody else has put another in its place."""
        if staged and not pods.running(found, wanted.sequence):
            raise PipelineError("The staged pod is gone: another run has taken over, or its node is emptied. Next: ./run status.")
        if not staged and not pods.is_live(found, wanted.sequence):
            raise Moved("Another deploy or rollback has switched meanwhile. Next: ./run status.")
