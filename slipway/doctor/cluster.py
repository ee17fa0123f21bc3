"""What the cluster has to be for a release to run there, asked with the account that deploys."""

import base64
import json
import math
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

from slipway.doctor.finding import Finding, good, mend
from slipway.errors import PipelineError
from slipway.operate.chain import Deployment
from slipway.operate.targets import pods
from slipway.operate.targets.cluster import Object, build_values
from slipway.operate.targets.kubernetes import Kubernetes
from slipway.project import Project

# The first in which a pod may wait before it is told to end.
OLDEST = (1, 30)
PULL_SECONDS, RENEW_DAYS = 120, 14
AT_ONCE = 8
BETWEEN = re.compile(r"^}\n{", re.MULTILINE)
ANY = Deployment("doctor", "sha256:" + 64 * "0", "", "", "", None, 0, "", "")


def check_cluster(project: Project) -> Iterator[Finding]:
    """Yield what is found of the cluster; where none answers there is one finding."""
    target = Kubernetes(project)
    try:
        yield check_version(target)
    except PipelineError as error:
        yield mend("cluster", "none answers", "Nothing can be deployed or rolled back.", str(error))
        return
    for what, check in CHECKS.items():
        try:
            yield check(what, target)
        except PipelineError as error:
            yield mend(what, "could not be checked", "A deploy may fail there.", str(error))


def check_version(target: Kubernetes) -> Finding:
    """Check that the cluster is new enough, and name it."""
    version = json.loads(target.cluster.kubectl("version", "--output", "json"))["serverVersion"]
    where = f"namespace {_read_namespace(target)} on {_read_config(target)['clusters'][0]['cluster']['server']}"
    found = f"Kubernetes {version['gitVersion']}, {where}"
    if (int(version["major"]), int(re.sub(r"\D", "", version["minor"]))) >= OLDEST:
        return good("cluster", found)
    return mend("cluster", found, "The chart takes 1.30 or later.", "update the cluster")


def check_access(what: str, target: Kubernetes) -> Finding:
    """Check that this account may do what infra/deployer.yaml lets it do."""
    path = str(target.project.root / "infra" / "deployer.yaml")
    objects = parse_objects(target.cluster.kubectl("create", "--dry-run=client", "--output", "json", "--filename", path))
    [role] = pods.select_kind(objects, "Role")
    wanted = [
        (verb, resource, group)
        for rule in role["rules"]
        for verb, resource, group in product(rule["verbs"], rule["resources"], rule["apiGroups"])
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        may = list(pool.map(lambda each: _may(target, *each), wanted))
    if all(may):
        return good(what, f"all {len(wanted)} rights of infra/deployer.yaml")
    lacking = ", ".join(f"{verb} {resource}" for (verb, resource, _), has in zip(wanted, may, strict=True) if not has)
    fix = "an administrator: kubectl apply --namespace NAMESPACE --filename infra/deployer.yaml, and this account in its RoleBinding"
    return mend(what, f"not allowed: {lacking}", "A deploy or a rollback ends at that step.", fix)


def _may(target: Kubernetes, verb: str, resource: str, group: str) -> bool:
    name, _, part = resource.partition("/")
    what = {"namespace": _read_namespace(target), "verb": verb, "group": group, "resource": name, "subresource": part}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": what}}
    answer = target.cluster.kubectl("create", "--validate=false", "--output=json", "--filename=-", stdin=json.dumps(review))
    return bool(json.loads(answer)["status"]["allowed"])


def _read_namespace(target: Kubernetes) -> str:
    return str(_read_config(target)["contexts"][0]["context"].get("namespace", "default"))


def _read_config(target: Kubernetes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(target.cluster.kubectl("config", "view", "--raw", "--minify", "--output", "json"))
    return found


def check_token(what: str, target: Kubernetes) -> Finding:
    """Check until when the kubeconfig's token lets this account in."""
    token = _read_config(target)["users"][0]["user"].get("token", "")
    if token.count(".") != 2:
        return good(what, "the kubeconfig has no token that ends by itself")
    part = token.split(".")[1]
    ends = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))).get("exp", math.inf)
    hours = (ends - time.time()) / 3600
    if hours >= 24 * RENEW_DAYS:
        return good(what, f"lets in for {hours / 24:.0f} days" if ends < math.inf else "does not end")
    why = "After that, nothing can be deployed or rolled back. A managed cluster may have made it shorter than you asked for."
    fix = "kubectl create token deployer --namespace NAMESPACE --duration 2160h, in the kubeconfig; or one that fetches tokens itself"
    return mend(what, f"lets in for {hours:.0f} hours more", why, fix)


