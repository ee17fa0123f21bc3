"""What a cluster says of a release's pods. Pure: objects in, answers out."""

from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.targets.release_container import LABEL

Object = dict[str, Any]
SEQUENCE = LABEL + "sequence"
# A pod that waits for one of these waits in vain.
IN_VAIN = (
    *("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError"),
    *("RunContainerError", "CrashLoopBackOff"),
)


def of_kind(objects: Iterable[Object], kind: str) -> list[Object]:
    """Return the objects of a kind."""
    return [each for each in objects if each["kind"] == kind]


def name(each: Object) -> str:
    """Return an object's name."""
    return str(each["metadata"]["name"])


def sequence(each: Object) -> int:
    """Return which deployment an object is of."""
    return int(each["metadata"]["annotations"][SEQUENCE])


def running(objects: Iterable[Object], wanted: int) -> list[Object]:
    """Return the pods of a deployment that are not about to end."""
    return [each for each in of_kind(objects, "Pod") if sequence(each) == wanted and "deletionTimestamp" not in each["metadata"]]


def others(objects: Iterable[Object], wanted: int) -> list[Object]:
    """Return the pods of other deployments that have not ended."""
    return [each for each in of_kind(objects, "Pod") if sequence(each) != wanted and each["status"].get("phase") == "Running"]


def is_ready(pod: Object) -> bool:
    """Tell whether a pod is ready, which for a release is: proven by itself."""
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", []))


def restarts(pods: Iterable[Object]) -> int:
    """Return how many times the containers of some pods were started again."""
    return sum(each["restartCount"] for pod in pods for each in pod["status"].get("containerStatuses", []))


def in_vain(pod: Object) -> str | None:
    """Say why a pod will not become ready, None while it may, or is."""
    if is_ready(pod):
        return None
    for each in pod["status"].get("containerStatuses", []):
        waiting = each["state"].get("waiting", {})
        if each["restartCount"] or "terminated" in each["state"]:
            return "The release ended instead of becoming ready."
        if waiting.get("reason") in IN_VAIN:
            return f"The release cannot be started: {waiting['reason']}: {waiting.get('message', '')}."
    return None


def waits_for(pod: Object) -> str:
    """Say what a pod waits for, as the cluster says it."""
    said = [each.get("message") for each in pod["status"].get("conditions", []) if each["status"] != "True" and each.get("message")]
    return f"{name(pod)}: {said[0] if said else pod['status'].get('phase', 'unknown')}"


def called(objects: Iterable[Object]) -> list[str]:
    """Return the pods that callers are sent to: those that are ready, and are not about to end."""
    found = [each for slice_ in of_kind(objects, "EndpointSlice") for each in slice_["endpoints"] or []]
    return sorted(each["targetRef"]["name"] for each in found if each["conditions"].get("ready"))


def is_rolled_out(objects: Sequence[Object], wanted: int) -> bool:
    """Tell whether callers are sent to a deployment on all the pods that it shall have, and to no other."""
    [found] = of_kind(objects, "Deployment")
    status, replicas = found["status"], found["spec"]["replicas"]
    if sequence(found) != wanted or status.get("observedGeneration", 0) < found["metadata"]["generation"]:
        return False
    counts = {status.get(each, 0) for each in ("replicas", "updatedReplicas", "availableReplicas")}
    return counts == {replicas} and called(objects) == sorted(map(name, running(objects, wanted)))
