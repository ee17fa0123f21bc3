"""One release as a container: made with its place in the chain on its labels, confined, and asked from inside."""

import io
import tarfile
import time
from pathlib import Path

import docker
from docker.errors import DockerException
from docker.models.containers import Container
from docker.models.images import Image

from slipway.errors import PipelineError
from slipway.operate import docker_engine
from slipway.operate.chain import Deployment, from_record
from slipway.operate.docker_engine import CONFINED, STAYING, said
from slipway.operate.service_log import wait_for_reason
from slipway.operate.targets import Fetch, haproxy, inside
from slipway.project import Project
from slipway.serving.manifest import read, sha256

LABEL = "release."
PROJECT = LABEL + "project"
START_SECONDS = 60


def create(client: docker.DockerClient, project: Project, image: str, wanted: Deployment) -> Container:
    """Create a release's container in the project's network."""
    settings = {"RELEASE_TAG": wanted.tag, "RELEASE_DIGEST": wanted.digest, "HOST": "0.0.0.0", "PORT": str(haproxy.RELEASE_PORT)}
    return client.containers.create(
        image,
        name=f"{project.name}-{wanted.sequence}",
        labels={PROJECT: project.name, **{LABEL + key: value for key, value in wanted.record().items()}},
        environment=settings,
        network=project.name,
        **STAYING,
        **CONFINED,
    )


def deployment(container: Container) -> Deployment:
    """Read a container's labels."""
    fields = Deployment.__dataclass_fields__
    return from_record({key: container.labels[LABEL + key] for key in fields if LABEL + key in container.labels})


def asking(container: Container, address: str, patience: float = 0.0) -> Fetch:
    """Return how to ask a service at HOST:PORT, from inside a container; it is given so many seconds to begin to listen."""

    def run(command: list[str], given: str) -> tuple[int, str]:
        try:
            code, output = docker_engine.run(container, [*command, *inside.words(given)])
            failed = code != 0 and inside.FAILED in output
            return code, f"{output.strip()} {wait_for_reason(lambda: docker_engine.read_log(container))}" if failed else output
        except DockerException as error:
            raise PipelineError(f"{container.name} cannot be asked: {error}. {said(container)} Next: ./run status.") from error

    return inside.asking(run, str(container.name), address, patience)


def wait_ready(container: Container, fetch: Fetch) -> None:
    """Wait until a release is ready. Raises PipelineError when it ends, or takes too long, with what it said."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        container.reload()
        if container.status != "running" or container.attrs["RestartCount"]:
            raise PipelineError(f"The release ended instead of becoming ready. {said(container)} Next: mend that, and try again.")
        try:
            fetch(("/readyz", None))
        except PipelineError:
            time.sleep(0.1)
        else:
            return
    raise PipelineError(f"The release was not ready after {START_SECONDS} s. {said(container)} Next: mend that, and try again.")


def unpack(container: Container, path: str, into: Path) -> None:
    """Copy a folder out of a container."""
    stream, _ = container.get_archive(path)
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as taken:
        extract_safely(taken, into)


def is_copy(image: Image, files: Path) -> bool:
    """Tell whether a folder holds an image's release: the manifest that its label names, and the files that the manifest names."""
    try:
        manifest, manifest_sha256 = read(files)
        parts = (manifest.model, manifest.config, manifest.golden)
        whole = all(sha256((files / part.file).read_bytes()) == part.sha256 for part in parts)
    except (OSError, ValueError):
        return False
    return whole and image.labels.get("release.manifest.sha256") == manifest_sha256


def refuse_mislabelled(image: Image, files: Path, digest: str) -> None:
    """Raise PipelineError unless an image's labels name the manifest that it holds, and that manifest's commit."""
    manifest, manifest_sha256 = read(files)
    labels = image.labels
    wanted = {"release.manifest.sha256": manifest_sha256, "org.opencontainers.image.revision": manifest.commit}
    if wrong := [name for name, value in wanted.items() if labels.get(name) != value]:
        told = "; ".join(f"{name} is {labels.get(name)!r}, the manifest in it says {wanted[name]!r}" for name in wrong)
        raise PipelineError(
            f"{digest} was not made by ./run build: its label {told}. Nothing was changed. Next, on its commit: ./run train, validate, "
            "build and push."
        )


def extract_safely(archive: tarfile.TarFile, into: Path) -> None:
    """Take all files out; none gets anywhere else, where Python sees to that: before 3.11.4, and Debian 12 has 3.11.2, it does not."""
    if found := getattr(tarfile, "data_filter", None):
        archive.extraction_filter = found
    archive.extractall(into)  # noqa: S202  # as above
