"""A Kubernetes cluster, through `kubectl` and `helm`, which know every way to sign in."""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from slipway.errors import PipelineError
from slipway.operate.chain import Deployment
from slipway.operate.targets.images import label_deployment
from slipway.project import Project
from slipway.say import warn

Object = dict[str, Any]
T = TypeVar("T")
# A control plane that is restarted, or updated, is away for about so long.
PATIENCE_SECONDS = 120.0
# A node that is gone does not end a command that runs there.
COMMAND_SECONDS = 90
AWAY = re.compile(
    r"was refused|connection refused|Unable to connect|cluster unreachable|i/o timeout|TLS handshake|EOF|ServiceUnavailable|etcdserver"
    r"|connection (reset|lost)|no route to host|request canceled|Client\.Timeout|deadline exceeded|apiserver not ready"
)
CONFLICT = re.compile(r"\((AlreadyExists|Conflict)\)|the test operation|object has been modified")
# The end of kubectl's message when a command in a pod has failed: the command's own output is before it.
ENDED = re.compile(r"\s*command terminated with exit code \d+$")
# Where to get what is missing here.
TOOLS = {"kubectl": "https://kubernetes.io/docs/tasks/tools", "helm": "https://helm.sh/docs/intro/install"}
# The ports of a pod.
CALLERS, INSIDE = 8000, 8080
STAGED = "app.kubernetes.io/component=staged"


class Conflict(PipelineError):
    """Another wrote the same object meanwhile."""


class Gone(PipelineError):
    """There is no such object any more."""


class Away(PipelineError):
    """The cluster does not answer."""


class Ended(PipelineError):
    """A command in a pod failed; the message is its output."""


class Cluster:
    """The cluster and the namespace of the kubeconfig's context, as the person or the workflow has them."""

    def __init__(self, project: Project) -> None:
        self.context = project.context
        self.reached = False

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """Run kubectl and return its output. Raises PipelineError; where the cluster answered before, Away only after some patience."""
        context = (f"--context={self.context}",) if self.context else ()
        command = ("kubectl", *context, "--request-timeout=30s", *words)
        return retry_while_away(lambda: self._run(command, stdin), PATIENCE_SECONDS if self.reached else 0)

    def helm(self, *words: str, stdin: str | None = None) -> str:
        """Run helm, once, and return its output. Raises PipelineError."""
        context = (f"--kube-context={self.context}",) if self.context else ()
        return self._run(("helm", *context, *words), stdin)

    @cached_property
    def helm_version(self) -> str:
        """The version of helm here, such as v3.22.0."""
        return self.helm("version", "--template", "{{.Version}}")

    def _run(self, command: tuple[str, ...], stdin: str | None) -> str:
        done = run_command(command, stdin)
        if done.returncode != 0:
            raise build_error(command, done.stderr.strip())
        self.reached = True
        return done.stdout

    def list_objects(self, kinds: str, selector: str) -> list[Object]:
        """Return the objects of some kinds that have these labels."""
        found: list[Object] = json.loads(self.kubectl("get", kinds, "--selector", selector, "--output", "json"))["items"]
        return found

    def read_object(self, kind: str, name: str) -> Object | None:
        """Return an object, None where there is none."""
        text = self.kubectl("get", kind, name, "--ignore-not-found", "--output", "json")
        found: Object | None = json.loads(text) if text else None
        return found

    def write_object(self, verb: str, content: Object) -> None:
        """Create or replace an object, the latter where nobody wrote it since it was read. Raises Conflict."""
        self.kubectl(verb, "--filename", "-", stdin=json.dumps(content))

    def delete_objects(self, kinds: str, *which: str) -> None:
        """Delete objects by name or by selector, and do not wait for their end."""
        self.kubectl("delete", kinds, *which, "--ignore-not-found", "--wait=false")

    def kill_pods(self, *which: str) -> None:
        """Delete pods without callers at once: one on a node that is down would never end by itself."""
        self.delete_objects("pods", *which, "--force", "--grace-period=0")


