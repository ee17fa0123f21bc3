"""Where releases run. A target only acts; what to do is decided in `slipway.operate.chain` and told in `pipeline.deploy`."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from slipway.operate.chain import Deployment
from slipway.operate.journal import Event
from slipway.project import Project

# Ask a service, in one go: for each question the path, and the body of a POST or None for a GET; returns what it answers to each, of
# /metrics the text. Raises PipelineError.
Fetch = Callable[..., list[Any]]


class Target(Protocol):
    """What deploy, rollback, status and history need of a place."""

    def push(self, commit: str) -> str:
        """Store the built release under its commit and return its digest."""

    def find(self, commit: str) -> str:
        """Return the digest stored for a commit. Raises PipelineError where there is none."""

    def fetch(self, digest: str) -> Path:
        """Make sure a release is on the machine that serves, whole, and return a folder with its `/release` files. Raises PipelineError."""

    def recall(self, digest: str) -> Path:
        """Return a folder with what a rollback needs of the `/release` files of a release that was live. Raises PipelineError."""

    def predictor(self, digest: str) -> str:
        """Return the release as the gate can ask it."""

    def deployed(self) -> list[Deployment]:
        """Return the deployments that stand here, whether they were ever live or not."""

    def live_sequence(self) -> int | None:
        """Return the sequence number of the deployment that callers are sent to, None before the first deploy."""

    def look(self) -> tuple[list[Event], int | None]:
        """Return the history, and the sequence number of the live deployment, as of one moment."""

    def staged(self, deployment: Deployment) -> AbstractContextManager[Fetch]:
        """Start a release beside the live one, wait until it is ready, and say how to ask it. Raises PipelineError."""

    def warm(self, deployment: Deployment) -> bool:
        """Tell whether a release runs already, so that going back to it is one switch."""

    def switch(self, deployment: Deployment) -> None:
        """Send callers to a staged release. Raises Moved when another was sent for since the last `look`."""

    def ask(self, *questions: tuple[str, Any]) -> dict[str, list[Any]]:
        """Ask what callers are sent to, by name each replica that can be told apart. Raises PipelineError."""

    def running_digest(self) -> str:
        """Return the digest of what callers are sent to, told by the place and not by the service."""

    def running(self) -> str:
        """Name the processes that answer callers, or count their restarts: another text is a restart."""

    def discard(self, deployment: Deployment) -> None:
        """Take away a new release that did not become live."""

    def tidy(self, live: Deployment, kept: list[Deployment]) -> None:
        """After a deploy: stop what is no longer needed, and keep these releases, protected from who cleans up the host."""

    def tell(self, live: Deployment | None, begin: bool = False) -> None:
        """Tell what watches which releases run and which one is live; with `begin` have it run, too. Raises PipelineError."""

    def production(self) -> str | None:
        """Return the digest that the pointer `production` names, None before the first deploy."""

    def point(self, digest: str) -> None:
        """Move the pointer `production`."""

    def note(self, event: Event) -> None:
        """Append to the history."""

    def history(self) -> list[Event]:
        """Return the history, oldest first."""

    def acquire(self, holder: dict[str, str], takeover: bool) -> None:
        """Take the environment's lock. Raises Busy when another holds it, unless it is to be taken over."""

    def holder(self) -> dict[str, str] | None:
        """Return who holds the lock; with `gone` where that run has ended without giving it back, so that the next takes it."""

    def release(self) -> None:
        """Give the lock back."""

    def where(self) -> str:
        """Say where callers find it."""

    def stop(self) -> None:
        """Stop what runs here: callers are no longer answered."""


def of(project: Project) -> Target:
    """Return a project's target."""
    if project.target == "local":
        from slipway.operate.targets.local import Local

        return Local(project)
    if project.target == "kubernetes":
        from slipway.operate.targets.kubernetes import Kubernetes

        return Kubernetes(project)
    from slipway.operate.targets.docker import Docker

    return Docker(project)
