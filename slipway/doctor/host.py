"""What a deploy needs: certificate, address and ledger on this machine, and the host that releases run on.

The host is asked as a deploy asks it; a container of the proxy's image looks around there.
"""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import docker
import httpx
from cryptography.x509 import load_pem_x509_certificates
from docker.errors import APIError, DockerException

from slipway import http_client
from slipway.doctor import cluster
from slipway.doctor.api import is_runner
from slipway.doctor.finding import Finding, good, mend, note
from slipway.errors import PipelineError
from slipway.operate import alert, docker_engine, registry
from slipway.operate.docker_engine import CONFINED
from slipway.operate.switch import KEPT
from slipway.operate.targets import haproxy
from slipway.operate.targets.containers import parse_time
from slipway.operate.targets.monitoring import Monitoring
from slipway.operate.targets.proxy import Proxy
from slipway.operate.workflow import list_secrets
from slipway.project import Project
from slipway.tracking import ledger

# The first engine whose API the verbs speak.
OLDEST_API = (1, 41)
CLOCK_SECONDS, RENEW_DAYS, MLFLOW_SECONDS = 60, 21, 10
FREE_PORT = "stop what listens there, or change [deploy] address in project.toml"


def check_host(project: Project) -> Iterator[Finding]:
    """Yield what is found of the place where the project's service runs."""
    variable = {"docker": "DOCKER_HOST", "kubernetes": "KUBECONFIG"}.get(project.target)
    if variable and is_runner() and not os.environ.get(variable):
        fix = f"set {', '.join(list_secrets(project.target))} in the environment {project.environment}"
        yield mend("host", "none is named", "A tag ends with `deploy skipped`, and a rollback fails.", fix)
    elif project.target == "kubernetes":
        yield from cluster.check_cluster(project)
    elif project.target == "docker":
        yield from _check_engine_host(project)
    else:
        yield check_local_port(project)
    if project.target == "docker":
        yield check_certificate(project)
    if project.target != "kubernetes":  # there, what reaches the Service is the platform's
        yield check_callers(project)
    yield check_ledger(project)


# --- this machine


def check_certificate(project: Project) -> Finding:
    """Check that the certificate is valid for three weeks."""
    if project.certificate is None:
        return good("certificate", "none: callers come with http")
    why, fix = "When it expires, callers cannot connect.", f"put the renewed one into {project.certificate}, and deploy"
    try:
        pem = haproxy.read_certificate(project.certificate)
        haproxy.check_certificate(pem, project.certificate)
    except PipelineError as error:
        return mend("certificate", str(error).partition(". ")[0], why, fix)
    days = (load_pem_x509_certificates(pem.encode())[0].not_valid_after_utc - datetime.now(UTC)).days
    return good("certificate", f"{days} days left") if days >= RENEW_DAYS else mend("certificate", f"{days} days left", why, fix)


def check_callers(project: Project) -> Finding:
    """Check that callers need a key where others than this machine reach the address."""
    if project.callers.keys:
        return good("callers", "they need a key: ./run keys list")
    if project.host in http_client.LOOPBACK or project.host.startswith("127."):
        return good("callers", f"they need no key, and only the host itself reaches {project.address}")
    fix = "./run keys add NAME for each caller; then keys = true in [callers] of project.toml, and ./run keys apply"
    return mend("callers", f"they need no key at {project.address}", "Whoever reaches it may call, and callers cannot be told apart.", fix)


def check_local_port(project: Project) -> Finding:
    """Check that the address on this machine is the service's, or free."""
    served = (project.state / "local" / "current").is_symlink()
    try:
        http_client.try_bind(project.host, project.port)
    except OSError as error:
        if not served:
            return mend("port", f"{project.address}: {error.strerror}", "The first deploy cannot start the service.", FREE_PORT)
    return good("port", f"{project.address}, {'the service' if served else 'free'}")


def check_ledger(project: Project) -> Finding:
    """Check that runs can be recorded; a rollback does without."""
    uri, why = os.environ.get("MLFLOW_TRACKING_URI", ""), "Runs, verdicts and the live release are not recorded; everything else works."
    try:
        if not uri.startswith("http"):
            ledger.refuse_folder(project)
            return good("MLflow", uri or "the file mlflow.db")
        http_client.send_request("GET", f"{uri.rstrip('/')}/health", MLFLOW_SECONDS).raise_for_status()
    except PipelineError as error:
        what, _, fix = str(error).partition(". Next: ")
        return mend("MLflow", what, why, f"{fix}; then ./run track")
    except httpx.HTTPError as error:
        return mend("MLflow", f"{uri}: {error}", why, "start the server, or correct MLFLOW_TRACKING_URI; then ./run track")
    return good("MLflow", f"{uri} answers")


