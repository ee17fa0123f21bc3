"""The volume with what Prometheus, Alertmanager and Grafana are told. They can only read it; so it works the same over ssh."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import docker
from docker.errors import DockerException, NotFound
from docker.models.containers import Container

from slipway.errors import PipelineError
from slipway.operate.docker_engine import CONFINED
from slipway.operate.targets import volume, watch
from slipway.operate.targets.watch import DRILLED, FACTS, FOLDER, TARGETS


class WatchVolume:
    """A volume, and a container of the same name, there while it is written."""

    def __init__(self, name: str, client: docker.DockerClient, image: str) -> None:
        self.name, self.client, self.image = name, client, image

    def write(self, files: Mapping[str, str], releases: Mapping[str, str], live: str | None) -> None:
        """Have the volume hold these files, what the verbs tell, and what a person put there. Raises PipelineError."""
        with self.writing() as (hand, there):
            if gone := watch.stale(there, files):
                self.remove_files(gone)
            self.put(hand, there, {**files, **self.told(there, releases, live)})

    def tell(self, releases: Mapping[str, str], live: str | None) -> None:
        """Write which releases run, and which one is live. Raises PipelineError."""
        with self.writing() as (hand, there):
            self.put(hand, there, self.told(there, releases, live))

    def drilled(self) -> bool:
        """Note that a rollback was rehearsed just now, for the next `tell`; returns whether there is something that watches."""
        if not self.client.volumes.list(filters={"name": f"^{self.name}$"}):
            return False
        with self.writing() as (hand, there):
            self.put(hand, there, {DRILLED: f"{time.time():.0f}\n"})
        return True

    def told(self, there: Mapping[str, str], releases: Mapping[str, str], live: str | None) -> dict[str, str]:
        """Return the files that the verbs write."""
        drilled = watch.drilled(there, time.time())
        return {TARGETS: watch.targets(releases), FACTS: watch.facts(live, drilled), DRILLED: f"{drilled:.0f}\n"}

    @contextmanager
    def writing(self) -> Iterator[tuple[Container, dict[str, str]]]:
        """Yield a container that can write to the volume and never runs, and what the volume holds."""
        mounts = {self.name: {"bind": FOLDER, "mode": "rw"}}
        try:
            with suppress(NotFound):
                self.client.containers.get(self.name).remove(force=True)  # of a run that was killed
            hand = self.client.containers.create(self.image, name=self.name, volumes=mounts, network_mode="none", **CONFINED)
            try:
                yield hand, volume.tree(hand, FOLDER)
            finally:
                hand.remove(force=True)
        except DockerException as error:
            raise PipelineError(f"The volume {self.name} cannot be written: {error}. Next: mend that, then ./run up.") from error

    def put(self, hand: Container, there: Mapping[str, str], wanted: Mapping[str, str]) -> None:
        """Write what is not there as it should be."""
        if changed := {name: text for name, text in wanted.items() if there.get(name) != text}:
            volume.put_all(hand, FOLDER, changed)

    def remove_files(self, names: list[str]) -> None:
        """Remove files from the volume, which takes a container that runs."""
        command, mounts = ["rm", "-rf", "--", *(f"{FOLDER}/{name}" for name in names)], {self.name: {"bind": FOLDER, "mode": "rw"}}
        self.client.containers.run(self.image, entrypoint=command, user="0", remove=True, volumes=mounts, network_mode="none", **CONFINED)
