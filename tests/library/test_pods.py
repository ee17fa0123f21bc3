"""What is read from a cluster's objects, and what its commands say: decided without a cluster."""

import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from slipway import project
from slipway.cli import ROOT
from slipway.errors import Busy, PipelineError
from slipway.operate.targets import cluster, images, pods, records
from slipway.operate.targets.cluster import Away, Cluster, Conflict, Ended, Gone
from slipway.operate.targets.images import LABEL
from slipway.operate.targets.kubernetes import Kubernetes
from slipway.operate.targets.records import Lease
from tests.library.test_watching import NEW

NO_IMAGE = {"reason": "ErrImagePull", "message": "no"}
ENDED = "The release ended instead of becoming ready."
HOLDER = {"what": "deploy v2", "by": "somebody", "at": "2026-01-01T00:00:00+00:00", "token": "ours"}


def pod(
    name: str, sequence: int, ready: bool = True, restarts: int = 0, state: dict[str, Any] | None = None, staged: bool = False
) -> dict[str, Any]:
    """Return a pod as a cluster tells it."""
    status = {"name": "release", "restartCount": restarts, "state": state or {"running": {}}}
    conditions = [{"type": "Ready", "status": str(ready), **({} if ready else {"message": "containers with unready status: [release]"})}]
    labels = {"app.kubernetes.io/component": "staged" if staged else "serving"}
    metadata = {"name": name, "annotations": {pods.SEQUENCE: str(sequence)}, "labels": labels}
    return {"kind": "Pod", "metadata": metadata, "status": {"phase": "Running", "containerStatuses": [status], "conditions": conditions}}


def evicted(staged: bool = False) -> dict[str, Any]:
    """Return what is left of a pod that had to go."""
    found = pod("a", 2, ready=False, staged=staged)
    return {**found, "status": {"phase": "Failed", "reason": "Evicted", "message": "no room"}}


def deployment(sequence: int, replicas: int = 2, **status: int) -> dict[str, Any]:
    """Return a Deployment whose pods are all there, but for what is given."""
    counts = {"replicas": replicas, "updatedReplicas": replicas, "availableReplicas": replicas, "observedGeneration": 3}
    metadata = {"name": "demand", "generation": 3, "annotations": {pods.SEQUENCE: str(sequence)}}
    return {"kind": "Deployment", "metadata": metadata, "spec": {"replicas": replicas}, "status": counts | status}


def endpoints(**ready: bool) -> dict[str, Any]:
    """Return where callers are sent to."""
    found = [{"targetRef": {"name": name}, "conditions": {"ready": each}} for name, each in ready.items()]
    return {"kind": "EndpointSlice", "metadata": {"name": "demand"}, "endpoints": found}


@pytest.mark.parametrize(
    ("objects", "done"),
    [
        ([deployment(2), pod("a", 2), pod("b", 2), endpoints(a=True, b=True)], True),
        ([deployment(2), pod("a", 2), pod("b", 2), pod("c", 1), endpoints(a=True, b=True, c=False)], True),
        ([deployment(2), evicted(), pod("b", 2), pod("c", 2), endpoints(b=True, c=True)], True),
        ([], False),
        ([deployment(1), pod("a", 1), pod("b", 1), endpoints(a=True, b=True)], False),
        ([deployment(2, observedGeneration=2), pod("a", 2), pod("b", 2), endpoints(a=True, b=True)], False),
        ([deployment(2, updatedReplicas=1), pod("a", 2), pod("b", 1), endpoints(a=True, b=True)], False),
        ([deployment(2, availableReplicas=1), pod("a", 2), pod("b", 2), endpoints(a=True, b=True)], False),
        ([deployment(2), pod("a", 2), pod("b", 2), endpoints(a=True)], False),
        ([deployment(2), pod("a", 2), pod("b", 2), pod("c", 1), endpoints(a=True, b=True, c=True)], False),
        ([deployment(2), pod("a", 2), pod("b", 2)], False),
    ],
    ids=[
        *(
            "all",
            "an old pod leaves",
            "one was evicted",
            "taken away",
            "another release",
            "not looked at yet",
            "half",
            "one not ready",
            "one not called",
        ),
        *("an old pod is called", "no endpoints"),
    ],
)
def test_a_release_is_rolled_out_when_callers_are_sent_to_all_of_its_pods_and_no_other(objects: list[dict[str, Any]], done: bool) -> None:
    assert pods.is_rolled_out(objects, 2) == done


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (pod("a", 2, ready=False), None),
        (pod("a", 2, restarts=5), None),  # long ago
        (pod("a", 2, ready=False, restarts=1), None),  # its node may have been short of something
        (pod("a", 2, ready=False, restarts=2), ENDED),
        (pod("a", 2, ready=False, staged=True, state={"terminated": {"exitCode": 3}}), ENDED),
        (pod("a", 2, ready=False, staged=True, state={"waiting": {"reason": "ContainerCreating"}}), None),
        (pod("a", 2, ready=False, state={"waiting": NO_IMAGE}), None),
        (pod("a", 2, ready=False, staged=True, state={"waiting": NO_IMAGE}), "The release cannot be started: ErrImagePull: no."),
        (evicted(staged=True), "The pod ended: Evicted: no room."),
    ],
)
def test_a_pod_that_waits_in_vain_says_why(found: dict[str, Any], said: str | None) -> None:
    assert pods.explain_failure(found) == said


