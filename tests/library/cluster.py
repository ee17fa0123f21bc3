"""A namespace of a real Kubernetes cluster, and an account in it that may do what infra/deployer.yaml says, and nothing more.

KUBECONFIG names the cluster. CLUSTER_PULL is a command that has its nodes pull an image from a registry of this machine.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from slipway.cli import ROOT


@cache
def missing() -> str | None:
    """Return why there is no cluster to test with, None where there is one."""
    for name in ("kubectl", "helm"):
        if not shutil.which(name):
            return f"there is no {name}"
    if "CLUSTER_PULL" not in os.environ:
        return "CLUSTER_PULL is not set"
    done = subprocess.run(["kubectl", "get", "nodes"], capture_output=True, text=True, check=False)
    return f"no cluster answers: {done.stderr.strip()[-200:]}" if done.returncode else None


@dataclass(frozen=True)
class Namespace:
    """Where tests deploy: `kubeconfig` is the account's, the person's is in the environment."""

    name: str
    node: str
    kubeconfig: Path

    def kubectl(self, *words: str, given: str | None = None) -> str:
        """Run kubectl as the person who has the cluster. Raises CalledProcessError."""
        return admin("--namespace", self.name, *words, given=given)


def admin(*words: str, given: str | None = None) -> str:
    """Run kubectl as the person who has the cluster. Raises CalledProcessError."""
    config = os.environ.get("ADMIN_KUBECONFIG") or os.environ.get("KUBECONFIG", "")
    environment = {**os.environ, "KUBECONFIG": config}
    return subprocess.run(["kubectl", *words], input=given, env=environment, check=True, capture_output=True, text=True).stdout


def pull(image: str) -> None:
    """Have the cluster's nodes pull an image from a registry of this machine."""
    subprocess.run([*shlex.split(os.environ["CLUSTER_PULL"]), image], check=True, capture_output=True)


@contextmanager
def namespace(folder: Path) -> Iterator[Namespace]:
    """Make a namespace that wants the restricted Pod Security Standard, with the account, and leave nothing of it."""
    name = f"slipway-tests-{uuid.uuid4().hex[:8]}"
    admin("create", "namespace", name)
    try:
        admin("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
        admin("apply", "--namespace", name, "--filename", str(ROOT / "infra" / "deployer.yaml"))
        nodes = json.loads(admin("get", "nodes", "--output", "json"))["items"]
        [node] = [each["address"] for each in nodes[0]["status"]["addresses"] if each["type"] == "InternalIP"]
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(account(name)), encoding="utf-8")
        yield Namespace(name, node, kubeconfig)
    finally:
        admin("delete", "namespace", name, "--wait=false")


def account(name: str) -> dict[str, Any]:
    """Return the kubeconfig of a namespace's account."""
    config: dict[str, Any] = json.loads(admin("config", "view", "--raw", "--minify", "--flatten", "--output", "json"))
    token = admin("create", "token", "deployer", "--namespace", name, "--duration", "4h")
    cluster = config["clusters"][0]["name"]
    return {
        **config,
        "users": [{"name": "deployer", "user": {"token": token}}],
        "contexts": [{"name": "tests", "context": {"cluster": cluster, "user": "deployer", "namespace": name}}],
        "current-context": "tests",
    }


def shrink(root: Path, replicas: int = 2, leave: int = 1) -> None:
    """Have a project's chart fit a small cluster: few pods, which ask for little of its cores, and leave after so many seconds."""
    chart = root / "infra" / "chart"
    few = {"replicas: 3": f"replicas: {replicas}", "maxReplicas: 10": f"maxReplicas: {replicas}", 'cpu: "1"': "cpu: 50m"}
    outside = {"type: ClusterIP": "type: NodePort", "nodePort: 0": f"nodePort: {30000 + uuid.uuid4().int % 2768}"}
    replace(chart / "values.yaml", few | outside | {"leaveSeconds: 5": f"leaveSeconds: {leave}"})


def node_port(root: Path) -> int:
    """Return the port of the nodes on which a project answers."""
    [port] = re.findall(r"nodePort: (\d+)", (root / "infra" / "chart" / "values.yaml").read_text(encoding="utf-8"))
    return int(port)


def replace(path: Path, by: dict[str, str]) -> None:
    """Replace texts in a file that has them."""
    text = path.read_text(encoding="utf-8")
    for old, new in by.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
