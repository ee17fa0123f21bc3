# ruff: noqa: D102  # `Target` documents them
"""Releases as images of a registry: what the targets docker and kubernetes have in common."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException
from docker.models.containers import Container
from docker.models.images import Image

from slipway.errors import PipelineError
from slipway.operate import docker_engine, registry
from slipway.operate.chain import Deployment, parse_record
from slipway.operate.docker_engine import CONFINED, STAYING
from slipway.operate.targets import Fetch
from slipway.project import Project
from slipway.say import line

# Labels of containers, and annotations of what is in a cluster, begin so.
LABEL = "release."
PROJECT, LOCK, KEEPS = LABEL + "project", LABEL + "lock.", LABEL + "keeps"
ASLEEP: dict[str, Any] = {**CONFINED, "mem_limit": "16m", "pids_limit": 8, "network_mode": "none"}
ASK = Path(__file__).with_name("ask_service.py").read_text(encoding="utf-8")
# Runs a command inside with a text: at its end, in words that a kernel takes, or on its standard input. Returns its exit code and its
# output. Raises PipelineError.
Run = Callable[[list[str], str], tuple[int, str]]
# In its output when the service's own code, or the model's, failed.
FAILED = "500 Internal Server Error"
# Linux takes no word of 128 KiB or more; two megabytes in all.
WORD = 100_000


class Images:
    """The images of a project. The engine is `near` where releases run elsewhere, and is called when it is needed."""

    def __init__(self, project: Project, near: bool = False) -> None:
        self.project, self.near = project, near

    @cached_property
    def client(self) -> docker.DockerClient:
        """The engine. Raises PipelineError where none answers."""
        return docker_engine.connect(self.near)

    def push_release(self, commit: str) -> str:
        """Keep what is stored for the commit: it may be deployed, and another build of the same commit has another digest.

        Where releases are signed, only a signed one is kept: anybody with a token may have stored another before this one.
        """
        name = f"{self.project.image_name}:{commit}"
        if (found := registry.fetch_digest(self.client, name)) and self._is_trusted(found, commit):
            line(f"{name} is already stored and is kept: deploys use that one.")
            return found
        return registry.push_image(self.client, f"{self.project.product}:{commit}", self.project.image_name, commit)

    def _is_trusted(self, digest: str, commit: str) -> bool:
        from slipway.operate import signature  # imported here: a rollback on docker has no time for it

        signers = signature.read_signers(self.project.root)
        return signers is None or signature.is_signed(signers, self.read_signature(digest), digest, commit)

    def read_signature(self, digest: str) -> bytes | None:
        return registry.fetch_text(self.client, self.project.image_name, name_signature(digest))

    def store_signature(self, digest: str, signature: bytes) -> None:
        registry.push_text(self.client, self.project.image_name, name_signature(digest), signature)

    def find_digest(self, commit: str) -> str:
        digest = registry.fetch_digest(self.client, f"{self.project.image_name}:{commit}")
        if digest is None:
            raise PipelineError(
                f"There is no image for commit {commit[:12]} in {self.project.image_name}: it was never judged, did not pass, or its "
                "merge changed only pages. Next: merge it and wait for train-validate-build-push, or start that by button; or on that "
                "commit: ./run train, validate, build and push."
            )
        return digest

    def fetch_release(self, digest: str) -> Path:
        """Pull the image unless the engine has it, and copy its `/release` here unless that was done before."""
        image = registry.ensure_image(self.client, self.locate_release(digest))
        files = self.project.state / "docker" / digest.removeprefix("sha256:") / "release"
        if not _is_copy(image, files):
            self._copy_release(image, digest, files.parent)
        _refuse_mislabelled(image, files, digest)
        return files

    def _copy_release(self, image: Image, digest: str, into: Path) -> None:
        standing = self.find_standing(digest)
        container = standing or self.client.containers.create(image)
        try:
            unpack(container, "/release", into)
        finally:
            if not standing:
                container.remove()

    def find_standing(self, digest: str) -> Container | None:  # noqa: ARG002  # where releases run elsewhere, there is none
        """Return a container of a release, running or not."""
        return None

    def locate_release(self, digest: str) -> str:
        return f"{self.project.image_name}@{digest}"

    def name_images(self, deployment: Deployment) -> dict[str, str]:
        try:
            base = docker_engine.name_base(self.client.images.get(self.locate_release(deployment.digest)))
        except (DockerException, PipelineError):  # a cluster runs images that no engine here needs to have
            return {}
        return {"base": base} if base else {}

    def read_pointer(self) -> str | None:
        return registry.fetch_digest(self.client, f"{self.project.image_name}:{self.project.environment}")

    def move_pointer(self, digest: str) -> None:
        registry.push_image(self.client, self.locate_release(digest), self.project.image_name, self.project.environment)


def name_signature(digest: str) -> str:
    """Return the tag of an image's signature, by which `./run prune` keeps and removes it with that; cosign's has another ending."""
    return f"{digest.replace(':', '-')}.sshsig"


def label_deployment(deployment: Deployment) -> dict[str, str]:
    """Return a deployment as labels or annotations."""
    return {LABEL + key: value for key, value in deployment.record().items()}


def read_deployment(labels: Mapping[str, str]) -> Deployment:
    """Read a deployment from labels or annotations."""
    return parse_record({key: labels[LABEL + key] for key in Deployment.__dataclass_fields__ if LABEL + key in labels})


def unpack(container: Container, path: str, into: Path) -> None:
    """Copy a folder out of a container."""
    with tarfile.open(fileobj=io.BytesIO(docker_engine.read_archive(container, path))) as archive:
        extract_safely(archive, into)


def extract_safely(archive: tarfile.TarFile, into: Path) -> None:
    """Extract all files, none outside of the folder where Python can refuse that: not before 3.11.4, and Debian 12 has 3.11.2."""
    if found := getattr(tarfile, "data_filter", None):
        archive.extraction_filter = found
    archive.extractall(into)  # noqa: S202  # as above


def _is_copy(image: Image, files: Path) -> bool:
    """Tell whether a folder holds an image's release: the manifest that its label names, and the files that the manifest names."""
    try:
        manifest, manifest_sha256 = _read_manifest(files)
        parts = (manifest["model"], manifest["config"], manifest["golden"])
        whole = all(_hash((files / part["file"]).read_bytes()) == part["sha256"] for part in parts)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return whole and image.labels.get("release.manifest.sha256") == manifest_sha256