def test_what_a_pod_waits_for_is_told_in_the_clusters_words() -> None:
    assert pods.explain_waiting(pod("a", 2, ready=False)) == "a: containers with unready status: [release]"
    assert pods.explain_waiting(pod("a", 2, ready=False, state={"waiting": NO_IMAGE})) == "a: ErrImagePull no"
    assert pods.explain_waiting({"metadata": {"name": "a"}, "status": {"phase": "Pending"}}) == "a: Pending"
    assert pods.count_restarts([pod("a", 2, restarts=1), pod("b", 2, restarts=2)]) == 3
    assert [pods.read_name(each) for each in pods.list_leaving([pod("a", 2), pod("b", 1)], 2)] == ["b"]


def test_what_the_chart_is_given_is_the_whole_place_in_the_chain() -> None:
    given = cluster.build_values(NEW, "registry.invalid/demand@sha256:v2", "max_rows = 7\n", 4)
    assert (given["image"], given["config"], given["current"]) == ("registry.invalid/demand@sha256:v2", "max_rows = 7\n", 4)
    assert given["release"] == {LABEL + key: value for key, value in NEW.record().items()}


@pytest.mark.parametrize(
    ("said", "kind", "sentence"),
    [
        ('Error from server (AlreadyExists): leases "x" already exists', Conflict, "AlreadyExists"),
        ('Error from server (NotFound): pods "x" not found', Gone, r"`helm upgrade` failed: .*Next: \./run doctor"),
        ("error: exec: executable aws not found", PipelineError, r"`helm upgrade` failed: error: exec: executable aws not found Next: "),
        ("E1128 11:52:20 noise\nThe connection to the server x was refused", Away, r"^No cluster answers: The conn.*Next: "),
        ("dial tcp 10.0.0.1:6443: connect: connection refused", Away, r"^No cluster answers: dial"),
        ("/predict: EOF\ncommand terminated with exit code 1", Ended, r"^/predict: EOF$"),
        ("Error: values don't meet the specifications", PipelineError, r"`helm upgrade` failed: Error: values.* Next: \./run doctor"),
    ],
)
def test_what_a_command_says_becomes_an_error_with_what_to_do(said: str, kind: type[Exception], sentence: str) -> None:
    found = cluster.build_error(("helm", "upgrade", "--install"), said)
    assert type(found) is kind
    with pytest.raises(kind, match=f"(?s){sentence}"):
        raise found


class Answering(Cluster):
    """A cluster whose commands answer as they are told."""

    def __init__(self) -> None:
        self.context, self.reached = None, True


def test_a_cluster_that_answered_before_is_waited_for(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    said = [(1, "Unable to connect to the server: EOF"), (1, "i/o timeout"), (0, "")]
    monkeypatch.setattr(cluster, "run_command", lambda *_: subprocess.CompletedProcess((), said[0][0], "pods", said.pop(0)[1]))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    assert Answering().kubectl("get", "pods") == "pods"
    assert capsys.readouterr().err.count("warning: the cluster does not answer; trying for 120 s") == 1


def test_a_cluster_that_never_answered_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "run_command", lambda *_: subprocess.CompletedProcess((), 1, "", "connection refused was refused"))
    place = Answering()
    place.reached = False
    with pytest.raises(PipelineError, match=r"No cluster answers.*KUBECONFIG.*Next: kubectl cluster-info"):
        place.kubectl("get", "pods")


def test_without_kubectl_it_is_said_where_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PipelineError, match=r"There is no `kubectl` command on this machine.*Next: install it, https://kubernetes\.io"):
        Answering().kubectl("get", "pods")


def test_a_disk_without_room_is_told_before_anything_is_changed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".deploy").touch()
    place = Kubernetes(replace(project.load(ROOT, "kubernetes"), root=tmp_path))
    monkeypatch.setattr(place.records, "read_files", lambda _: {"golden.json": "{}"})
    with pytest.raises(PipelineError, match=r"cannot be written: .*Nothing was changed\. Next: make room there"):
        place.fetch_rollback_files("sha256:a")


class Leases:
    """A cluster that has a lease, or none, and is read again and again."""

    def __init__(self, *found: dict[str, Any] | None) -> None:
        self.found = list(found)
        self.written = list[tuple[str, dict[str, Any]]]()

    def read_object(self, *_: str) -> dict[str, Any] | None:
        return self.found.pop(0) if len(self.found) > 1 else self.found[0]

    def write_object(self, how: str, what: dict[str, Any]) -> None:
        self.written.append((how, what))


