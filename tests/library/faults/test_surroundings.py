"""What a deploy or a rollback needs of its surroundings, and does not get: registry, network, disk, clock, ledger; and others at work."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from docker.errors import APIError

from slipway.errors import Busy
from slipway.operate import chain, lock
from slipway.operate.process import free_port
from slipway.operate.targets import docker as on_docker
from slipway.operate.targets import supervisor
from slipway.operate.targets.haproxy import FOLDER
from tests.conftest import Registry, Road
from tests.library.faults.conftest import Relayed, Suffers, as_root
from tests.library.faults.page import fault
from tests.library.test_lifecycle import A, B, C, during, refused, state

NO_REGISTRY = "Not meaningful here: the store is a folder of this machine."
NAMED = "The deploy ends with an error that names the registry."
UNMOVED = "The rollback does not need it: the previous release is live. A warning says that the pointer `production` was not moved."
NO_METRICS = "Not meaningful here: a container has one process, which keeps its metrics in memory."
DAY = timedelta(days=1)
PAGE_BYTES = 4096


@fault(8, "the registry is down at a deploy", local=NO_REGISTRY, docker=NAMED, kubernetes=NAMED)
def test_no_registry_at_a_deploy(live: Road, suffers: Suffers, registry: Registry) -> None:
    with live.unchanged(), suffers(B), registry.down():
        refused(live.run("deploy", C), 2, f"The registry did not answer about {live.project.image_name}", "Next: ")


@fault(
    8,
    "the registry is down at a rollback",
    local=NO_REGISTRY,
    docker=UNMOVED,
    kubernetes=UNMOVED,
)
def test_no_registry_at_a_rollback(live: Road, suffers: Suffers, registry: Registry) -> None:
    with suffers(A), registry.down():
        assert "the pointer `production` was not moved" in live.must("rollback").text
    live.serves(A)


@fault(
    9,
    "the network is cut in the middle of a pull",
    local=NO_REGISTRY,
    docker="The engine tries again for a minute. Then the deploy ends with an error. The next deploy pulls the whole image.",
)
def test_a_pull_that_is_cut(live: Road, suffers: Suffers, registry: Registry) -> None:
    assert isinstance(registry, Relayed)
    forget(live, C)
    with live.unchanged(), suffers(B), registry.cut(20_000):
        refused(live.run("deploy", C), 2, live.digests[C], "could not be pulled", "Next: docker pull")
    live.must("deploy", C)
    live.serves(C)
    live.must("rollback")


# The first is only declared.
@fault(
    10,
    "the disk is full when an image is pulled",
    local=NO_REGISTRY,
    docker="Not meaningful here: it would fill the disk of an engine that others use. For the deploy, it is an interrupted pull, as in 9.",
)
@fault(
    10,
    "the disk is full when state is written",
    local="The command ends with an error. The live release stays live.",
    docker="The command ends with an error. The live release stays live.",
)
def test_a_full_disk(live: Road, suffers: Suffers, request: pytest.FixtureRequest) -> None:
    wrong = list[str]()
    with small_disk(live) as disk, suffers(B):
        # With no room at all, then for what is written first, and so on, until there is enough: for each of these when the page is written.
        for pages in range(4) if request.config.getoption("--write-faults") else (0, 2):
            disk.fill(pages)
            said = live.run("deploy", C)
            disk.empty()
            if live.standing() == [A, B, C]:
                live.must("rollback")
                live.must("resume")
            assert live.standing() == [A, B]
            wrong += [f"with room for {pages}: {each}" for each in afterwards(live, said.code, said.text)]
    assert wrong == []


@fault(
    10,
    "the disk is full where metrics are written",
    local="New workers do not start, so the deploy ends with an error. The old ones continue.",
    docker=NO_METRICS,
)
def test_no_room_for_metrics(live: Road, suffers: Suffers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "ROLL_SECONDS", 15)
    metrics = live.root / ".deploy" / "local" / "metrics"
    with live.unchanged(), suffers(B), mounted(metrics, "-t", "tmpfs", "-o", "size=4k", "tmpfs"):
        (metrics / "filler").write_bytes(b"." * PAGE_BYTES)
        assert live.run("deploy", C).code == 2
    monkeypatch.undo()


@fault(
    16,
    "a deploy while another deploy runs",
    local="The second is rejected, and says who runs the first. The first completes.",
    docker="The second is rejected, and says who runs the first. The first completes.",
    kubernetes="The second is rejected, and says who runs the first. The first completes.",
)
def test_two_deploys_at_once(live: Road, suffers: Suffers, monkeypatch: pytest.MonkeyPatch) -> None:
    said = list[tuple[int, str]]()
    with suffers(C), during(monkeypatch, "stage_release", live, lambda: said.append(elsewhere(live, "deploy", C))):
        live.must("deploy", C)
    [(code, text)] = said
    assert code == 5
    assert f"deploy {C} by" in text
    live.must("rollback")


@pytest.mark.parametrize("step", ["stage_release", "switch_traffic", "read_running_digest"])
@fault(
    16,
    "a rollback while a deploy runs: before, at and after its switch",
    local="The rollback takes over and completes. The deploy stops, and says so.",
    docker="The rollback takes over and completes. The deploy stops, and says so.",
)
def test_a_rollback_during_a_deploy(live: Road, suffers: Suffers, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    said = list[tuple[int, str]]()
    with suffers(A), during(monkeypatch, step, live, lambda: said.append(elsewhere(live, "rollback", "--to", A))):
        refused(live.run("deploy", C), 5, f"deploy {C} was taken over", "Next: ./run status.")
    assert [code for code, _ in said] == [0], said
    live.serves(A)


@fault(
    16,
    "a deploy after a rollback",
    local="It is rejected until a person allows deploys again with `./run resume`.",
    docker="It is rejected until a person allows deploys again with `./run resume`.",
)
def test_a_deploy_that_is_held(live: Road, suffers: Suffers) -> None:
    live.must("rollback")
    with live.unchanged(), suffers(A):
        refused(live.run("deploy", B), 6, "Deploys are held: rollback to", "Next: ", "./run resume")


@pytest.mark.parametrize("off", [-DAY, DAY], ids=["behind", "ahead"])
@fault(
    17,
    "the clock of the machine that deploys is a day behind, or ahead",
    local="Nothing changes: releases are ordered by their numbers, and a lock is held by its process.",
    docker="Nothing changes: releases are ordered by their numbers, and a lock's age is measured by the host's own clock.",
)
def test_a_clock_that_is_off(live: Road, suffers: Suffers, monkeypatch: pytest.MonkeyPatch, off: timedelta) -> None:
    right = chain.format_now
    with suffers(B):
        monkeypatch.setattr(chain, "format_now", lambda: (datetime.fromisoformat(right()) + off).isoformat())
        live.must("deploy", C)
        assert (live.standing(), state(live)["rollback_to"]) == ([A, B, C], B)
        with lock.hold_lock(live.place, "a deploy of a machine that is off"):  # not stale
            monkeypatch.undo()
            refused(live.run("deploy", C), 5, "is running here")
            monkeypatch.setattr(chain, "format_now", lambda: (datetime.fromisoformat(right()) + off).isoformat())
        live.must("rollback")
        monkeypatch.undo()
    assert live.standing() == [A, B]


@fault(
    19,
    "MLflow is down",
    local="Deploy and rollback print a warning and complete.",
    docker="Deploy and rollback print a warning and complete.",
)
def test_no_mlflow(live: Road, suffers: Suffers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    with suffers(B):
        assert "MLflow could not record" in live.must("deploy", C).text
        assert "MLflow could not record" in live.must("rollback").text


@fault(
    24,
    "the previous release's image and container are gone from the host",
    local="Not meaningful here: there are no images. A release whose folder is gone is rejected, as in 12.",
    docker="A rollback pulls it. If the registry is down, too, it ends with an error that names the image.",
)
def test_a_release_before_that_is_gone(live: Road, suffers: Suffers, registry: Registry) -> None:
    with suffers(A):
        forget(live, A)
        with live.unchanged(), registry.down():
            refused(live.run("rollback"), 2, live.digests[A], "could not be pulled", "Next: docker pull")
        live.must("rollback")
    live.serves(A)


@fault(
    25,
    "the disk with the state is read-only",
    local="Deploy and rollback end with an error. The live release stays live, and `status` answers.",
    docker="Deploy and rollback end with an error. The live release stays live, and `status` answers.",
)
def test_a_read_only_disk(live: Road, suffers: Suffers) -> None:
    wrong = list[str]()
    with small_disk(live) as disk, live.unchanged(), suffers(B):
        for verb in (["deploy", C], ["rollback"]):
            with disk.read_only():
                said = live.run(*verb)
                assert state(live)["live"]["tag"] == B
            wrong += [f"{verb[0]}: {each}" for each in afterwards(live, said.code, said.text)]
    assert wrong == []


# Tools of these tests.


def elsewhere(road: Road, *verb: str) -> tuple[int, str]:
    """Run a verb in a process of its own."""
    command = [sys.executable, "-m", "slipway.cli", *verb, "--target", road.target]
    environment = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(command, cwd=road.root, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def afterwards(road: Road, code: int, text: str) -> list[str]:
    """Return what is wrong after a verb that could not write."""
    wrong = [] if code in {0, 2} else [f"exit code {code}"]
    if "Traceback" in text:
        wrong.append(f"no sentence: {text.splitlines()[-1] if text.splitlines() else ''}{text[-300:]}")
    try:
        with lock.hold_lock(road.place, "a look"):
            pass
    except Busy as busy:
        wrong.append(f"the lock is held for ever: {busy}")
        road.place.lock.release()
    return wrong


def forget(road: Road, tag: str) -> None:
    """Remove a release's image from the host, whatever else has its files, and the containers on it."""
    place = road.place
    assert isinstance(place, on_docker.Docker)
    client = place.client
    image = client.images.pull(place.locate_release(road.digests[tag]))
    for container in client.containers.list(all=True, filters={"ancestor": str(image.id)}):
        container.remove(force=True)
    files = image.attrs["RootFS"]["Layers"][-1]
    for name in client.api.images(all=True, quiet=True):
        with suppress(APIError):  # it went with another
            if files in (client.images.get(name).attrs["RootFS"]["Layers"] or []):
                client.images.remove(name, force=True)