# --- the host's engine


def _check_engine_host(project: Project) -> Iterator[Finding]:
    try:
        client = docker_engine.connect()
        client.info()
    except (DockerException, PipelineError) as error:
        where = os.environ.get("DOCKER_HOST") or "this machine"
        yield mend("host", f"no engine answers on {where}", "Nothing can be deployed or rolled back.", str(error))
        return
    for what, check in CHECKS.items():
        try:
            yield check(what, project, client)
        except (DockerException, PipelineError) as error:
            yield mend(what, "could not be checked", "A deploy may fail there.", str(error))


def check_engine(what: str, _: Project, client: docker.DockerClient) -> Finding:
    """Check that the engine is new enough."""
    version, where = client.version(), os.environ.get("DOCKER_HOST") or "this machine"
    found = f"Docker Engine {version['Version']} on {where}"
    if tuple(map(int, version["ApiVersion"].split("."))) >= OLDEST_API:
        return good(what, found)
    return mend(what, found, "It is too old for the commands that Slipway uses.", "install Docker Engine 20.10 or later there")


def check_disk(what: str, project: Project, client: docker.DockerClient) -> Finding:
    """Check that there is room for the releases that are kept, and for the next."""
    printed = _run_container(project, client, ["df", "--output=avail", "--block-size=1M", "/"]).split()
    free, wanted = float(printed[-1]), (KEPT + 1) * project.image_mb
    found = f"{free / 1000:.1f} GB free, {wanted / 1000:.1f} wanted for {KEPT + 1} images of the largest size allowed"
    if free >= wanted:
        return good(what, found)
    why = "A deploy ends when the disk is full; the live release stays live."
    return mend(what, found, why, "on the host: docker system df, docker system prune")


def check_clock(what: str, _: Project, client: docker.DockerClient) -> Finding:
    """Compare the host's clock with the one here."""
    off = (parse_time(client.info()["SystemTime"]) - datetime.now(UTC)).total_seconds()
    if abs(off) <= CLOCK_SECONDS:
        return good(what, "as here")
    why = "The times in logs and history do not match, and TLS certificates may be rejected."
    return mend(what, f"{off:+.0f} s from the one here", why, "on the host: timedatectl set-ntp true")


def check_port(what: str, project: Project, client: docker.DockerClient) -> Finding:
    """Check that the address is the proxy's, or free."""
    proxy = Proxy(project, client).find_container()
    if proxy and proxy.status == "running":
        return good(what, f"{project.address}, the proxy's")
    try:
        _run_container(project, client, ["true"], network_mode="bridge", ports={"80/tcp": (project.host, project.port)})
    except APIError as error:
        return mend(what, f"{project.address}: {error.explanation}", "The first deploy cannot start the proxy.", FREE_PORT)
    return good(what, f"{project.address} is free")


def check_registry(what: str, project: Project, client: docker.DockerClient) -> Finding:
    """Check that the host reaches the registry, as it pulls from there."""
    found = registry.fetch_digest(client, f"{project.image_name}:{project.environment}")
    return good(what, f"{project.image_name} answers, {project.environment} is {found[:19] if found else 'not set yet'}")


def check_alerts(what: str, project: Project, client: docker.DockerClient) -> Finding:
    """Check that somebody receives alerts; whether they arrive, `./run alert --test` shows."""
    if project.watch is None:
        return note(what, "[watch] is not in project.toml", "Nothing monitors the service, so nobody learns that it fails.")
    place = Monitoring(project, client, Proxy(project, client).choose_image)
    try:
        return good(what, f"{alert.find_receiver(place.load_files(), place.volume.read())} receives them; ./run alert --test tries it")
    except PipelineError as error:
        found, _, fix = str(error).partition(" Next: ")
        judge = note if isinstance(error, alert.Nobody) else mend
        return judge(what, found.rstrip("."), "Nobody learns at 3 a.m. that the service fails.", fix)


def _run_container(project: Project, client: docker.DockerClient, command: list[str], **settings: object) -> str:
    """Return what a command prints in a container on the host. Raises DockerException."""
    image = Proxy(project, client).choose_image()
    registry.ensure_image(client, image)
    container = client.containers.create(image, entrypoint=command, **{**CONFINED, "network_mode": "none", **settings})
    try:
        container.start()
        container.wait()
        return str(container.logs().decode(errors="replace"))
    finally:
        container.remove(force=True)


CHECKS: dict[str, Callable[[str, Project, docker.DockerClient], Finding]] = {
    "engine": check_engine,
    "disk": check_disk,
    "clock": check_clock,
    "port": check_port,
    "registry": check_registry,
    "alerts": check_alerts,
}
