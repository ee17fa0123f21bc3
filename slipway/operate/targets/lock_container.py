"""The lock of an environment: a container of a fixed name on the host, of which there can be one.

A deploy's lives as long as the deploy: it reads what the one who holds it would say, and ends when that connection does. A rollback's is
not started at all, since that takes time; it lasts seconds, and the next one takes it over.
"""

import re
from datetime import datetime
from typing import Any

import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from slipway.errors import Busy, PipelineError
from slipway.operate.docker_engine import CONFINED
from slipway.operate.targets.release_container import LABEL

PREFIX = LABEL + "lock."
# Older than this it belongs to a run that was killed: one that does not run, and one whose connection nobody ended.
NOT_RUNNING_SECONDS, RUNNING_SECONDS = 300, 1800


class LockContainer:
    """Who holds the lock is on its labels."""

    def __init__(self, client: docker.DockerClient, name: str, image: str) -> None:
        self.client, self.name, self.image = client, name, image
        self.connection: Any = None

    def acquire(self, holder: dict[str, str], takeover: bool) -> None:
        """Take the lock. Raises Busy when another holds it, unless it is to be taken over."""
        found = self.container()
        if found and (takeover or self.is_stale(found)):
            self.release()
        labels = {PREFIX + key: value for key, value in holder.items()}
        try:
            made = self.client.containers.create(
                self.image, name=self.name, labels=labels, entrypoint=["cat"], stdin_open=True, network_mode="none", **CONFINED
            )
            if not takeover:
                self.connection = made.attach_socket(params={"stdin": 1, "stream": 1})
                made.start()
        except APIError as error:
            if error.status_code == 409:
                raise Busy(f"{self.holder()}") from error
            raise PipelineError(f"The lock could not be taken: {error}. Next: ./run status.") from error

    def holder(self) -> dict[str, str] | None:
        """Return who holds the lock, with `gone` where the connection has ended: who lost it goes on holding it."""
        found = self.container()
        if found is None:
            return None
        gone = {"gone": "yes"} if found.status == "exited" else {}
        return gone | {key.removeprefix(PREFIX): value for key, value in found.labels.items() if key.startswith(PREFIX)}

    def release(self) -> None:
        """Remove the lock."""
        if self.connection:
            self.connection.close()
            self.connection = None
        if found := self.container():
            try:
                found.remove(force=True)
            except NotFound:
                return  # another took it over

    def container(self) -> Container | None:
        """Return the lock's container."""
        try:
            return self.client.containers.get(self.name)
        except NotFound:
            return None

    def is_stale(self, found: Container) -> bool:
        """Tell whether who took the lock is gone; times are the host's, as clocks of the machines that deploy may be off."""
        age = (moment(self.client.info()["SystemTime"]) - moment(found.attrs["Created"])).total_seconds()
        return found.status == "exited" or age > (RUNNING_SECONDS if found.status == "running" else NOT_RUNNING_SECONDS)


def moment(at: str) -> datetime:
    """Read a time of the engine's, which has nanoseconds."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", at))
