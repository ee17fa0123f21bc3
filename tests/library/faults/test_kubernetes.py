"""What befalls a cluster while a release serves there, or is deployed to it."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from slipway.operate.chain import Deployment
from slipway.operate.targets import kubernetes, pods
from slipway.operate.targets.kubernetes import Kubernetes
from tests.conftest import Road, wait_until
from tests.library.cluster import Namespace
from tests.library.faults.conftest import ENDING, STUCK, Relay, Suffers
from tests.library.faults.page import fault
from tests.library.test_lifecycle import A, B, C, during, refused

AWAY_SECONDS = 60


@fault(
    27,
    "a pod is killed with its connections",
    kubernetes="The others continue, and a new pod is started. The requests that the pod was answering are lost.",
)
def test_a_pod_that_is_killed(live: Road, suffers: Suffers) -> None:
    place, before = of(live)[1], serving(live)
    with suffers(B, may_fail=True):
        of(live)[0].kubectl("delete", "pod", before[0], "--grace-period=0", "--force")
        wait_until(lambda: len(serving(live)) == len(before) and before[0] not in serving(live))
    assert place.describe_processes() == "0 in its pods"


@fault(
    28,
    "the node is drained",
    kubernetes="Pods leave one at a time, and each waits until another is ready. If there is no other node, the drain says so.",
)
def test_a_node_that_is_drained(live: Road, suffers: Suffers) -> None:
    namespace, before = of(live)[0], serving(live)
    nodes = namespace.kubectl("get", "nodes", "--output", "name").split()
    try:
        with suffers(B):
            mine = f"app.kubernetes.io/name={live.project.name}"
            with pytest.raises(subprocess.CalledProcessError) as refused:
                namespace.kubectl("drain", *nodes, "--pod-selector", mine, "--delete-emptydir-data", "--timeout", "15s")
            assert "would violate the pod's disruption budget" in refused.value.stderr
            wait_until(lambda: len(serving(live)) == len(before) - 1)
            namespace.kubectl("uncordon", *nodes)
            wait_until(lambda: len(serving(live)) == len(before))
    finally:
        namespace.kubectl("uncordon", *nodes)


@fault(
    29,
    "the image cannot be pulled",
    kubernetes="The deploy ends as soon as the cluster reports the reason, and prints it. No caller reached the new release.",
)
def test_an_image_that_is_missing(live: Road, suffers: Suffers, monkeypatch: pytest.MonkeyPatch) -> None:
    honest, missing = Kubernetes.build_values, f"{live.project.image_name}@sha256:{64 * '0'}"
    monkeypatch.setattr(Kubernetes, "build_values", lambda self, wanted, now=0: honest(self, wanted, now) | {"image": missing})
    with live.unchanged(), suffers(B):
        refused(live.run("deploy", C), 2, "The release cannot be started: ErrImagePull: ", "Next: fix that, then try again.")
        monkeypatch.undo()


@fault(30, "a new release ends at its start", kubernetes="The deploy ends with what the release printed. No caller reached it.")
def test_a_release_that_ends(live: Road, suffers: Suffers) -> None:
    with live.unchanged(), suffers(B):
        refused(live.run("deploy", ENDING), 2, "The release ended instead of becoming ready.", "It said: ", "it ends, since it is told to")


@fault(
    30,
    "a new release does not become ready",
    kubernetes="The deploy ends after five minutes without progress. No caller reached the new release.",
)
def test_a_release_that_is_never_ready(live: Road, suffers: Suffers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes, "START_SECONDS", 10)
    with live.unchanged(), suffers(B):
        refused(live.run("deploy", STUCK), 2, "The release made no progress for 10 s.", "containers with unready status: [release]")


@fault(
    31, "new pods do not start although the staged one did", kubernetes="The old ones answer until the previous release is applied again."
)
def test_a_roll_that_does_not_end(live: Road, suffers: Suffers, monkeypatch: pytest.MonkeyPatch) -> None:
    honest, asked = Kubernetes.build_values, list[str]()

    def values(self: Kubernetes, wanted: Deployment, now: int = 0) -> dict[str, Any]:
        asked.append(wanted.tag)
        wrong = {"config": "another = true\n"} if asked == [C, C] else {}  # the first is for the staged pod
        return honest(self, wanted, now) | wrong

    monkeypatch.setattr(Kubernetes, "build_values", values)
    with live.unchanged(), suffers(B):
        refused(live.run("deploy", C), 2, "The release ended instead of becoming ready.", "config.toml", "it was changed")
        monkeypatch.undo()


@fault(
    32,
    "somebody gives the pods another config",
    kubernetes="New pods reject it and do not become ready. The old ones answer, and the next deploy repairs it.",
)
def test_a_config_that_is_another(live: Road, suffers: Suffers) -> None:
    namespace, name = of(live)[0], live.project.name
    wrong = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-wrong"}, "data": {"config.toml": "max_rows = 1\n"}}
    namespace.kubectl("create", "--filename", "-", given=json.dumps(wrong))
    found = json.loads(namespace.kubectl("get", "deployment", name, "--output", "json"))
    at = [each["name"] for each in found["spec"]["template"]["spec"]["volumes"]].index("config")
    patch = [{"op": "replace", "path": f"/spec/template/spec/volumes/{at}/configMap/name", "value": f"{name}-wrong"}]
    with suffers(B):
        namespace.kubectl("patch", "deployment", name, "--type", "json", "--patch", json.dumps(patch))
        wait_until(lambda: any(map(pods.explain_failure, pods.select_kind(of(live)[1].list_objects("pods"), "Pod"))))
        live.must("deploy", B)
    namespace.kubectl("delete", "configmap", f"{name}-wrong")


@fault(
    33,
    "the API server is away for a minute",
    kubernetes="Pods continue to answer. A deploy that runs at that time says so, waits up to two minutes, and completes.",
)
def test_an_api_server_that_is_away(live: Road, suffers: Suffers, monkeypatch: pytest.MonkeyPatch) -> None:
    with suffers(C), monkeypatch.context() as patch, away(live, patch, AWAY_SECONDS) as leave, during(patch, "switch_traffic", live, leave):
        said = live.must("deploy", C)
    assert "warning: the cluster does not answer; trying for 120 s" in said.text
    live.must("rollback")
    live.serves(B)
    assert live.standing() == [A, B]


def of(road: Road) -> tuple[Namespace, Kubernetes]:
    """Return where a road's releases are."""
    place = road.place
    assert road.namespace
    assert isinstance(place, Kubernetes)
    return road.namespace, place


def serving(road: Road) -> list[str]:
    """Return the pods that callers are sent to."""
    return pods.list_serving(of(road)[1].list_objects("endpointslices"))


@contextmanager
def away(road: Road, patch: pytest.MonkeyPatch, seconds: float) -> Iterator[Callable[[], None]]:
    """Reach the API server by a way of one's own; yields what cuts it for so long."""
    config = json.loads(of(road)[0].kubeconfig.read_bytes())
    server = config["clusters"][0]["cluster"]
    found = urlsplit(server["server"])
    assert found.hostname
    with Relay((found.hostname, found.port or 443)) as relay:
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        server |= {"server": f"https://127.0.0.1:{relay.server_address[1]}", "tls-server-name": found.hostname}
        path = of(road)[0].kubeconfig.with_name("by-a-relay")
        path.write_text(json.dumps(config))
        patch.setenv("KUBECONFIG", str(path))

        def leave() -> None:
            relay.is_cut = True
            threading.Timer(seconds, setattr, [relay, "is_cut", False]).start()

        yield leave
        relay.shutdown()
