"""The target kubernetes on a real cluster: the chart, the account, the doctor, and a config that comes back with its release."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from slipway.cli import ROOT
from slipway.doctor import cluster as doctor
from slipway.doctor.finding import GOOD, MEND, Finding
from slipway.errors import PipelineError
from slipway.operate.targets import cluster as clusters
from slipway.operate.targets.kubernetes import Kubernetes
from tests.conftest import Road, wait_until
from tests.library import cluster
from tests.library.cluster import Namespace
from tests.library.test_lifecycle import NO_FLOORS, A, B, pushed, refused
from tests.library.test_promotion import allow
from tests.library.test_watching import NEW

pytestmark = [pytest.mark.road, pytest.mark.docker, pytest.mark.kubernetes]

FEW_ROWS = 600  # the gate asks for 500 at a time


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Road:
    """Two releases; the second only changes the serving config."""
    road = Road.copied(tmp_path_factory.mktemp("kubernetes") / "project")
    (road.root / "validation" / "thresholds.toml").write_text(NO_FLOORS)
    road.make(A)
    config = road.root / "service" / "config.toml"
    config.write_text(re.sub(r"max_rows = \d+", f"max_rows = {FEW_ROWS}", config.read_text(encoding="utf-8")), encoding="utf-8")
    road.make(B, champion=str(road.kept(A) / "bundle"))
    return road


@pytest.fixture(scope="module", params=["kubernetes"])
def road(made: Road, request: pytest.FixtureRequest) -> Iterator[Road]:
    with pushed(made, request, A, B) as road:
        yield road


def status_of(road: Road, rows: int) -> int:
    """Ask for so many rows; returns the status of the answer."""
    golden = json.loads((road.kept(A) / "bundle" / "golden.json").read_bytes())["rows"][:1]
    return httpx.post(f"{road.url}/predict", json=golden * rows).status_code


def test_a_config_comes_back_with_its_release(road: Road, namespace: Namespace) -> None:
    road.stand(A)
    assert status_of(road, FEW_ROWS + 1) == 200
    road.must("deploy", B)
    assert (status_of(road, FEW_ROWS), status_of(road, FEW_ROWS + 1)) == (200, 413)
    said = road.must("rollback", "--reason", "callers send more rows")
    assert status_of(road, FEW_ROWS + 1) == 200
    road.serves(A)
    proof = [line for line in said.out.splitlines() if line.startswith("| golden answers")]
    assert ", on 2 of 2 replicas" in proof[0]
    shown = json.loads(namespace.kubectl("get", "configmaps", "--selector", "release.config", "--output", "json"))["items"]
    held = {each["metadata"]["name"]: (each["immutable"], each["data"]["config.toml"]) for each in shown}
    configs = [(road.kept(tag) / "bundle" / "config.toml").read_text(encoding="utf-8") for tag in (A, B)]
    assert held == {clusters.name_config(road.project.name, each): (True, each) for each in configs}
    road.must("resume")


def test_a_rollback_takes_neither_registry_nor_engine(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    road.stand(A, B)
    with monkeypatch.context() as patch:
        patch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
        said = road.must("rollback")
    assert "the pointer `production` was not moved: No Docker engine answers" in said.text
    road.serves(A)
    road.must("resume")


def test_only_a_signed_release_is_deployed(road: Road, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    road.stand(A)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    allow(road, tmp_path / "key")
    try:
        with road.unchanged():
            unsigned = f"{B}, {road.digests[B][:19]}, may not be deployed: It has no signature."
            refused(road.run("deploy", B), 2, unsigned, "Nothing was deployed, and --approved-by does not help. Next: ")
        monkeypatch.setenv("SIGNING_KEY", (tmp_path / "key").read_text())
        road.must("sign", B)
        road.must("deploy", B)
        road.serves(B)
        road.must("rollback")  # which needs no signature
        road.serves(A)
        road.must("resume")
    finally:
        road.git("reset", "--quiet", "--hard", "HEAD~1")


def test_the_account_may_do_what_it_has_to_and_no_more(road: Road, namespace: Namespace) -> None:
    may = Kubernetes(road.project).cluster.kubectl
    for words in ("get secrets", "get pods --namespace kube-system", "get nodes", "create role x --verb get --resource pods"):
        with pytest.raises(PipelineError, match="Forbidden"):
            may(*words.split())
    assert found(road)["access"].state == GOOD
    road.stand(A)
    role = json.loads(namespace.kubectl("get", "role", "deployer", "--output", "json"))
    less = {**role, "rules": [rule for rule in role["rules"] if "pods/exec" not in rule["resources"]]}
    with road.unchanged():  # which asks the pods, so the account may do that again by then
        try:
            namespace.kubectl("replace", "--filename", "-", given=json.dumps(less))
            wait_until(lambda: found(road)["access"].found == "not allowed: get pods/exec, create pods/exec")
            refused(road.run("deploy", B), 2, "pods/exec")
        finally:
            namespace.kubectl("apply", "--filename", str(ROOT / "infra" / "deployer.yaml"))
        wait_until(lambda: found(road)["access"].state == GOOD)


def found(road: Road) -> dict[str, Finding]:
    """Return what the doctor finds."""
    return {each.what: each for each in doctor.check_cluster(road.project)}


def test_the_doctor_sees_a_cluster_that_is_as_it_should_be(road: Road) -> None:
    road.stand(A)
    seen = found(road)
    assert {each.what for each in seen.values() if each.state != GOOD} == {"token"}, seen
    assert seen["token"].found in ("lets in for 4 hours more", "lets in for 3 hours more")
    assert (list(seen), "Kubernetes v1." in seen["cluster"].found) == (
        ["cluster", "access", "token", "admission", "image pull", "metrics"],
        True,
    )
    assert seen["image pull"].found == f"a node has pulled {str(road.place.read_pointer())[:19]}"


@pytest.mark.parametrize(
    ("path", "by", "what", "sentence"),
    [
        ("values.yaml", {"maxReplicas: 2": "maxReplicas: 9"}, "metrics", "the cluster does not serve metrics.k8s.io"),
        (
            "values.yaml",
            {"maxReplicas: 2": "maxReplicas: 9", "queueDepth: 0": "queueDepth: 5"},
            "metrics",
            "serve custom.metrics.k8s.io",
        ),
        ("values.yaml", {"cpuPercent: 70": "cpuPercent: much"}, "admission", "at '/autoscaling/cpuPercent': got string, want integer"),
        ("values.yaml", {"replicas: 2": "replicsa: 2"}, "admission", "additional properties 'replicsa' not allowed"),
        ("templates/_pod.tpl", {"runAsNonRoot: true": "runAsNonRoot: false"}, "admission", "violates PodSecurity"),
    ],
)
def test_the_doctor_says_what_is_to_mend(road: Road, path: str, by: dict[str, str], what: str, sentence: str) -> None:
    file = road.root / "infra" / "chart" / path
    before = file.read_text(encoding="utf-8")
    try:
        cluster.replace(file, by)
        seen = found(road)[what]
        assert (seen.state, sentence in " ".join(seen.found.split())) == (MEND, True), seen
    finally:
        file.write_text(before, encoding="utf-8")


def test_an_image_that_no_node_can_pull_is_told(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kubernetes, "read_pointer", lambda _: f"sha256:{64 * '0'}")
    seen = found(road)["image pull"]
    assert (seen.state, "The release cannot be started: ErrImagePull" in seen.found) == (MEND, True), seen


def test_no_cluster_is_one_finding(road: Road, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert [(each.what, each.found) for each in doctor.check_cluster(road.project)] == [("cluster", "none answers")]
    refused(road.run("status"), 2, "No cluster answers", "KUBECONFIG", "Next: kubectl cluster-info")


def test_the_chart_passes_its_linter(tmp_path: Path) -> None:
    values = tmp_path / "values.json"
    values.write_text(json.dumps(clusters.build_values(NEW, f"registry.invalid/x@sha256:{64 * '0'}", "max_rows = 7\n")))
    subprocess.run(["helm", "lint", "--strict", str(ROOT / "infra" / "chart"), "--values", str(values)], check=True, capture_output=True)


def test_the_cluster_takes_the_chart_with_all_that_may_be_set(road: Road) -> None:
    place = Kubernetes(road.project)
    given: dict[str, Any] = {
        **clusters.build_values(NEW, f"registry.invalid/x@sha256:{64 * '0'}", "max_rows = 7\n", pods=5),
        "autoscaling": {"maxReplicas": 9, "cpuPercent": 60, "queueDepth": 4},
        "imagePullSecrets": [{"name": "registry"}],
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "pool", "operator": "Exists"}],
        "podLabels": {"team": "demand"},
        "leaveSeconds": 30,
        "networkPolicy": {"from": [{"namespaceSelector": {}}], "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]},
    }
    text = place.chart.render(given)
    shown = doctor.parse_objects(place.cluster.kubectl("apply", "--dry-run=server", "--output", "json", "--filename", "-", stdin=text))
    objects = {each["kind"]: each for each in (shown[0]["items"] if shown[0]["kind"] == "List" else shown)}
    assert set(objects) == {
        *("ConfigMap", "Deployment", "HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget", "Service"),
    }
    assert objects["Deployment"]["spec"]["replicas"] == 5  # what was scaled stays
    assert [each["type"] for each in objects["HorizontalPodAutoscaler"]["spec"]["metrics"]] == ["Resource", "Pods"]
    pod = objects["Deployment"]["spec"]["template"]
    assert (pod["metadata"]["labels"]["team"], pod["spec"]["nodeSelector"]) == ("demand", {"kubernetes.io/arch": "amd64"})
    assert (pod["spec"]["tolerations"][0]["key"], pod["spec"]["terminationGracePeriodSeconds"]) == ("pool", 65)
    policy = objects["NetworkPolicy"]["spec"]
    assert (policy["ingress"][0]["from"], policy["egress"][0]["to"][0]["ipBlock"]["cidr"]) == ([{"namespaceSelector": {}}], "10.0.0.0/8")
