"""Imports go only downwards, what serves stays lean, and the locks agree."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What of ours each room may import, beside itself.
MAY = {
    "model": ("validation.losses",),
    "service": ("model.features",),
    "validation": ("model",),
    "pipeline": ("model", "service", "validation"),
}
OURS = {*MAY, "tests"}
LOCK_OF = {"model": "serve", "service": "serve", "validation": "work", "pipeline": "work"}
HEAVY = ("docker", "great_expectations", "mlflow")
REQUIREMENT = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[\w.!+]+)( ; [^\\]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")

each_room = pytest.mark.parametrize("room", MAY)
each_lock = pytest.mark.parametrize("name", ["serve", "work"])


def files(room: str) -> list[Path]:
    """Return a room's modules."""
    return sorted((ROOT / room).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Yield the full names of what a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{each.name}" for each in node.names)


def allowed(name: str, room: str) -> bool:
    """Tell whether a room may import a name of ours."""
    return any(f"{name}.".startswith(f"{each}.") for each in (room, *MAY[room]))


def lock(name: str) -> list[str]:
    """Return the lines of a lock, without comments."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if not line.lstrip().startswith("#")]


def versions(name: str) -> list[tuple[str, str]]:
    """Return names and versions in a lock."""
    matches = (REQUIREMENT.fullmatch(line) for line in lock(name))
    return [(found["name"], found["version"]) for found in matches if found]


@each_room
def test_imports_go_only_downwards(room: str) -> None:
    found = [(path.relative_to(ROOT).as_posix(), name) for path in files(room) for name in imported(path)]
    assert [each for each in found if each[1].startswith(".")] == []
    assert [(path, name) for path, name in found if name.split(".")[0] in OURS and not allowed(name, room)] == []


@each_room
def test_what_a_room_imports_is_in_its_lock(room: str) -> None:
    used = {name.split(".")[0] for path in files(room) for name in imported(path)} - OURS - sys.stdlib_module_names
    providers, locked = packages_distributions(), dict(versions(LOCK_OF[room]))
    assert used
    assert [name for name in used if not {each.lower().replace("_", "-") for each in providers.get(name, [])} & set(locked)] == []


def test_what_serves_loads_nothing_that_only_works() -> None:
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for room in ("model", "service") for path in files(room)]
    code = f"import sys; from importlib import import_module; [*map(import_module, {modules})]; print(*{{*sys.modules}} & {{*{HEAVY}}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_verdict_is_numbers_only() -> None:
    touching = ("pandas", "sklearn", "great_expectations", "mlflow", "docker", "httpx", "requests", "pipeline", "model", "service")
    code = f"import sys; import validation.gate; print(*{{*sys.modules}} & {{*{touching}}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@each_lock
def test_a_lock_names_each_package_once_with_its_hashes_and_nothing_else(name: str) -> None:
    lines = lock(name)
    assert [line for line in lines if not REQUIREMENT.fullmatch(line) and not HASH.fullmatch(line)] == []
    assert [
        line for line, following in zip(lines, [*lines[1:], ""], strict=True) if line.endswith("\\") != bool(HASH.fullmatch(following))
    ] == []
    packages = [package for package, _ in versions(name)]
    assert len(packages) == len(set(packages)) > 0


@each_lock
def test_a_lock_names_no_package_index(name: str) -> None:
    assert "://" not in (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def test_what_serves_has_the_versions_it_was_trained_under() -> None:
    assert set(versions("serve")) <= set(versions("work"))
