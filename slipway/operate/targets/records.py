"""What the cluster keeps for a project: the chain, the history and the lock."""

import json
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slipway.errors import Busy, PipelineError
from slipway.operate.chain import Deployment
from slipway.operate.journal import Event, format_line, parse_history
from slipway.operate.targets.cluster import Cluster, Conflict, Gone, Object
from slipway.operate.targets.images import LABEL, LOCK, label_deployment, read_deployment

# What the proof needs, and what the pods read. The model is in the image.
FILES = ("manifest.json", "golden.json", "config.toml")
NAME = "app.kubernetes.io/name"
# A ConfigMap holds a megabyte; the oldest lines go.
EVENTS = 500
# A holder that has not renewed the lock for so long is gone.
LEASE_SECONDS, RENEW_SECONDS = 14, 3


class NotRecorded(PipelineError):
    """The cluster has no record of a release."""


class Records:
    """ConfigMaps: `NAME-release-SEQUENCE` with what a rollback needs of a release, `NAME-history` with a line for each event."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster, self.name = cluster, name
        # What was read once: a record never changes, and each call of kubectl takes a quarter of a second.
        self.known: list[Object] = []

    def list_releases(self) -> list[Object]:
        """Return the records of the releases."""
        self.known = self.cluster.list_objects("configmaps", f"{NAME}={self.name},{LABEL}record")
        return self.known

    def add_release(self, wanted: Deployment, files: Path) -> None:
        """Record a release, unless it is recorded."""
        if wanted in map(parse_release, self.known):
            return
        labels = {NAME: self.name, f"{LABEL}record": "release"}
        record = {
            **_build_configmap(f"{self.name}-release-{wanted.sequence}", labels, label_deployment(wanted)),
            "immutable": True,
            "data": {name: (files / name).read_text(encoding="utf-8") for name in FILES},
        }
        with suppress(Conflict):
            self.cluster.write_object("create", record)

    def remove_releases(self, sequences: Sequence[int]) -> None:
        """Remove the records of releases."""
        if sequences:
            self.cluster.delete_objects("configmaps", *(f"{self.name}-release-{each}" for each in sequences))

    def read_files(self, digest: str) -> dict[str, str]:
        """Return the recorded files of a release. Raises NotRecorded."""
        found = _find_files(self.known, digest) or _find_files(self.list_releases(), digest)
        if found:
            return found
        raise NotRecorded(f"{digest} is not recorded in the cluster. Next: ./run history, then ./run deploy of its tag.")

    def read_access(self) -> dict[str, str]:
        """Return the files by which callers are answered; the hash of a random key is no secret."""
        found = self.cluster.read_object("configmap", f"{self.name}-access")
        files: dict[str, str] = (found or {}).get("data", {})
        return files

    def write_access(self, name: str, text: str) -> None:
        """Write one of them, whatever is written into others meanwhile."""
        with suppress(Conflict):
            self.cluster.write_object("create", _build_configmap(f"{self.name}-access", {NAME: self.name}, {}))
        self.cluster.kubectl("patch", "configmap", f"{self.name}-access", "--patch", json.dumps({"data": {name: text}}))

    def append_event(self, event: Event) -> None:
        """Append to the history."""
        while True:
            found = self.cluster.read_object("configmap", f"{self.name}-history")
            before = found["data"]["lines"] if found else ""
            lines = (before + format_line(before, event)).splitlines(keepends=True)[-EVENTS:]
            history = found or _build_configmap(f"{self.name}-history", {NAME: self.name}, {})
            with suppress(Conflict):
                self.cluster.write_object("replace" if found else "create", {**history, "data": {"lines": "".join(lines)}})
                return

    def read_history(self) -> list[Event]:
        """Return the history, oldest first."""
        found = self.cluster.read_object("configmap", f"{self.name}-history")
        return parse_history(found["data"]["lines"]) if found else []


def _find_files(releases: list[Object], digest: str) -> dict[str, str]:
    return next((each["data"] for each in releases if parse_release(each).digest == digest), {})


def parse_release(record: Object) -> Deployment:
    """Read the place in the chain from the record of a release."""
    return read_deployment(record["metadata"]["annotations"])


def _build_configmap(name: str, labels: dict[str, str], annotations: dict[str, str]) -> Object:
    metadata = {"name": name, "labels": labels, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


class Lease:
    """The lock of an environment, renewed while its holder lives: its annotations name the holder, `holderIdentity` is the token.

    A rollback takes it over; so does a run that comes after one that died.
    """

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster, self.name = cluster, name
        self.ended, self.token = threading.Event(), ""

    def acquire(self, holder: dict[str, str], takeover: bool) -> None:
        """Take the lock. Raises Busy when another run holds it, unless it is to be taken over."""
        while not self._try_acquire(holder, takeover):
            continue
        self.token = holder["token"]
        self.ended.clear()
        threading.Thread(target=self.renew, daemon=True).start()

    def _try_acquire(self, holder: dict[str, str], takeover: bool) -> bool:
        """Try to take the lock; false where it was written meanwhile, as its holder does every few seconds."""
        found = self.cluster.read_object("lease", self.name)
        if found and _read_token(found) == holder["token"]:
            return True  # it was written, and the answer was lost
        if found and _read_token(found) and not takeover and not self._is_abandoned(found):
            raise Busy
        try:
            self.cluster.write_object("replace" if found else "create", build_lease(self.name, holder, found))
        except Conflict:
            return False
        except Gone:
            if found is None:  # the namespace
                raise
            return False
        return True

    def _is_abandoned(self, found: Object) -> bool:
        """Watch a lease for as long as it holds: who renews it is at work. This needs one clock only, the one here."""
        until = time.monotonic() + LEASE_SECONDS
        while time.monotonic() < until:
            time.sleep(1)
            now = self.cluster.read_object("lease", self.name)
            if now is None or not _read_token(now):
                return True
            if _read_token(now) != _read_token(found) or now["spec"]["renewTime"] != found["spec"]["renewTime"]:
                return False
        return True

    def renew(self) -> None:
        """In a thread: renew the lease until it is released, or another's. Where the cluster is away, nobody else gets it either."""
        while not self.ended.wait(RENEW_SECONDS):
            try:
                self._change("renewTime", format_now())
            except Conflict:
                return
            except PipelineError:
                continue

    def _change(self, name: str, value: str) -> None:
        """Change a lease that is ours. Raises Conflict where it is another's."""
        ours = {"op": "test", "path": "/spec/holderIdentity", "value": self.token}
        patch = [ours, {"op": "replace", "path": f"/spec/{name}", "value": value}]
        self.cluster.kubectl("patch", "lease", self.name, "--type", "json", "--patch", json.dumps(patch))

    def read_holder(self) -> dict[str, str] | None:
        """Return who holds the lock, with `gone` where it was not renewed for as long as it holds."""
        found = self.cluster.read_object("lease", self.name)
        return parse_holder(found) if found and _read_token(found) else None

    def release(self) -> None:
        """Give the lock back if it is ours; it may have been taken over, or the cluster be away, where it ends by itself."""
        self.ended.set()
        with suppress(PipelineError):
            self._change("holderIdentity", "")

    def remove(self) -> None:
        """Remove the lock, whoever holds it."""
        self.cluster.delete_objects("lease", self.name)


def build_lease(name: str, holder: dict[str, str], before: Object | None) -> Object:
    """Return the lease of a holder, in the place of the one that was read."""
    version = {"resourceVersion": before["metadata"]["resourceVersion"]} if before else {}
    annotations = {LOCK + key: value for key, value in holder.items()}
    times = {"leaseDurationSeconds": LEASE_SECONDS, "acquireTime": format_now(), "renewTime": format_now()}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "annotations": annotations, **version},
        "spec": {"holderIdentity": holder["token"], **times},
    }


def parse_holder(found: Object) -> dict[str, str]:
    """Return who holds a lease."""
    holder = {key.removeprefix(LOCK): value for key, value in found["metadata"]["annotations"].items() if key.startswith(LOCK)}
    age = (datetime.now(UTC) - datetime.fromisoformat(str(found["spec"]["renewTime"]))).total_seconds()
    return holder | ({"gone": "yes"} if age > LEASE_SECONDS else {})


def _read_token(found: Object) -> Any:
    return found["spec"]["holderIdentity"]


def format_now() -> str:
    """Return the time as a lease has it, to the microsecond."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
