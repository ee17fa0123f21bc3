"""The image registry, through the engine."""

import base64
import io
import tarfile
from contextlib import suppress
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.images import Image

from slipway.errors import PipelineError
from slipway.operate.connection import report_loss

# The label of an image without files that holds a text.
TEXT = "slipway.text"


def fetch_digest(client: docker.DockerClient, name: str) -> str | None:
    """Return the digest of an image in its registry, None when the registry has none. Raises PipelineError."""
    try:
        return str(client.images.get_registry_data(name).id)
    except NotFound:
        return None
    except APIError as error:
        raise PipelineError(
            f"The registry did not answer about {name}: {error.explanation}. Next: docker login, or look at the network."
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
            f"{name} is not on the host, and could not be pulled: {error.explanation}. You need the registry, or a machine that has the "
            f"image: docker save there, docker load on the host. Next: docker pull {name} shows the reason."
        ) from error


def push_image(client: docker.DockerClient, image: str, name: str, tag: str) -> str:
    """Push an image under a tag and return its digest. Raises PipelineError."""
    printed: list[dict[str, Any]] = []
    try:
        client.images.get(image).tag(name, tag)
        with report_loss(client):
            printed += client.images.push(name, tag=tag, stream=True, decode=True)
    except APIError as error:
        printed += [{"error": error.explanation}]
    errors = [str(each["error"]) for each in printed if "error" in each]
    # What was pushed, even if somebody has moved the tag since.
    pushed = next((each["aux"]["Digest"] for each in printed if "Digest" in each.get("aux", {})), None)
    found = None if errors else pushed or fetch_digest(client, f"{name}:{tag}")
    if found is None:
        raise PipelineError(
            f"{name}:{tag} could not be pushed: {' '.join(errors)}. Next: docker login, or look at [image] in project.toml."
        )
    return found


def push_text(client: docker.DockerClient, name: str, tag: str, text: bytes) -> None:
    """Store a text under a tag, as a label of an image without files: each registry takes that, and each engine fetches it by its login."""
    nothing = io.BytesIO()
    tarfile.open(fileobj=nothing, mode="w").close()
    label = f"LABEL {TEXT}={base64.b64encode(text).decode()}"
    try:
        client.api.import_image_from_data(nothing.getvalue(), repository=name, tag=tag, changes=[label])
        push_image(client, f"{name}:{tag}", name, tag)
    except APIError as error:
        raise PipelineError(f"{name}:{tag} could not be made: {error.explanation}. Next: ./run doctor.") from error
    finally:
        _forget(client, f"{name}:{tag}")


def fetch_text(client: docker.DockerClient, name: str, tag: str) -> bytes | None:
    """Return the text that is stored under a tag, None where there is none. Raises PipelineError."""
    if fetch_digest(client, f"{name}:{tag}") is None:
        return None
    try:
        return base64.b64decode(pull_image(client, f"{name}:{tag}").labels.get(TEXT, ""))
    except ValueError:
        return b""
    finally:
        _forget(client, f"{name}:{tag}")


def _forget(client: docker.DockerClient, name: str) -> None:
    with suppress(DockerException):
        client.images.remove(name)
