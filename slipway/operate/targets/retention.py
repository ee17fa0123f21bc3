"""Which images stay on a host. `docker system prune` takes each that no container runs on; so on those that are kept one sleeps."""

from contextlib import suppress
from typing import Any

import docker
from docker.errors import APIError
from docker.models.containers import Container

from slipway.operate.docker_engine import CONFINED, STAYING
from slipway.operate.targets.release_container import LABEL, PROJECT
from slipway.project import Project

KEEPS = LABEL + "keeps"
ASLEEP: dict[str, Any] = {**CONFINED, "mem_limit": "16m", "pids_limit": 8, "network_mode": "none"}


def keep(client: docker.DockerClient, project: Project, digests: set[str]) -> None:
    """Protect the images of these releases, and remove those of all others of the project."""
    keepers = {each.labels[KEEPS]: each for each in sleeping(client, project)}
    for digest in digests - set(keepers):
        protect(client, project, digest)
    for digest in set(keepers) - digests:
        keepers[digest].remove(force=True)
    for name in pulled(client, project):
        if name.partition("@")[2] not in digests:
            with suppress(APIError):  # something else uses it
                client.images.remove(name)


def protect(client: docker.DockerClient, project: Project, digest: str) -> None:
    """Have a container sleep on an image."""
    client.containers.run(
        f"{project.repository}@{digest}",
        detach=True,
        name=f"{project.name}-keeps-{digest.removeprefix('sha256:')[:12]}",
        entrypoint=["sleep", "infinity"],
        labels={PROJECT: project.name, KEEPS: digest},
        healthcheck={"test": ["NONE"]},
        **STAYING,
        **ASLEEP,
    )


def forget(client: docker.DockerClient, project: Project) -> None:
    """Protect nothing any more."""
    for each in sleeping(client, project):
        each.remove(force=True)


def sleeping(client: docker.DockerClient, project: Project) -> list[Container]:
    """Return the containers that sleep."""
    return client.containers.list(all=True, filters={"label": [f"{PROJECT}={project.name}", KEEPS]})


def pulled(client: docker.DockerClient, project: Project) -> list[str]:
    """Return the project's images by digest; what was built on the same machine has another name too, and keeps that."""
    images = client.images.list(project.repository)
    return [name for image in images for name in image.attrs["RepoDigests"] or [] if name.startswith(f"{project.repository}@")]
