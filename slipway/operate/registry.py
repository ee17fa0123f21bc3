"""The image registry, through the engine."""

from contextlib import suppress

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.images import Image

from slipway.errors import PipelineError
from slipway.operate.connection import report_loss


def fetch_digest(client: docker.DockerClient, name: str) -> str | None:
    """Return the digest of an image in its registry, None when the registry has none. Raises PipelineError."""
    try:
        return str(client.images.get_registry_data(name).id)
    except NotFound:
        return None
    except APIError as error:
        raise PipelineError(
            f"The registry could not be asked for {name}: {error.explanation}. Next: docker login, or look at the network."
        ) from error


def find_digest(client: docker.DockerClient, name: str) -> str:
    """Return the digest of an image, as the engine has it or else as its registry says; empty where neither knows one."""
    with suppress(DockerException):
        digests = client.images.get(name).attrs["RepoDigests"] or []
        return str(digests[0]).rpartition("@")[2] if digests else ""
    with suppress(DockerException, PipelineError):
        return fetch_digest(client, name) or ""
    return ""


def ensure_image(client: docker.DockerClient, name: str) -> Image:
    """Return an image, pulled unless it is on the host. Raises PipelineError."""
    try:
        return client.images.get(name)
    except ImageNotFound:
        return pull_image(client, name)


def pull_image(client: docker.DockerClient, name: str) -> Image:
    """Pull an image. Raises PipelineError."""
    try:
        with report_loss(client):
            return client.images.pull(name)
    except APIError as error:
        raise PipelineError(
            f"{name} is not on the host, and could not be pulled: {error.explanation}. It takes the registry, or a machine that has it: "
            f"docker save there, docker load on the host. Next: docker pull {name} shows why."
        ) from error


def push_image(client: docker.DockerClient, image: str, name: str, tag: str) -> str:
    """Push an image under a tag and return its digest. Raises PipelineError."""
    try:
        client.images.get(image).tag(name, tag)
        with report_loss(client):
            errors = [str(each["error"]) for each in client.images.push(name, tag=tag, stream=True, decode=True) if "error" in each]
    except APIError as error:
        errors = [str(error.explanation)]
    found = None if errors else fetch_digest(client, f"{name}:{tag}")
    if found is None:
        raise PipelineError(
            f"{name}:{tag} could not be pushed: {' '.join(errors)}. Next: docker login, or look at [image] in project.toml."
        )
    return found
