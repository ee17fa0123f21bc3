"""What tests of faults share: releases on a target, callers who ask all the while, and the page that is made from what they saw."""

import os
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import astuple, dataclass, replace
from typing import Any

import httpx
import pytest

from model import behaviour
from slipway import project
from slipway.project import Bake
from slipway.rehearsal import load
from tests.conftest import Registry, Road, wait_until
from tests.library.faults import page
from tests.library.faults.page import Fault, Figures, Key
from tests.library.test_lifecycle import (
    FAULT,
    FAULTY,
    NO_FLOORS,
    WEAK,
    WRONG,
    A,
    B,
    C,
    all_targets,
    callers,
    pushed,
    shuffled,
    state,
    training_rows,
    write_rows,
)

ENDING, STUCK = f"{FAULTY}-ending", f"{FAULTY}-stuck"
# These do well while they are proven.
ERRING, SLOW, HUNGRY = f"{FAULTY}-erring", f"{FAULTY}-slow", f"{FAULTY}-hungry"
TAGS = (WRONG, ENDING, STUCK, ERRING, SLOW, HUNGRY)
# On top of what the faulty release of test_lifecycle.py may do.
HUNGER = '''

usual = build


class Hungry(Endpoint):
    """Takes more memory with every single row."""

    taken = []

    async def _answer_rows(self, rows):
        if len(rows) == 1:
            self.taken.append(b"." * 2**23)
        return await super()._answer_rows(rows)


def build(release, drain):
    if release.tag.endswith("-hungry"):
        globals()["Endpoint"] = Hungry
    return usual(release, drain)
'''
FIGURES = pytest.StashKey[dict[Key, Figures]]()
# Brings callers, and holds that a release serves afterwards and that no request failed, unless it may.
Suffers = Callable[..., AbstractContextManager[load.Record]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-faults", action="store_true", help="write docs/faults.md from what callers saw")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(declared): brings about a fault of docs/faults.md")
    config.stash[FIGURES] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try a fault on the targets where it means something."""
    if mark := metafunc.definition.get_closest_marker("fault"):
        on = [each for each, target in zip(all_targets, page.TARGETS, strict=True) if mark.args[0].tried(target)]
        metafunc.parametrize("road", on, indirect=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the page when that is asked for; one of several processes hands over what it has seen."""
    figures = session.config.stash[FIGURES]
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["faults"] = [[*key, *astuple(found)] for key, found in figures.items()]
    elif session.config.getoption("--write-faults", default=False):
        page.write(figures)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what one of several processes has seen."""
    for number, what, target, *found in node.workeroutput["faults"]:
        node.config.stash[FIGURES].setdefault((number, what, target), Figures()).add(*found)


class Relay(socketserver.ThreadingTCPServer):
    """Passes on to an address, and can be cut, also when so many bytes have come back over one connection."""

    daemon_threads = True
    cut_after: int | None = None
    is_cut = False

    def __init__(self, to: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        self.to = to


class Passing(socketserver.BaseRequestHandler):
    """One connection of a relay."""

    server: Relay

    def handle(self) -> None:
        with suppress(OSError), socket.create_connection(self.server.to) as there:
            if not self.server.is_cut:
                back = threading.Thread(target=self.back, args=(there,))
                back.start()
                while data := self.request.recv(65536):
                    there.sendall(data)
                there.shutdown(socket.SHUT_WR)
                back.join()

    def back(self, there: socket.socket) -> None:
        """Pass on what comes back."""
        passed, relay = 0, self.server
        with suppress(OSError):
            while data := there.recv(4096):
                passed += len(data)
                relay.is_cut |= relay.cut_after is not None and passed > relay.cut_after
                if relay.is_cut:
                    break
                self.request.sendall(data)
        for each in (self.request, there):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Relayed(Registry):
    """A registry behind a relay."""

    relay: Relay

    @contextmanager
    def cut(self, after: int) -> Iterator[None]:
        """Cut the network for good once so many bytes of a file have come."""
        self.relay.cut_after = after
        try:
            yield
            assert self.relay.is_cut
        finally:
            self.relay.cut_after, self.relay.is_cut = None, False


@pytest.fixture(scope="session", autouse=True)
def _a_breath() -> Iterator[None]:
    """Let callers ask five times a second each, since more would only make each start of a service slower; declare no behaviour."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "PAUSE_SECONDS", 0.2)
        patch.setattr(behaviour, "CASES", [])  # so that a weak model passes as a first release whatever the example is
        yield


