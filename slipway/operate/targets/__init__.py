"""Where releases run. A target only acts; `slipway.operate.chain` and `pipeline.deploy` decide what to do."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from slipway.operate.chain import Deployment
from slipway.operate.journal import Event
from slipway.project import Project

# Ask a service, in one go: for each question the path, and the body of a POST or None for a GET; returns the answer to each, of /metrics
# the text. Raises PipelineError.
Fetch = Callable[..., list[Any]]


class Lock(Protocol):
    """The lock of a target: one deploy or rollback at a time."""

    def acquire(self, holder: dict[str, str], takeover: bool) -> None:
        """Take the lock. Raises Busy when another run holds it, unless it is to be taken over."""

    def read_holder(self) -> dict[str, str] | None:
        """Return who holds the lock; with `gone` where that run has ended without releasing it, so that the next takes it."""

    def release(self) -> None:
        """Give the lock back."""


class Target(Protocol):
    """What deploy, rollback, status and history need of a place."""

    @property
    def lock(self) -> Lock:
        """The target's lock."""

    def push_release(self, commit: str) -> str:
        """Store the built release under its commit and return its digest."""

    def find_digest(self, commit: str) -> str:
        """Return the digest stored for a commit. Raises PipelineError where there is none."""

    def fetch_release(self, digest: str) -> Path:
        """Make sure that a release is whole where it is to run, and return a folder with its `/release` files. Raises PipelineError."""

    def fetch_rollback_files(self, digest: str) -> Path:
        """Return a folder with the `/release` files that a rollback to a release needs. Raises PipelineError."""

    def locate_release(self, digest: str) -> str:
        """Return the release as the gate can ask it: its image, or its folder."""

    def read_signature(self, digest: str) -> bytes | None:
        """Return what is stored as the signature of a release, None where nothing is. Raises PipelineError."""

    def store_signature(self, digest: str, signature: bytes) -> None:
        """Store the signature of a release beside it. Raises PipelineError."""

    def list_deployments(self) -> list[Deployment]:
        """Return the deployments that stand here, whether they were ever live or not."""

    def read_live_sequence(self) -> int | None:
        """Return the sequence number of the deployment that callers are sent to, None before the first deploy."""

    def read_state(self) -> tuple[list[Event], int | None]:
        """Return the history, and the sequence number of the live deployment, as of one moment."""

    def stage_release(self, deployment: Deployment, proven: bool) -> AbstractContextManager[Fetch | None]:
        """Start a release beside the live one, wait until it is ready, and yield how to ask it. Raises PipelineError.

        It yields None where one that was proven here before starts as callers are switched to it, each replica only once it is ready.
        """

    def is_warm(self, deployment: Deployment) -> bool:
        """Tell whether a release runs already, so that going back to it is one switch."""

    def switch_traffic(self, deployment: Deployment) -> None:
        """Send callers to a staged release. Raises Moved when another was switched to since the last `read_state`."""

    def ask_live(self, *questions: tuple[str, Any]) -> dict[str, list[Any]]:
        """Ask the live release, by name each replica that can be told apart. Raises PipelineError."""

    def read_running_digest(self) -> str:
        """Return the digest of the live release as the place has it, not as the service says."""

    def name_images(self, deployment: Deployment) -> dict[str, str]:
        """Name the images beside the release's own: its base, and the proxy that runs, as NAME@DIGEST; without asking a registry."""

    def describe_processes(self) -> str:
        """Name the processes that answer callers, or count their restarts: another text is a restart."""

    def discard_release(self, deployment: Deployment) -> None:
        """Remove a new release that did not become live."""

    def remove_old_releases(self, live: Deployment, kept: list[Deployment]) -> None:
        """After a deploy: stop the releases that are no longer needed, and protect those that are kept from clean-ups of the host."""

    def notify_monitoring(self, live: Deployment | None, start: bool = False) -> None:
        """Tell monitoring which releases run and which one is live; `start` starts it, too. Raises PipelineError."""

    def read_pointer(self) -> str | None:
        """Return the digest that the environment's pointer in the store names, None before the first deploy."""

    def move_pointer(self, digest: str) -> None:
        """Move the environment's pointer in the store, `production` or `staging`."""

    def read_access(self) -> dict[str, str]:
        """Return the files by which callers are answered, by name: `slipway.operate.access` writes them."""

    def write_access(self, name: str, text: str) -> None:
        """Write one of these files, for the replicas that run and for those to come. It outlives releases."""

    def append_event(self, event: Event) -> None:
        """Append to the history."""

    def read_history(self) -> list[Event]:
        """Return the history, oldest first."""

    def format_address(self) -> str:
        """Return where callers find the service."""

    def stop_all(self) -> None:
        """Stop everything that runs here: callers are no longer answered."""


def load_target(project: Project) -> Target:
    """Return a project's target."""
    if project.target == "local":
        from slipway.operate.targets.local import Local

        return Local(project)
    if project.target == "kubernetes":
        from slipway.operate.targets.kubernetes import Kubernetes

        return Kubernetes(project)
    from slipway.operate.targets.docker import Docker

    return Docker(project)
