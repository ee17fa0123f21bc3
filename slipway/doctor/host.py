"""What the host has to be for a release to run there. It is asked as a deploy asks it; a container of the proxy's image looks around."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import docker
from docker.errors import APIError, DockerException

from slipway.doctor import cluster, here
from slipway.doctor.finding import Finding, good, mend
from slipway.errors import PipelineError
from slipway.operate import docker_engine, registry
from slipway.operate.docker_engine import CONFINED
from slipway.operate.host import secrets
from slipway.operate.record import ENVIRONMENT
from slipway.operate.switch import KEPT
from slipway.operate.targets.containers import parse_time
from slipway.operate.targets.proxy import Proxy
from slipway.project import Project

# The first engine whose API the verbs speak.
OLDEST_API = (1, 41)
CLOCK_SECONDS = 60


def findings(project: Project) -> Iterator[Finding]:
    """Yield what the place is where the project's service runs."""
    way = {"docker": "DOCKER_HOST", "kubernetes": "KUBECONFIG"}.get(project.target)
    if way and here.in_workflow() and not os.environ.get(way):
        fix = f"set {', '.join(secrets(project.target))} in the environment {ENVIRONMENT}"
        yield mend("host", "none is named", "A tag ends with `deploy skipped`, a rollback red.", fix)
    elif project.target == "kubernetes":
        yield from cluster.findings(project)
    elif project.target == "docker":
        yield from on_engine(project)
    else:
        yield here.own_port(project)
    if project.target == "docker":
        yield here.tls(project)
    yield here.runs(project)


def on_engine(project: Project) -> Iterator[Finding]:
    """Yield what the host's engine says; without one there is one finding."""
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
            yield mend(what, "could not be looked at", "A deploy may fail there.", str(error))


def engine(what: str, _: Project, client: docker.DockerClient) -> Finding:
    """Look whether the engine is new enough."""
    told, where = client.version(), os.environ.get("DOCKER_HOST") or "this machine"
    found = f"Docker Engine {told['Version']} on {where}"
    if tuple(map(int, told["ApiVersion"].split("."))) >= OLDEST_API:
        return good(what, found)
    return mend(what, found, "The verbs speak a newer language than it knows.", "install Docker Engine 20.10 or later there")


def disk(what: str, project: Project, client: docker.DockerClient) -> Finding:
    """Look whether there is room for the releases that are kept, and for the next."""
    printed = looking(project, client, ["df", "--output=avail", "--block-size=1M", "/"]).split()
    free, wanted = float(printed[-1]), (KEPT + 1) * project.image_mb
    found = f"{free / 1000:.1f} GB free, {wanted / 1000:.1f} wanted for {KEPT + 1} images of the largest size allowed"
    if free >= wanted:
        return good(what, found)
    return mend(
        what, found, "A deploy ends when the disk is full; what serves goes on.", "on the host: docker system df, docker system prune"
    )


def clock(what: str, _: Project, client: docker.DockerClient) -> Finding:
    """Hold its clock against the one here."""
    off = (parse_time(client.info()["SystemTime"]) - datetime.now(UTC)).total_seconds()
    if abs(off) <= CLOCK_SECONDS:
        return good(what, "as here")
    why = "Logs and history cannot be put beside each other, and TLS certificates are refused."
    return mend(what, f"{off:+.0f} s from the one here", why, "on the host: timedatectl set-ntp true")


def port(what: str, project: Project, client: docker.DockerClient) -> Finding:
    """Look whether the address is the proxy's, or free."""
    proxy = Proxy(project, client).find_container()
    if proxy and proxy.status == "running":
        return good(what, f"{project.address}, the proxy's")
    at = {"80/tcp": (project.host, project.port)}
    try:
        looking(project, client, ["true"], network_mode="bridge", ports=at)
    except APIError as error:
        why = "The first deploy cannot start the proxy."
        return mend(
            what, f"{project.address}: {error.explanation}", why, "stop what listens there, or change [deploy] address in project.toml"
        )
    return good(what, f"{project.address} is free")


def images(what: str, project: Project, client: docker.DockerClient) -> Finding:
    """Look whether the host reaches the registry, as it pulls from there."""
    found = registry.digest(client, f"{project.repository}:production")
    return good(what, f"{project.repository} answers, production is {found[:19] if found else 'not set yet'}")


def looking(project: Project, client: docker.DockerClient, command: list[str], **settings: object) -> str:
    """Return what a command prints in a container on the host. Raises DockerException."""
    image = Proxy(project, client).choose_image()
    registry.ensure(client, image)
    container = client.containers.create(image, entrypoint=command, **{**CONFINED, "network_mode": "none", **settings})
    try:
        container.start()
        container.wait()
        return str(container.logs().decode(errors="replace"))
    finally:
        container.remove(force=True)


CHECKS: dict[str, Callable[[str, Project, docker.DockerClient], Finding]] = {
    "engine": engine,
    "disk": disk,
    "clock": clock,
    "port": port,
    "registry": images,
}
