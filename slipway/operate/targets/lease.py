"""The lock of an environment: a Lease, renewed while its holder lives. A rollback takes it over; so does who comes after one that died."""

import json
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from slipway.errors import Busy, PipelineError
from slipway.operate.targets.cluster import Cluster, Conflict, Gone, Object
from slipway.operate.targets.images import LABEL

PREFIX = LABEL + "lock."
# A holder that has not renewed it for so long is gone.
LEASE_SECONDS, RENEW_SECONDS = 20, 5


class Lease:
    """Who holds the lock is on its annotations; `holderIdentity` is the holder's token."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster, self.name = cluster, name
        self.ended, self.ours = threading.Event(), ""

    def acquire(self, holder: dict[str, str], takeover: bool) -> None:
        """Take the lock. Raises Busy when another holds it, unless it is to be taken over."""
        while not self.took(holder, takeover):
            continue
        self.ours = holder["token"]
        self.ended.clear()
        threading.Thread(target=self.renew, daemon=True).start()

    def took(self, holder: dict[str, str], takeover: bool) -> bool:
        """Try to take the lock; false where it was written meanwhile, as its holder does every few seconds."""
        found = self.cluster.read("lease", self.name)
        if found and token(found) == holder["token"]:
            return True  # it was written, and the answer was lost
        if found and token(found) and not takeover and not self.abandoned(found):
            raise Busy
        try:
            self.cluster.write("replace" if found else "create", lease(self.name, holder, found))
        except Conflict:
            return False
        except Gone:
            if found is None:  # the namespace
                raise
            return False
        return True

    def abandoned(self, found: Object) -> bool:
        """Watch a lease for as long as it holds: who renews it is at work. So it goes by one clock, whatever the others say."""
        until = time.monotonic() + LEASE_SECONDS
        while time.monotonic() < until:
            time.sleep(1)
            now = self.cluster.read("lease", self.name)
            if now is None or not token(now):
                return True
            if token(now) != token(found) or renewed(now) != renewed(found):
                return False
        return True

    def renew(self) -> None:
        """In a thread: renew the lease until it is given back, or another's. Where the cluster is away, nobody else gets it either."""
        while not self.ended.wait(RENEW_SECONDS):
            try:
                self.change("renewTime", moment())
            except Conflict:
                return
            except PipelineError:
                continue

    def change(self, name: str, value: str) -> None:
        """Change a lease that is ours. Raises Conflict where it is another's."""
        ours = {"op": "test", "path": "/spec/holderIdentity", "value": self.ours}
        patch = [ours, {"op": "replace", "path": f"/spec/{name}", "value": value}]
        self.cluster.kubectl("patch", "lease", self.name, "--type", "json", "--patch", json.dumps(patch))

    def holder(self) -> dict[str, str] | None:
        """Return who holds the lock, with `gone` where it was not renewed for as long as it holds."""
        found = self.cluster.read("lease", self.name)
        return told(found) if found and token(found) else None

    def release(self) -> None:
        """Give the lock back if it is ours; it may have been taken over, or the cluster be away, where it ends by itself."""
        self.ended.set()
        with suppress(PipelineError):
            self.change("holderIdentity", "")

    def remove(self) -> None:
        """Take the lock away, whoever holds it."""
        self.cluster.delete("lease", self.name)


def lease(name: str, holder: dict[str, str], before: Object | None) -> Object:
    """Return a lease that a holder takes, in the place of the one that was read."""
    version = {"resourceVersion": before["metadata"]["resourceVersion"]} if before else {}
    annotations = {PREFIX + key: value for key, value in holder.items()}
    times = {"leaseDurationSeconds": LEASE_SECONDS, "acquireTime": moment(), "renewTime": moment()}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "annotations": annotations, **version},
        "spec": {"holderIdentity": holder["token"], **times},
    }


def told(found: Object) -> dict[str, str]:
    """Return who holds a lease."""
    holder = {key.removeprefix(PREFIX): value for key, value in found["metadata"]["annotations"].items() if key.startswith(PREFIX)}
    age = (datetime.now(UTC) - datetime.fromisoformat(renewed(found))).total_seconds()
    return holder | ({"gone": "yes"} if age > LEASE_SECONDS else {})


def token(found: Object) -> Any:
    """Return whose lease it is."""
    return found["spec"]["holderIdentity"]


def renewed(found: Object) -> str:
    """Return when a lease was renewed last, by its holder's clock."""
    return str(found["spec"]["renewTime"])


def moment() -> str:
    """Return the time as a lease has it, to the microsecond."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