@pytest.fixture(scope="session")
def registry(registry: Registry) -> Iterator[Registry]:
    with Relay(("127.0.0.1", int(registry.address.rpartition(":")[2]))) as relay:
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        yield Relayed(f"127.0.0.1:{relay.server_address[1]}", registry.container, relay)
        relay.shutdown()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Road:
    """A project with releases that are trained and judged, as in test_lifecycle.py, for all files of this folder."""
    road = Road.copied(tmp_path_factory.mktemp("faults") / "project")
    (road.root / "validation" / "thresholds.toml").write_text(NO_FLOORS)
    rows = training_rows(road)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(behaviour, "CASES", [])
        write_rows(road, [row for number, row in enumerate(rows) if number % 10])
        road.make(A)
        write_rows(road, [row for number, row in enumerate(rows) if number % 20])
        road.make(B, champion=str(road.kept(A) / "bundle"))
        write_rows(road, rows)
        road.make(C, champion=str(road.kept(B) / "bundle"))
        write_rows(road, shuffled(rows))
        road.make(WEAK)
        write_rows(road, rows)
        app = road.root / "slipway" / "serving" / "app.py"
        text = app.read_text(encoding="utf-8").replace("import gc\n", "import asyncio\nimport gc\nimport tempfile\n")
        app.write_text(text + FAULT + HUNGER, encoding="utf-8")
        road.make(FAULTY, champion=str(road.kept(B) / "bundle"))
    for tag in TAGS:
        road.git("tag", tag)
    return road


@pytest.fixture(scope="session")
def road(made: Road, request: pytest.FixtureRequest) -> Iterator[Road]:
    """The releases pushed to a target, of which nothing is left afterwards."""
    with pushed(made, request, A, B, C, WEAK, FAULTY) as road:
        road.digests |= dict.fromkeys(TAGS, road.digests[FAULTY])
        yield road


@pytest.fixture
def live(road: Road, request: pytest.FixtureRequest) -> Iterator[Road]:
    """A road on which B is live, after A; whatever the test brings about, the next deploy has to work.

    That is tried after each fault when the page is written; otherwise where something was left to mend, and by what the next test deploys.
    """
    road.checkout("main")
    if not serves(road, B):  # what a test before left in pieces
        road.stop()
    road.stand(A, B)
    yield road
    assert road.place.lock.read_holder() is None
    if state(road)["held_by"]:
        road.must("resume")
    if request.config.getoption("--write-faults") or not serves(road, B) or road.standing() != [A, B]:
        road.must("deploy", B)
    road.serves(B)
    assert road.standing() == [A, B]


def serves(road: Road, tag: str) -> bool:
    """Tell whether a release serves."""
    try:
        road.serves(tag)
    except (AssertionError, httpx.HTTPError):
        return False
    return True


@pytest.fixture
def suffers(road: Road, request: pytest.FixtureRequest) -> Suffers:
    """Callers who ask while something goes wrong. What they saw goes to the page."""
    declared: Fault = request.node.get_closest_marker("fault").args[0]
    figures = request.config.stash[FIGURES].setdefault(declared.key(road.target), Figures())

    @contextmanager
    def suffer(tag: str, may_fail: bool = False) -> Iterator[load.Record]:
        with callers(road) as seen:
            start = time.monotonic()
            yield seen
            wait_until(lambda: serves(road, tag))
            seconds = time.monotonic() - start
        figures.add(len(seen.failures), len(seen.failures) + len(seen.milliseconds), seconds)
        assert may_fail or seen.failures == []

    return suffer


def watched(patch: pytest.MonkeyPatch, **limits: float) -> None:
    """Have deploys watched."""
    load_project, bake = project.load, Bake(**{"seconds": 60, "max_error_share": 0.01, "p99_ms": 5000, **limits})
    patch.setattr(project, "load", lambda *given: replace(load_project(*given), bake=bake))


def as_root(*command: str) -> list[str]:
    """Return a command that is run as root."""
    return list(command) if os.geteuid() == 0 else ["sudo", "-n", *command]