def _read_manifest(files: Path) -> tuple[dict[str, Any], str]:
    """Return the manifest and its hash. Its shape was checked when it was written, and a rollback has no time to import what does that."""
    content = (files / "manifest.json").read_bytes()
    return json.loads(content), _hash(content)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _refuse_mislabelled(image: Image, files: Path, digest: str) -> None:
    """Raise PipelineError unless an image's labels name the manifest that it holds, and that manifest's commit."""
    manifest, manifest_sha256 = _read_manifest(files)
    labels = image.labels
    wanted = {"release.manifest.sha256": manifest_sha256, "org.opencontainers.image.revision": manifest.get("commit")}
    if wrong := [name for name, value in wanted.items() if labels.get(name) != value]:
        reason = "; ".join(f"{name} is {labels.get(name)!r}, but its manifest says {wanted[name]!r}" for name in wrong)
        raise PipelineError(
            f"{digest} was not made by ./run build: its label {reason}. Nothing was changed. Next, on its commit: ./run train, validate, "
            "build and push."
        )


# A service is asked from inside its container or pod, where no port has to be open: a command there asks it, and prints the answers.


def build_fetch(run: Run, name: str, address: str, patience: float = 0.0) -> Fetch:
    """Return how to ask a service at HOST:PORT as seen from inside; it has so many seconds to begin to listen."""

    def fetch(*questions: tuple[str, Any]) -> list[Any]:
        code, output = run(["python", "-I", "-S", "-c", ASK, address, str(patience)], json.dumps(questions))
        if code != 0:
            raise PipelineError(f"{name} does not answer as expected: {output.strip()}. Next: ./run status.")
        answers = [json.loads(line) for line in output.splitlines()]
        return [text if path == "/metrics" else json.loads(text) for (path, _), text in zip(questions, answers, strict=True)]

    return fetch


def split_words(text: str) -> list[str]:
    """Cut a text into words that a kernel takes."""
    return [text[at : at + WORD] for at in range(0, len(text), WORD)]


# `docker system prune` removes each image that no container uses: so on those that are kept a container sleeps.


def keep_images(client: docker.DockerClient, project: Project, digests: set[str]) -> None:
    """Protect the images of these releases, and remove those of all others of the project."""
    keepers = {each.labels[KEEPS]: each for each in _list_keepers(client, project)}
    for digest in digests - set(keepers):
        _protect_image(client, project, digest)
    for digest in set(keepers) - digests:
        keepers[digest].remove(force=True)
    # By digest: what was built on the same machine has another name too, and keeps that.
    names = [name for image in client.images.list(project.image_name) for name in image.attrs["RepoDigests"] or []]
    for name in names:
        if name.startswith(f"{project.image_name}@") and name.partition("@")[2] not in digests:
            with suppress(APIError):  # something else uses it
                client.images.remove(name)


def remove_keepers(client: docker.DockerClient, project: Project) -> None:
    """End the protection of a project's images."""
    for each in _list_keepers(client, project):
        each.remove(force=True)


def _protect_image(client: docker.DockerClient, project: Project, digest: str) -> None:
    client.containers.run(
        f"{project.image_name}@{digest}",
        detach=True,
        name=f"{project.name}-keeps-{digest.removeprefix('sha256:')[:12]}",
        entrypoint=["sleep", "infinity"],
        labels={PROJECT: project.name, KEEPS: digest},
        healthcheck={"test": ["NONE"]},
        **STAYING,
        **ASLEEP,
    )


def _list_keepers(client: docker.DockerClient, project: Project) -> list[Container]:
    return client.containers.list(all=True, filters={"label": [f"{PROJECT}={project.name}", KEEPS]})