class Chart:
    """The chart of infra/, installed for one release. Its revisions are not the chain: a release is always applied as a whole."""

    def __init__(self, cluster: Cluster, name: str, root: Path) -> None:
        self.cluster, self.name, self.folder = cluster, name, str(root / "infra" / "chart")

    def install(self, values: dict[str, Any]) -> None:
        """Have the cluster bring up a release in the place of the live one; it goes on by itself. Raises PipelineError."""
        # What a Helm that was killed has begun: it would have every other wait for it.
        self.cluster.delete_objects("configmaps", "--selector", f"owner=helm,name={self.name},status in (pending-install, pending-upgrade)")
        # From the fourth on Helm stops where somebody else has changed a field, such as an autoscaler the number of pods.
        force = () if self.cluster.helm_version.startswith("v3.") else ("--force-conflicts",)
        words = ("upgrade", "--install", self.name, self.folder, "--history-max", "5", *force, "--values", "-")
        self.cluster.helm(*words, stdin=json.dumps(values))

    def stage(self, values: dict[str, Any]) -> None:
        """Have a single pod of a release run, without callers. Raises PipelineError."""
        text = self.render({**values, "staged": True}, "config.yaml", "staged.yaml")
        # What a run that was killed, or is taken over, has left.
        self.cluster.kill_pods("--selector", f"app.kubernetes.io/name={self.name},{STAGED}")
        self.cluster.kubectl("apply", "--server-side", "--force-conflicts", "--field-manager", "helm", "--filename", "-", stdin=text)

    def render(self, values: dict[str, Any], *files: str) -> str:
        """Return the chart's objects, or those of some of its files. No cluster is asked: `install` checks the chart's version."""
        only = [word for name in files for word in ("--show-only", f"templates/{name}")]
        words = ("template", self.name, self.folder, *only, "--kube-version", "1.30.0", "--values", "-")
        return self.cluster.helm(*words, stdin=json.dumps(values))

    def unstage(self, sequence: int) -> None:
        """Remove the staged pod; nobody waits for its answers."""
        self.cluster.kill_pods(name_staged_pod(self.name, sequence))

    def uninstall(self) -> None:
        """Remove everything that the chart has brought."""
        self.cluster.helm("uninstall", self.name, "--ignore-not-found")


def build_values(wanted: Deployment, image: str, config: str, pods: int = 0, apart: bool = True) -> dict[str, Any]:
    """Return the chart's values that differ from release to release.

    `pods` is how many there are now, and `apart` whether the release has a port for callers: older ones have one for all.
    """
    port = CALLERS if apart else INSIDE
    return {"image": image, "config": config, "release": label_deployment(wanted), "current": pods, "callersPort": port}


def name_config(name: str, config: str) -> str:
    """Return the name that the chart gives to the ConfigMap of a serving config."""
    return f"{name}-config-{sha256(config.encode()).hexdigest()[:10]}"


def name_staged_pod(name: str, sequence: int) -> str:
    """Return the name that the chart gives to a staged pod: each has its own, so that a run removes only what it has started."""
    return f"{name}-staged-{sequence}"


def retry_while_away(act: Callable[[], T], seconds: float) -> T:
    """Do something that needs the cluster; where it is away, again for so many seconds. Raises Away."""
    deadline, warned = time.monotonic() + seconds, False
    while True:
        try:
            return act()
        except Away as error:
            if time.monotonic() >= deadline:
                raise
            if not warned:
                warn(f"the cluster does not answer; trying for {seconds:.0f} s: {str(error)[:200]}")
            warned = True
        time.sleep(1)


def run_command(command: tuple[str, ...], stdin: str | None) -> subprocess.CompletedProcess[str]:
    """Run a command. Helm keeps its own notes in ConfigMaps, so that nobody who deploys has to read secrets. Raises PipelineError."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HELM_")} | {"HELM_DRIVER": "configmap"}
    try:
        return subprocess.run(command, input=stdin, env=environment, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS)
    except subprocess.TimeoutExpired as late:
        raise PipelineError(f"{_format_command(command)} did not end within {COMMAND_SECONDS} s. Next: ./run doctor.") from late
    except FileNotFoundError as missing:
        raise PipelineError(
            f"There is no `{command[0]}` command on this machine, and the target kubernetes needs it. Next: install it, "
            f"{TOOLS[command[0]]}; or choose another target with --target."
        ) from missing


def build_error(command: tuple[str, ...], printed: str) -> PipelineError:
    """Return what to raise for the output of a command that failed, without kubectl's notes to its own developers."""
    reason = "\n".join(each for each in printed.splitlines() if not re.match(r"[EWI]\d{4} ", each))
    if ENDED.search(reason):
        return Ended(ENDED.sub("", reason))
    if CONFLICT.search(reason):
        return Conflict(reason)
    if AWAY.search(reason):
        return Away(
            f"No cluster answers: {reason}. Expected: KUBECONFIG names a file whose current context is the cluster and the namespace "
            "to deploy to. Next: kubectl cluster-info, then ./run doctor."
        )
    text = f"{_format_command(command)} failed: {reason[-1500:]} Next: ./run doctor."
    return Gone(text) if "(NotFound)" in reason else PipelineError(text)


def _format_command(command: tuple[str, ...]) -> str:
    return f"`{' '.join([each for each in command if not each.startswith('--')][:2])}`"
