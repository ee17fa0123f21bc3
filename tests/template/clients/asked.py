"""What a client is to ask, and how its answers are held against those recorded at training. Runs in each client's environment."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

NAME, TAG = "slipway-example", "v1.0.0"
TOLERANCE = 1e-9
Raised = TypeVar("Raised", bound=Exception)


@dataclass(frozen=True)
class Asked:
    """The service, the contract, and the golden rows with their answers."""

    url: str
    contract: str
    rows: list[dict[str, Any]]
    answers: list[float]

    @property
    def address(self) -> str:
        return self.url.removeprefix("http://")

    @property
    def columns(self) -> dict[str, list[Any]]:
        return {name: [row[name] for row in self.rows] for name in self.rows[0]}

    def hold(self, answers: Any) -> None:
        """Hold answers against the golden ones."""
        assert len(answers) == len(self.answers)
        assert max(abs(float(found) - golden) for found, golden in zip(answers, self.answers, strict=True)) <= TOLERANCE


def given() -> Asked:
    """Read the command line: URL, contract, file with the golden rows."""
    url, contract, golden = sys.argv[1:]
    return Asked(url, contract, **json.loads(Path(golden).read_bytes()))


def refusal(kind: type[Raised], call: Callable[[], Any]) -> Raised:
    """Return what is raised by a call that has to be refused."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError("What is no row was answered.")
