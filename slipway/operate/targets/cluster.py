"""A Kubernetes cluster, through `kubectl` and `helm`, which know every way to sign in. They are told what to do, and decide nothing."""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from slipway.errors import PipelineError
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
# So ends what kubectl says when a command in a pod has failed: whatever that has printed is before it.
ENDED = re.compile(r"\s*command terminated with exit code \d+$")
# Where to get what is missing here.
TOOLS = {"kubectl": "https://kubernetes.io/docs/tasks/tools", "helm": "https://helm.sh/docs/intro/install"}


class Conflict(PipelineError):
    """Another wrote the same object meanwhile."""


class Gone(PipelineError):
    """There is no such object any more."""


class Away(PipelineError):
    """The cluster does not answer."""


class Ended(PipelineError):
    """A command in a pod has failed; the message is what it printed."""


class Cluster:
    """The cluster and the namespace of the kubeconfig's context, as the person or the workflow has them."""

    def __init__(self, project: Project) -> None:
        self.context = project.context
        self.reached = False

    def kubectl(self, *words: str, given: str | None = None) -> str:
        """Run kubectl and return what it prints; where the cluster answered before and does not now, for a while again.

        Raises PipelineError.
        """
        context = (f"--context={self.context}",) if self.context else ()
        command = ("kubectl", *context, "--request-timeout=30s", *words)
        return patiently(lambda: self.run(command, given), PATIENCE_SECONDS if self.reached else 0)

    def helm(self, *words: str, given: str | None = None) -> str:
        """Run helm, once, and return what it prints. Raises PipelineError."""
        context = (f"--kube-context={self.context}",) if self.context else ()
        return self.run(("helm", *context, *words), given)

    @cached_property
    def helm_version(self) -> str:
        """Return which helm is here, such as v3.22.0."""
        return self.helm("version", "--template", "{{.Version}}")

    def run(self, command: tuple[str, ...], given: str | None) -> str:
        """Run a command and return what it prints. Raises PipelineError."""
        done = call(command, given)
        if done.returncode != 0:
            raise error(command, done.stderr.strip())
        self.reached = True
        return done.stdout

    def listed(self, kinds: str, selector: str) -> list[Object]:
        """Return the objects of some kinds that have these labels."""
        found: list[Object] = json.loads(self.kubectl("get", kinds, "--selector", selector, "--output", "json"))["items"]
        return found

    def read(self, kind: str, name: str) -> Object | None:
        """Return an object, None where there is none."""
        text = self.kubectl("get", kind, name, "--ignore-not-found", "--output", "json")
        found: Object | None = json.loads(text) if text else None
        return found

    def write(self, how: str, what: Object) -> None:
        """Create or replace an object, the latter where nobody wrote it since it was read. Raises Conflict."""
        self.kubectl(how, "--filename", "-", given=json.dumps(what))

    def delete(self, kinds: str, *which: str) -> None:
        """Delete objects, given by name or by selector, and do not wait for their end."""
        self.kubectl("delete", kinds, *which, "--ignore-not-found", "--wait=false")

    def kill(self, *which: str) -> None:
        """Delete pods that no caller is sent to, at once: one on a node that is down would never end by itself."""
        self.delete("pods", *which, "--force", "--grace-period=0")


def patiently(act: Callable[[], T], seconds: float) -> T:
    """Do something that a cluster is needed for; where it is away, again for so many seconds. Raises Away."""
    deadline, told = time.monotonic() + seconds, False
    while True:
        try:
            return act()
        except Away as error:
            if time.monotonic() >= deadline:
                raise
            if not told:
                warn(f"the cluster does not answer; trying for {seconds:.0f} s: {str(error)[:200]}")
            told = True
        time.sleep(1)


def call(command: tuple[str, ...], given: str | None) -> subprocess.CompletedProcess[str]:
    """Run a command. Helm keeps its own notes in ConfigMaps, so that nobody who deploys has to read secrets. Raises PipelineError."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HELM_")} | {"HELM_DRIVER": "configmap"}
    try:
        return subprocess.run(command, input=given, env=environment, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS)
    except subprocess.TimeoutExpired as late:
        raise PipelineError(f"{shown(command)} had not ended after {COMMAND_SECONDS} s. Next: ./run doctor.") from late
    except FileNotFoundError as missing:
        raise PipelineError(
            f"There is no `{command[0]}` command on this machine, and the target kubernetes is reached by it. "
            f"Next: install it, {TOOLS[command[0]]}; or ask another target with --target."
        ) from missing


def error(command: tuple[str, ...], printed: str) -> PipelineError:
    """Return what to raise for what a command printed as it failed, kubectl's notes to its own developers left out."""
    said = "\n".join(each for each in printed.splitlines() if not re.match(r"[EWI]\d{4} ", each))
    if ENDED.search(said):
        return Ended(ENDED.sub("", said))
    if CONFLICT.search(said):
        return Conflict(said)
    if AWAY.search(said):
        return Away(
            f"No cluster answers: {said}. Expected: KUBECONFIG names a file whose current context is the cluster and the namespace "
            "to deploy to. Next: kubectl cluster-info, then ./run doctor."
        )
    text = f"{shown(command)} failed: {said[-1500:]} Next: ./run doctor."
    return Gone(text) if "(NotFound)" in said else PipelineError(text)


def shown(command: tuple[str, ...]) -> str:
    """Return which command it is."""
    return f"`{' '.join([each for each in command if not each.startswith('--')][:2])}`"
