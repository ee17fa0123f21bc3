"""What keeps Windows able to train, validate, serve and test. template.yml does it there; `./run check` there finds what Python lacks."""

import ast
from pathlib import Path
from types import SimpleNamespace

import pytest

from slipway import project
from slipway.errors import PipelineError
from slipway.operate.targets import load_target

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("model", "pipeline", "service", "slipway", "validation")
POSIX = {"crypt", "fcntl", "grp", "nis", "posix", "pty", "pwd", "readline", "resource", "spwd", "syslog", "termios", "tty", "uvloop"}
# What a path of Windows cannot hold, or not at its end.
REFUSED = set('<>:"|?*\\')
RESERVED = {"aux", "con", "nul", "prn", *(f"{name}{number}" for name in ("com", "lpt") for number in range(1, 10))}


def list_imports(path: Path) -> set[str]:
    """Return the packages that a module imports, wherever in it."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = [each.name for node in nodes if isinstance(node, ast.Import) for each in node.names]
    return {name.partition(".")[0] for name in [*plain, *(node.module or "" for node in nodes if isinstance(node, ast.ImportFrom))]}


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_is_imported_that_windows_does_not_have(room: str) -> None:
    assert {path.name: found for path in (ROOT / room).rglob("*.py") if (found := list_imports(path) & POSIX)} == {}


def test_each_file_can_be_written_on_windows() -> None:
    names = [path.relative_to(ROOT) for room in (*ROOMS, "data", "docs", "infra", "tests") for path in (ROOT / room).rglob("*")]
    parts = {part for name in names for part in name.parts}
    assert {each for each in parts if set(each) & REFUSED or each[-1] in ". " or each.partition(".")[0].lower() in RESERVED} == set()
    by_case = [name.as_posix().lower() for name in names if "__pycache__" not in name.parts]
    assert len(by_case) == len(set(by_case))


def test_the_target_local_leads_to_wsl_and_to_what_works_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slipway.operate.targets.local.os", SimpleNamespace(name="nt"))
    with pytest.raises(PipelineError, match=r"this is Windows\. Next: type the same inside WSL.*\./run validate --champion none\.$"):
        load_target(project.load(ROOT, "local"))
