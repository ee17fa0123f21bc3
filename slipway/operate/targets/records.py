"""The chain, kept in the cluster: a ConfigMap for each release that stands, with what a rollback needs of it, and one for the history."""

from collections.abc import Sequence
from pathlib import Path

from slipway.errors import PipelineError
from slipway.operate.chain import Deployment, from_record
from slipway.operate.journal import Event, appended, events
from slipway.operate.targets.cluster import Cluster, Conflict, Object
from slipway.operate.targets.images import LABEL

# What proof takes, and what the pods are given. The model is in the image.
FILES = ("manifest.json", "golden.json", "config.toml")
NAME = "app.kubernetes.io/name"
# A ConfigMap holds a megabyte; the oldest lines go.
EVENTS = 500


class NotRecorded(PipelineError):
    """The cluster has no record of a release."""


class Records:
    """`NAME-release-SEQUENCE` are the releases, `NAME-history` has a line for each deploy and rollback."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster, self.name = cluster, name

    def standing(self) -> list[Object]:
        """Return the records of the releases."""
        return self.cluster.listed("configmaps", f"{NAME}={self.name},{LABEL}record")

    def add(self, wanted: Deployment, files: Path) -> None:
        """Record a release, unless it is recorded."""
        record = {LABEL + key: value for key, value in wanted.record().items()}
        labels = {NAME: self.name, f"{LABEL}record": "release"}
        what = {
            **configmap(f"{self.name}-release-{wanted.sequence}", labels, record),
            "immutable": True,
            "data": {name: (files / name).read_text(encoding="utf-8") for name in FILES},
        }
        try:
            self.cluster.write("create", what)
        except Conflict:
            return

    def remove(self, sequences: Sequence[int]) -> None:
        """Forget releases."""
        if sequences:
            self.cluster.delete("configmaps", *(f"{self.name}-release-{each}" for each in sequences))

    def files(self, digest: str) -> dict[str, str]:
        """Return the recorded files of a release. Raises PipelineError where it is not recorded."""
        found = [each["data"] for each in self.standing() if deployment(each).digest == digest]
        if not found:
            raise NotRecorded(f"{digest} is not recorded in the cluster. Next: ./run history, then ./run deploy of its tag.")
        files: dict[str, str] = found[0]
        return files

    def note(self, event: Event) -> None:
        """Append to the history."""
        while True:
            found = self.cluster.read("configmap", f"{self.name}-history")
            before = found["data"]["lines"] if found else ""
            lines = (before + appended(before, event)).splitlines(keepends=True)[-EVENTS:]
            what = found or configmap(f"{self.name}-history", {NAME: self.name}, {})
            try:
                self.cluster.write("replace" if found else "create", {**what, "data": {"lines": "".join(lines)}})
            except Conflict:
                continue
            return

    def history(self) -> list[Event]:
        """Return the history, oldest first."""
        found = self.cluster.read("configmap", f"{self.name}-history")
        return events(found["data"]["lines"]) if found else []


def configmap(name: str, labels: dict[str, str], annotations: dict[str, str]) -> Object:
    """Return an empty ConfigMap."""
    metadata = {"name": name, "labels": labels, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def deployment(record: Object) -> Deployment:
    """Read the place in the chain from an object's annotations."""
    annotations, fields = record["metadata"]["annotations"], Deployment.__dataclass_fields__
    return from_record({key: annotations[LABEL + key] for key in fields if LABEL + key in annotations})
