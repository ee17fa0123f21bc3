"""The state of a release's pods, read from the cluster's objects. Calls no cluster."""

from collections.abc import Iterable, Sequence
from typing import Any

from slipway.operate.targets.images import LABEL

Object = dict[str, Any]
SEQUENCE = LABEL + "sequence"
# A pod that waits for one of these will not start, as far as a single pod can tell.
IN_VAIN = (
    *("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError", "RunContainerError"),
)
# On a cluster with many nodes one start may fail for reasons of its own; the kubelet tries again.
TWICE = 2


def select_kind(objects: Iterable[Object], kind: str) -> list[Object]:
    """Return the objects of a kind."""
    return [each for each in objects if each["kind"] == kind]


def read_name(each: Object) -> str:
    """Return an object's name."""
    return str(each["metadata"]["name"])


def read_sequence(each: Object) -> int:
    """Return the sequence number of an object's deployment."""
    return int(each["metadata"]["annotations"][SEQUENCE])


def list_running(objects: Iterable[Object], wanted: int) -> list[Object]:
    """Return the pods of a deployment that are not about to end. An evicted one stays as a note, and another replaces it."""
    mine = [each for each in select_kind(objects, "Pod") if read_sequence(each) == wanted and "deletionTimestamp" not in each["metadata"]]
    return [each for each in mine if each["status"].get("phase") != "Failed" or is_staged(each)]


def is_staged(pod: Object) -> bool:
    """Tell whether a pod is staged: the cluster does not replace it."""
    return bool(pod["metadata"]["labels"].get("app.kubernetes.io/component") == "staged")


def list_leaving(objects: Iterable[Object], wanted: int) -> list[Object]:
    """Return the pods of other deployments that have not ended."""
    return [each for each in select_kind(objects, "Pod") if read_sequence(each) != wanted and each["status"].get("phase") == "Running"]


def is_ours(each: Object, project: str) -> bool:
    """Tell whether an object is for callers of the project's Service: no staged pod, and no object of the same name by somebody else."""
    labels = each["metadata"]["labels"]
    if each["kind"] == "Pod":
        return bool(labels.get("app.kubernetes.io/component") == "serving")
    return each["kind"] != "EndpointSlice" or bool(labels.get("kubernetes.io/service-name") == project)


def read_image(pod: Object) -> str:
    """Return the image of a pod's release."""
    return next(str(each["image"]) for each in pod["spec"]["containers"] if each["name"] == "release")


def is_ready(pod: Object) -> bool:
    """Tell whether a pod is ready: a release is when it has proven itself."""
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", []))


def find_container(pod: Object) -> Object | None:
    """Return the status of the release's container in a pod, None before it is created; the cluster may add other containers."""
    return next((each for each in pod["status"].get("containerStatuses", []) if each["name"] == "release"), None)


def count_restarts(pods: Iterable[Object]) -> int:
    """Count how many times the containers of some pods were started again."""
    return sum(each["restartCount"] for each in map(find_container, pods) if each)


def explain_failure(pod: Object) -> str | None:
    """Say why a pod will not become ready, None while it may, or is."""
    found = find_container(pod)
    if is_ready(pod):
        return None
    if found is None:
        status = pod["status"]
        return f"The pod ended: {status.get('reason')}: {status.get('message')}." if status.get("phase") == "Failed" else None
    times = found["restartCount"] + ("terminated" in found["state"])
    if times >= (1 if is_staged(pod) else TWICE):
        return "The release ended instead of becoming ready."
    waiting = found["state"].get("waiting", {})
    if is_staged(pod) and waiting.get("reason") in IN_VAIN:
        return f"The release cannot be started: {waiting['reason']}: {waiting.get('message', '')}."
    return None


def explain_waiting(pod: Object) -> str:
    """Say what a pod waits for, in the cluster's words."""
    waiting = (find_container(pod) or {"state": {}})["state"].get("waiting", {})
    conditions = [each.get("message") for each in pod["status"].get("conditions", []) if each["status"] != "True" and each.get("message")]
    reasons = [" ".join(filter(None, (waiting.get("reason"), waiting.get("message")))), *conditions, pod["status"].get("phase", "unknown")]
    return f"{read_name(pod)}: {next(filter(None, reasons))}"


def list_refusals(objects: Iterable[Object]) -> list[str]:
    """Return why a Deployment's pods cannot be created, in the cluster's words: a quota, or a policy."""
    conditions = [each for found in select_kind(objects, "Deployment") for each in found["status"].get("conditions", [])]
    return [each["message"] for each in conditions if each["type"] == "ReplicaFailure" and each["status"] == "True"]


def list_serving(objects: Iterable[Object]) -> list[str]:
    """Return the names of the pods that callers are sent to: they are ready, and not about to end."""
    found = [each for slice_ in select_kind(objects, "EndpointSlice") for each in slice_["endpoints"] or []]
    return sorted({each["targetRef"]["name"] for each in found if each["conditions"].get("ready")})


def is_live(objects: Iterable[Object], wanted: int) -> bool:
    """Tell whether a deployment is the one that the cluster brings up."""
    return [read_sequence(each) for each in select_kind(objects, "Deployment")] == [wanted]


def is_rolled_out(objects: Sequence[Object], wanted: int) -> bool:
    """Tell whether callers are sent to all pods of a deployment, and to no other pod."""
    if not is_live(objects, wanted):
        return False
    [found] = select_kind(objects, "Deployment")
    status, replicas = found["status"], found["spec"]["replicas"]
    if status.get("observedGeneration", 0) < found["metadata"]["generation"]:
        return False
    counts = {status.get(each, 0) for each in ("replicas", "updatedReplicas", "availableReplicas")}
    return counts == {replicas} and list_serving(objects) == sorted(map(read_name, list_running(objects, wanted)))