def check_admission(what: str, target: Kubernetes) -> Finding:
    """Check that the cluster takes all that the chart holds; it keeps none of it."""
    words = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--filename", "-")
    try:
        target.cluster.kubectl(*words, stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": _render_chart(target)}))
    except PipelineError as error:
        fix = "correct infra/chart/values.yaml, or ask the cluster's administrator to create the namespace or to allow this"
        return mend(what, str(error), "A deploy ends before anything is started.", fix)
    return good(what, "the cluster accepts everything in infra/chart")


def check_pull(what: str, target: Kubernetes) -> Finding:
    """Have a node pull the image that the environment's pointer names, in a pod that ends at once."""
    digest = target.read_pointer()
    if digest is None:
        return good(what, f"{target.project.image_name} answers, {target.project.environment} is not set yet")
    pod = _make_pod(target, target.locate_release(digest))
    name = pods.read_name(pod)
    target.cluster.kill_pods(name)
    target.cluster.write_object("create", pod)
    try:
        reason = _wait_for_pull(target, name)
    finally:
        target.cluster.kill_pods(name)
    if reason is None:
        return good(what, f"a node has pulled {digest[:19]}")
    fix = "imagePullSecrets in infra/chart/values.yaml, and that secret in the namespace; kubectl describe pod says more"
    return mend(what, reason, "No release can be started.", fix)


def _wait_for_pull(target: Kubernetes, name: str) -> str | None:
    """Wait until a pod has its image; returns why it has none."""
    deadline, pod = time.monotonic() + PULL_SECONDS, None
    while time.monotonic() < deadline:
        pod = target.cluster.read_object("pod", name)
        if pod is None:
            return "the pod was removed before it started"
        state = (pods.find_container(pod) or {"state": {}})["state"]
        if "terminated" in state or "running" in state:
            return None
        if reason := pods.explain_failure(pod):
            return reason
        time.sleep(0.5)
    return f"not pulled after {PULL_SECONDS} s: {pods.explain_waiting(pod) if pod else 'no pod'}"


def _make_pod(target: Kubernetes, image: str) -> Object:
    """Return a pod like the chart's staged one that does nothing."""
    [pod] = pods.select_kind(_render_chart(target), "Pod")
    container = pod["spec"]["containers"][0]
    for name in ("startupProbe", "readinessProbe", "livenessProbe", "lifecycle"):
        container.pop(name, None)
    mounts = [each for each in container["volumeMounts"] if each["name"] != "config"]
    container |= {"image": image, "command": ["python", "-c", "pass"], "volumeMounts": mounts}
    pod["spec"]["volumes"] = [each for each in pod["spec"]["volumes"] if each["name"] != "config"]
    pod["metadata"]["name"] = f"{target.project.name}-doctor"
    return pod


def check_metrics(what: str, target: Kubernetes) -> Finding:
    """Check that the cluster has the metrics that the autoscaler goes by."""
    scalers = pods.select_kind(_render_chart(target), "HorizontalPodAutoscaler")
    kinds = {each["type"] for scaler in scalers for each in scaler["spec"]["metrics"]}
    served = target.cluster.kubectl("api-versions") if kinds else ""
    lacking = [API[each] for each in sorted(kinds) if f"{API[each]}/" not in served]
    if not lacking:
        return good(what, "the autoscaler finds them" if scalers else "not needed: maxReplicas is replicas, so nothing scales")
    why = "The autoscaler cannot see the load: there are never more pods than `replicas`."
    fix = "ask an administrator for metrics-server, or the adapter; or set maxReplicas to replicas in infra/chart/values.yaml"
    return mend(what, f"the cluster does not serve {', '.join(lacking)}", why, fix)


def _render_chart(target: Kubernetes) -> list[Object]:
    """Return all that the chart holds, for no release in particular."""
    values: dict[str, Any] = build_values(ANY, target.locate_release(ANY.digest), "doctor = true\n")
    text = target.chart.render({**values, "staged": True})
    return parse_objects(target.cluster.kubectl("create", "--dry-run=client", "--output", "json", "--filename", "-", stdin=text))


def parse_objects(printed: str) -> list[Object]:
    """Read the objects that kubectl prints one after the other."""
    found: list[Object] = json.loads(f"[{BETWEEN.sub('},{', printed)}]")
    return found


API = {"Resource": "metrics.k8s.io", "Pods": "custom.metrics.k8s.io"}
CHECKS: dict[str, Callable[[str, Kubernetes], Finding]] = {
    "access": check_access,
    "token": check_token,
    "admission": check_admission,
    "image pull": check_pull,
    "metrics": check_metrics,
}
