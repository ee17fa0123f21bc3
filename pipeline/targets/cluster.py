"""A Kubernetes cluster, through `kubectl` and `helm`, which know every way to sign in. They are told what to do, and decide nothing."""

import json
import os
import re
import subprocess
import time
from typing import Any

from pipeline.errors import PipelineError
from pipeline.project import Project
from pipeline.say import warn

Object = dict[str, Any]
# A control plane that is restarted, or updated, is away for about so long.
PATIENCE_SECONDS = 120.0
AWAY = re.compile(
    r"was refused|Unable to connect|cluster unreachable|i/o timeout|TLS handshake|EOF|ServiceUnavailable|connection (reset|lost)"
    r"|no route to host|request canceled|Client\.Timeout|deadline exceeded|etcdserver|apiserver not ready|error dialing backend"
)
CONFLICT = re.compile(r"\((AlreadyExists|Conflict)\)|the test operation|object has been modified")
GONE = re.compile(r"\(NotFound\)|not found")
# Where to get what is missing here.
TOOLS = {"kubectl": "https://kubernetes.io/docs/tasks/tools", "helm": "https://helm.sh/docs/intro/install"}


class Conflict(PipelineError):
    """Another wrote the same object meanwhile."""


class Gone(PipelineError):
    """There is no such object any more."""


class Cluster:
    """The cluster and the namespace of the kubeconfig's context, as the person or the workflow has them."""

    def __init__(self, project: Project) -> None:
        self.context = project.context
        self.reached = False

    def kubectl(self, *words: str, given: str | None = None) -> str:
        """Run kubectl and return what it prints. Raises PipelineError."""
        context = ("--context", self.context) if self.context else ()
        return self.run("kubectl", *context, "--request-timeout=30s", *words, given=given)

    def helm(self, *words: str, given: str | None = None) -> str:
        """Run helm and return what it prints. Raises PipelineError."""
        context = ("--kube-context", self.context) if self.context else ()
        return self.run("helm", *context, *words, given=given)

    def run(self, *command: str, given: str | None = None) -> str:
        """Run a command; where the cluster answered before and does not now, for a while again."""
        deadline = time.monotonic() + (PATIENCE_SECONDS if self.reached else 0)
        told = False
        while (done := call(command, given)).returncode != 0 and AWAY.search(done.stderr) and time.monotonic() < deadline:
            if not told:
                warn(f"the cluster does not answer; trying for {PATIENCE_SECONDS:.0f} s: {done.stderr.strip()[:200]}")
                told = True
            time.sleep(1)
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


def call(command: tuple[str, ...], given: str | None) -> subprocess.CompletedProcess[str]:
    """Run a command. Helm keeps its own notes in ConfigMaps, so that nobody who deploys has to read secrets."""
    try:
        environment = {**os.environ, "HELM_DRIVER": "configmap"}
        return subprocess.run(command, input=given, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError as missing:
        raise PipelineError(
            f"There is no `{command[0]}` command on this machine, and the target kubernetes is reached by it. "
            f"Next: install it, {TOOLS[command[0]]}; or ask another target with --target."
        ) from missing


def error(command: tuple[str, ...], printed: str) -> PipelineError:
    """Return what to raise for what a command printed as it failed, kubectl's notes to its own developers left out."""
    said = "\n".join(each for each in printed.splitlines() if not re.match(r"[EWI]\d{4} ", each))
    if CONFLICT.search(said):
        return Conflict(said)
    if GONE.search(said):
        return Gone(f"{said}. Next: ./run status.")
    if AWAY.search(said):
        return PipelineError(
            f"No cluster answers: {said}. Expected: KUBECONFIG names a file whose current context is the cluster and the namespace "
            "to deploy to. Next: kubectl cluster-info, then ./run doctor."
        )
    words = [each for each in command if not each.startswith("--")][:4]
    return PipelineError(f"`{' '.join(words)}` failed: {said[-1500:]} Next: ./run doctor.")
