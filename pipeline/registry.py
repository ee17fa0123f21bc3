"""The image registry, through the engine."""

import docker
from docker.errors import APIError, ImageNotFound, NotFound

from pipeline.errors import PipelineError


def digest(client: docker.DockerClient, name: str) -> str | None:
    """Return the digest of an image in its registry, None when the registry says that there is none. Raises PipelineError."""
    try:
        return str(client.images.get_registry_data(name).id)
    except NotFound:
        return None
    except APIError as error:
        raise PipelineError(
            f"The registry could not be asked for {name}: {error.explanation}. Next: docker login, or look at the network."
        ) from error


def ensure(client: docker.DockerClient, name: str) -> None:
    """Pull an image unless it is on the host. Raises PipelineError."""
    try:
        client.images.get(name)
    except ImageNotFound:
        pull(client, name)


def pull(client: docker.DockerClient, name: str) -> None:
    """Pull an image. Raises PipelineError."""
    try:
        client.images.pull(name)
    except APIError as error:
        raise PipelineError(f"{name} could not be pulled: {error.explanation}. Next: docker pull {name} shows why.") from error


def push(client: docker.DockerClient, image: str, repository: str, tag: str) -> str:
    """Push an image under a tag and return its digest. Raises PipelineError."""
    try:
        client.images.get(image).tag(repository, tag)
        said = [str(each["error"]) for each in client.images.push(repository, tag=tag, stream=True, decode=True) if "error" in each]
    except APIError as error:
        said = [str(error.explanation)]
    found = None if said else digest(client, f"{repository}:{tag}")
    if found is None:
        raise PipelineError(
            f"{repository}:{tag} could not be pushed: {' '.join(said)}. Next: docker login, or look at [image] in project.toml."
        )
    return found
