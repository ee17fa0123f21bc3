"""The chart of infra/, rendered and installed for one release."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from slipway.operate.chain import Deployment
from slipway.operate.targets.cluster import Cluster
from slipway.operate.targets.images import LABEL

STAGED = "app.kubernetes.io/component=staged"


def values(wanted: Deployment, image: str, config: str, pods: int = 0) -> dict[str, Any]:
    """Return what differs from release to release; `pods` is how many there are now."""
    record = {LABEL + key: value for key, value in wanted.record().items()}
    return {"image": image, "config": config, "release": record, "current": pods}


def config_name(name: str, config: str) -> str:
    """Return the name that the chart gives to the ConfigMap of a serving config."""
    return f"{name}-config-{sha256(config.encode()).hexdigest()[:10]}"


def staged_name(name: str, sequence: int) -> str:
    """Return the name that the chart gives to a staged pod: each has its own, so that a run takes away only what it has begun."""
    return f"{name}-staged-{sequence}"


class Chart:
    """Helm's release of a project. Its revisions are not the chain, and no verb goes back to one: a release is applied as a whole."""

    def __init__(self, cluster: Cluster, name: str, root: Path) -> None:
        self.cluster, self.name, self.folder = cluster, name, str(root / "infra" / "chart")

    def install(self, given: dict[str, Any]) -> None:
        """Have the cluster bring up a release in the place of what runs; it goes on by itself. Raises PipelineError."""
        # What a Helm that was killed has begun: it would have every other wait for it.
        self.cluster.delete("configmaps", "--selector", f"owner=helm,name={self.name},status in (pending-install, pending-upgrade)")
        # From the fourth on Helm stops where somebody else has changed a field, such as an autoscaler the number of pods.
        force = () if self.cluster.helm_version.startswith("v3.") else ("--force-conflicts",)
        words = ("upgrade", "--install", self.name, self.folder, "--history-max", "5", *force, "--values", "-")
        self.cluster.helm(*words, given=json.dumps(given))

    def stage(self, given: dict[str, Any]) -> None:
        """Have a single pod of a release run, to which no caller is sent. Raises PipelineError."""
        text = self.render({**given, "staged": True}, "config.yaml", "staged.yaml")
        # What a run that was killed, or is taken over, has left.
        self.cluster.kill("--selector", f"app.kubernetes.io/name={self.name},{STAGED}")
        self.cluster.kubectl("apply", "--server-side", "--force-conflicts", "--field-manager", "helm", "--filename", "-", given=text)

    def render(self, given: dict[str, Any], *only: str) -> str:
        """Return what the chart holds, or some of its files. No cluster is asked: `install` holds the chart's version against it."""
        shown = [word for name in only for word in ("--show-only", f"templates/{name}")]
        words = ("template", self.name, self.folder, *shown, "--kube-version", "1.30.0", "--values", "-")
        return self.cluster.helm(*words, given=json.dumps(given))

    def unstage(self, sequence: int) -> None:
        """Take that pod away; nobody waits for its answers."""
        self.cluster.kill(staged_name(self.name, sequence))

    def uninstall(self) -> None:
        """Take everything away that the chart has brought."""
        self.cluster.helm("uninstall", self.name, "--ignore-not-found")