def held(token: str, renewed: str = "2026-01-01T00:00:00.000000Z") -> dict[str, Any]:
    """Return a lease."""
    found = records.build_lease("demand-lock", {**HOLDER, "token": token}, {"metadata": {"resourceVersion": "7"}})
    found["spec"]["renewTime"] = renewed
    return found


def locking(monkeypatch: pytest.MonkeyPatch, *found: dict[str, Any] | None) -> tuple[Lease, Leases]:
    """Return a lock whose holder may die at once."""
    monkeypatch.setattr(records, "LEASE_SECONDS", 0.01)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    leases = Leases(*found)
    lock = Lease(cast(Cluster, leases), "demand-lock")
    monkeypatch.setattr(lock, "renew", lambda: None)
    return lock, leases


@pytest.mark.parametrize(
    ("before", "how"), [(None, "create"), (held(""), "replace"), (held("theirs"), "replace")], ids=["none", "given back", "abandoned"]
)
def test_a_free_lock_is_taken_and_one_that_nobody_renews_too(
    monkeypatch: pytest.MonkeyPatch, before: dict[str, Any] | None, how: str
) -> None:
    lock, leases = locking(monkeypatch, before)
    lock.acquire(HOLDER, takeover=False)
    [(wrote, what)] = leases.written
    assert (wrote, what["spec"]["holderIdentity"], lock.token) == (how, "ours", "ours")
    assert what["metadata"].get("resourceVersion") == ("7" if before else None)


def test_a_lock_that_is_renewed_is_refused_and_taken_over_by_a_rollback(monkeypatch: pytest.MonkeyPatch) -> None:
    lock, leases = locking(monkeypatch, held("theirs"), held("theirs", "2026-01-01T00:00:05.000000Z"))
    monkeypatch.setattr(records, "LEASE_SECONDS", 60)
    with pytest.raises(Busy):
        lock.acquire(HOLDER, takeover=False)
    assert leases.written == []
    lock.acquire(HOLDER, takeover=True)
    assert [how for how, _ in leases.written] == ["replace"]


@pytest.mark.parametrize("error", [Conflict("(Conflict)"), Gone("(NotFound)")])
def test_a_takeover_is_tried_again_where_the_holder_wrote_meanwhile_or_gave_it_back(
    monkeypatch: pytest.MonkeyPatch, error: PipelineError
) -> None:
    lock, leases = locking(monkeypatch, held("theirs"))
    write, failed = leases.write_object, list[str]()

    def written(how: str, what: dict[str, Any]) -> None:
        if not failed:
            failed.append(how)
            raise error
        write(how, what)

    monkeypatch.setattr(leases, "write_object", written)
    lock.acquire(HOLDER, takeover=True)
    assert ([how for how, _ in leases.written], failed) == (["replace"], ["replace"])


def test_a_lock_in_a_namespace_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    lock, leases = locking(monkeypatch, None)

    def write(*_: Any) -> None:
        raise Gone("namespaces not found")

    monkeypatch.setattr(leases, "write_object", write)
    with pytest.raises(Gone, match="namespaces not found"):
        lock.acquire(HOLDER, takeover=True)


def test_a_lock_whose_answer_was_lost_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    lock, leases = locking(monkeypatch, held("ours"))
    lock.acquire(HOLDER, takeover=False)
    assert (leases.written, lock.token) == ([], "ours")


def test_who_holds_it_is_told_and_whether_it_is_gone() -> None:
    assert records.parse_holder(held("ours")) == HOLDER | {"gone": "yes"}
    assert records.parse_holder(held("ours", records.format_now())) == HOLDER
    assert Lease(cast(Cluster, Leases(held(""))), "demand-lock").read_holder() is None


def record(digest: str, sequence: int) -> dict[str, Any]:
    """Return the record of a release, as the cluster tells it."""
    wanted = replace(NEW, digest=digest, sequence=sequence)
    return {"metadata": {"annotations": images.label_deployment(wanted)}, "data": {"config.toml": digest}}


def test_records_are_read_once_and_again_where_a_release_is_not_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, asked = [record("sha256:a", 1)], list[str]()

    def list_objects(_: Cluster, kinds: str, __: str) -> list[dict[str, Any]]:
        asked.append(kinds)
        return [*kept]

    monkeypatch.setattr(Cluster, "list_objects", list_objects)
    found = records.Records(Cluster(project.load(ROOT)), "demand")
    assert found.read_files("sha256:a") == found.read_files("sha256:a") == {"config.toml": "sha256:a"}
    assert len(asked) == 1
    kept.append(record("sha256:b", 2))
    assert found.read_files("sha256:b") == {"config.toml": "sha256:b"}
    assert len(asked) == 2
    with pytest.raises(records.NotRecorded, match=r"sha256:c is not recorded in the cluster\. Next: "):
        found.read_files("sha256:c")
    found.add_release(replace(NEW, digest="sha256:b", sequence=2), Path("nowhere"))  # it is known, so nothing is read or written
    assert len(asked) == 3