@contextmanager
def mounted(at: Path, *words: str) -> Iterator[None]:
    """Mount something on a folder of this machine."""
    if sys.platform != "linux":
        pytest.skip("mounting a file system of a few kilobytes needs Linux")
    subprocess.run(as_root("mount", *words, str(at)), check=True)
    try:
        yield
    finally:
        subprocess.run(as_root("umount", "--lazy", str(at)), check=True)


class Disk:
    """A small file system, where a target keeps its state; `shared` if others have it mounted too."""

    def __init__(self, folder: str, shared: bool) -> None:
        self.folder, self.shared = folder, shared

    def run(self, command: str) -> None:
        """Run a command as root."""
        subprocess.run(as_root("bash", "-c", command), check=True, capture_output=True)

    def fill(self, left: int) -> None:
        """Leave room for so many pages."""
        free = f"$(( ($(stat --file-system --format=%f {self.folder}) - {left}) * {PAGE_BYTES} ))"
        self.run(f"head --bytes={free} /dev/zero > {self.folder}/filler")

    def empty(self) -> None:
        """Make room again."""
        self.run(f"rm {self.folder}/filler")

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Let nobody write for a while; where files are open, by a mount on top, through which they cannot be opened anew."""
        if self.shared:
            self.run(f"mount -o remount,ro {self.folder}")
        else:
            self.run(f"mount --bind {self.folder} {self.folder} && mount -o remount,bind,ro {self.folder}")
        try:
            yield
        finally:
            self.run(f"mount -o remount,rw {self.folder}" if self.shared else f"umount --lazy {self.folder}")


@contextmanager
def small_disk(road: Road) -> Iterator[Disk]:
    """Have the target's state on a small file system for a while, with A and B deployed there."""
    road.stop()
    place = road.place
    with small_volume(place) if isinstance(place, on_docker.Docker) else small_folder(road.root / ".deploy" / "local") as disk:
        try:
            for tag in (A, B):
                road.must("deploy", tag)
            yield disk
        finally:
            with suppress(APIError):  # the volume can go only when nothing has it mounted
                road.stop()
    road.stop()
    road.stand(A, B)


@contextmanager
def small_volume(place: on_docker.Docker) -> Iterator[Disk]:
    """Make the proxy's volume a small one. Something has to have it mounted all the while: what it holds is in memory."""
    name, options = place.proxy.name, {"type": "tmpfs", "device": "tmpfs", "o": "size=128k"}
    volume = place.client.volumes.create(name, driver="local", driver_opts=options)
    image = place.proxy.choose_image()
    keeper = place.client.containers.create(image, entrypoint=["sleep", "infinity"], volumes={name: {"bind": FOLDER, "mode": "rw"}})
    try:
        keeper.start()
        yield Disk(volume.attrs["Mountpoint"], shared=True)
    finally:
        keeper.remove(force=True)


@contextmanager
def small_folder(store: Path) -> Iterator[Disk]:
    """Put a folder on a small file system."""
    kept = store.rename(store.with_name("kept"))
    store.mkdir()
    try:
        with mounted(store, "-t", "tmpfs", "-o", "size=256m", "tmpfs"):
            subprocess.run(["cp", "--archive", f"{kept}/.", str(store)], check=True)
            yield Disk(str(store), shared=False)
    finally:
        store.rmdir()
        kept.rename(store)
