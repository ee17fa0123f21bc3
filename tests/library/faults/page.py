"""docs/faults.md: what the tests of this folder declare, and the figures of the run that wrote it."""

import importlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

import pytest

from slipway.cli import ROOT

PAGE, KEPT = ROOT / "docs" / "faults.md", ROOT / "build" / "faults.json"
TARGETS = ("local", "docker", "kubernetes")
# A sentence that begins so says why there is no test.
NOT_HERE = "Not meaningful here: "
HEAD = ["#", "fault", "target", "what happens", "failed requests", "recovery"]
TEXT = """# What goes wrong, and what happens then

What do callers notice when a part fails? Find the fault in this table. Each fault was caused for real, while callers kept sending requests.
Afterwards the right release was live (its digest, its manifest, its golden answers), and the next deploy worked.

- *Failed requests* are those of four callers with open connections.
- *Recovery* is the time from the fault, or from the start of the command that met it, until the right release answered and the command had
  ended. For a fault that is tried at each step (2, 10), it is the time of all tries together.

These figures were measured on two busy cores: take them as upper bounds. What to do at 3 a.m. is in [rollback.md](rollback.md).

`./run test tests/library/faults --write-faults` writes this page. It needs a Docker engine, a Kubernetes cluster and root on Linux. A test
compares the sentences with the tests.

"""

# A row of the page: number, fault, target.
Key = tuple[int, str, str]


@dataclass(frozen=True)
class Fault:
    """An item of the list of faults, and what happens on each target."""

    number: int
    what: str
    happens: Mapping[str, str]

    def key(self, target: str) -> Key:
        """Name its row."""
        return self.number, self.what, target

    def tried(self, target: str) -> bool:
        """Tell whether there is a test."""
        return self.told(target) and not self.happens[target].startswith(NOT_HERE)

    def told(self, target: str) -> bool:
        """Tell whether there is a row."""
        return target in self.happens


@dataclass
class Figures:
    """What callers saw of a fault, in all runs of its test."""

    failed: int = 0
    asked: int = 0
    seconds: float = 0.0

    def add(self, failed: int, asked: int, seconds: float) -> None:
        """Count another run; of the recoveries the slowest is told."""
        self.failed, self.asked, self.seconds = self.failed + failed, self.asked + asked, max(self.seconds, seconds)

    def cells(self) -> list[str]:
        """Return them as the page shows them."""
        return [f"{self.failed} of {self.asked}", f"{self.seconds:.1f} s"]


def fault(number: int, what: str, **happens: str) -> pytest.MarkDecorator:
    """Declare what a test brings about, and what happens then on each target."""
    assert set(happens) <= set(TARGETS)
    return pytest.mark.fault(Fault(number, what, happens))


def declared() -> list[Fault]:
    """Return what the tests declare, each once, in the order of the list."""
    found = {each.key(""): each for each in marks()}
    return sorted(found.values(), key=lambda each: each.number)


def marks() -> Iterator[Fault]:
    """Read the marks of this folder's tests."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        module = importlib.import_module(f"tests.library.faults.{path.stem}")
        for test in vars(module).values():
            for mark in getattr(test, "pytestmark", []):
                if mark.name == "fault":
                    yield mark.args[0]


def rows(figures: Mapping[Key, Figures]) -> list[list[str]]:
    """Return the page's rows. Raises KeyError for a row whose test was not run."""
    return [
        [str(each.number), each.what, target, each.happens[target], *(figures[each.key(target)].cells() if each.tried(target) else "––")]
        for each in declared()
        for target in TARGETS
        if each.told(target)
    ]


def write(figures: Mapping[Key, Figures]) -> None:
    """Write the page, once each test has been run; what earlier runs saw is kept for that in `build/faults.json`."""
    seen = [[*key, *astuple(found)] for key, found in {**kept(), **figures}.items()]
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps(seen), encoding="utf-8")
    wanted = {each.key(target) for each in declared() for target in TARGETS if each.tried(target)}
    if missing := wanted - set(kept()):
        print("docs/faults.md is not written, since these were not run:", *sorted(missing), sep="\n")
        return
    lines = ["| " + " | ".join(cells) + " |" for cells in (HEAD, ["---"] * len(HEAD), *rows(kept()))]
    PAGE.write_text(TEXT + "\n".join(lines) + "\n", encoding="utf-8")


def kept() -> dict[Key, Figures]:
    """Return what earlier runs saw."""
    seen = json.loads(KEPT.read_bytes()) if KEPT.is_file() else []
    return {(number, what, target): Figures(*found) for number, what, target, *found in seen}
