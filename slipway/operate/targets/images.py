"""Releases as images of a registry, by way of an engine: what the targets docker and kubernetes have in common."""

from functools import cached_property
from pathlib import Path

import docker
from docker.models.containers import Container
from docker.models.images import Image

from slipway.errors import PipelineError
from slipway.operate import docker_engine, registry
from slipway.operate.targets.release_container import is_copy, refuse_mislabelled, unpack
from slipway.project import Project


class Images:
    """The images of a project. The engine is `near` where releases run elsewhere, and is called when it is needed."""

    def __init__(self, project: Project, near: bool = False) -> None:
        self.project, self.near = project, near

    @cached_property
    def client(self) -> docker.DockerClient:
        """The engine. Raises PipelineError where none answers."""
        return docker_engine.connect(self.near)

    def push(self, commit: str) -> str:
        """Push the image that `build` left here."""
        return registry.push(self.client, f"{self.project.name}:{commit}", self.project.repository, commit)

    def find(self, commit: str) -> str:
        """Ask the registry."""
        digest = registry.digest(self.client, f"{self.project.repository}:{commit}")
        if digest is None:
            raise PipelineError(
                f"There is no image for commit {commit[:12]} in {self.project.repository}: it was never judged, or not passed. "
                "Next: merge it and wait for train-validate-build-push, or on that commit: ./run train, validate, build and push."
            )
        return digest

    def fetch(self, digest: str) -> Path:
        """Pull the image unless the engine has it, and copy its `/release` here unless that was done before."""
        image = registry.ensure(self.client, self.predictor(digest))
        files = self.files(digest)
        if not is_copy(image, files):
            self.copy(image, digest, files.parent)
        refuse_mislabelled(image, files, digest)
        return files

    def files(self, digest: str) -> Path:
        """Return where the `/release` of a release lies here, once it was fetched."""
        return self.project.state / "docker" / digest.removeprefix("sha256:") / "release"

    def copy(self, image: Image, digest: str, into: Path) -> None:
        """Copy `/release` here, from a container that stands or from one that is made for it."""
        standing = self.standing(digest)
        container = standing or self.client.containers.create(image)
        try:
            unpack(container, "/release", into)
        finally:
            if not standing:
                container.remove()

    def standing(self, digest: str) -> Container | None:  # noqa: ARG002  # where releases run elsewhere, there is none
        """Return a container of a release that stands anyway."""
        return None

    def predictor(self, digest: str) -> str:
        """Return the image by digest."""
        return f"{self.project.repository}@{digest}"

    def production(self) -> str | None:
        """Ask the registry."""
        return registry.digest(self.client, f"{self.project.repository}:production")

    def point(self, digest: str) -> None:
        """Push the tag `production`."""
        registry.push(self.client, self.predictor(digest), self.project.repository, "production")
