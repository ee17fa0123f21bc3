"""Imports go only downwards, what serves stays lean, and the locks agree."""

import ast
import pkgutil
import re
import runpy
import subprocess
import sys
from collections.abc import Container, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from slipway.cli import VERBS

ROOT = Path(__file__).resolve().parents[2]
# The modules that every floor of the library stands on.
GROUND = tuple(f"slipway.{path.stem}" for path in sorted((ROOT / "slipway").glob("[!_]*.py")) if path.stem != "cli")
OPERATING = (*GROUND, "slipway.serving", "slipway.tracking.ledger")
JUDGING = (*OPERATING, "model", "slipway.operate", "slipway.owner")
MAKING = (*JUDGING, "slipway.gate")
# What of ours each floor may import, beside itself.
MAY = {
    "model": ("slipway.gate.losses",),
    "validation": ("model", "slipway.gate.losses"),
    "service": ("slipway.serving",),
    "pipeline": ("slipway",),
    "slipway/serving": ("model.features",),
    "slipway/operate": OPERATING,
    "slipway/tracking": (*OPERATING, "slipway.operate", "slipway.gate.verdict"),
    "slipway/owner": GROUND,
    "slipway/gate": JUDGING,
    "slipway/bundle": MAKING,
    "slipway/watch": (*MAKING, "slipway.bundle"),
    "slipway/doctor": (*MAKING, "slipway.bundle", "slipway.tracking", "slipway.template"),
    "slipway/adopt": (*MAKING, "slipway.bundle", "slipway.doctor"),
    "slipway/rehearsal": (*MAKING, "slipway.bundle", "pipeline"),
    "slipway/template": GROUND,
}
ROOMS = ("model", "validation", "service", "pipeline", "slipway")
OURS = {*ROOMS, "tests"}
LOCK_OF = {"model": "serve", "service": "serve", "slipway/serving": "serve"}
# What the verbs that operate reach only where the packages to work with are: they look for those first.
BEYOND = {"slipway.gate.judge", "slipway.tracking.ledger_entry"}
OPERATE = sorted(runpy.run_path(str(ROOT / "run"))["OPERATE"])
HEAVY = ("docker", "great_expectations", "mlflow")
REQUIREMENT = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[\w.!+]+)( ; [^\\]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")

each_room = pytest.mark.parametrize("room", MAY)
each_lock = pytest.mark.parametrize("name", ["serve", "operate", "work"])


def files(room: str) -> list[Path]:
    """Return a room's modules."""
    return sorted((ROOT / room).rglob("*.py"))


def parts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a module that are executed: what is imported for types alone is not."""
    for each in ast.iter_child_nodes(node):
        if not (isinstance(each, ast.If) and ast.unparse(each.test).endswith("TYPE_CHECKING")):
            yield each
            yield from parts(each)


def imported(path: Path) -> Iterator[str]:
    """Yield the full names of what a module imports, wherever in it."""
    for node in parts(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{each.name}" for each in node.names)


def modules() -> dict[str, Path]:
    """Return our modules by their names."""
    found = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for room in ROOMS for path in files(room)}
    return {name.removesuffix(".__init__"): path for name, path in found.items()}


def reached(start: str) -> dict[str, set[str]]:
    """Return the modules of ours that one imports, directly or not, wherever in them, and what each imports of others'."""
    ours, found, more = modules(), dict[str, set[str]](), [start]
    while more:
        if (module := more.pop()) in found or module in BEYOND:
            continue
        names = {longest(name, ours) for name in imported(ours[module])}
        found[module] = {name.partition(".")[0] for name in names if name not in ours}
        more += [name for name in names if name in ours]
    return found


def longest(name: str, ours: Container[str]) -> str:
    """Return the module of ours that an imported name is or is in, the name itself where there is none."""
    parts = name.split(".")
    return next((part for end in range(len(parts), 0, -1) if (part := ".".join(parts[:end])) in ours), name)


def providers() -> dict[str, set[str]]:
    """Return the packages that provide an importable name, as locks spell them."""
    return {name: {each.lower().replace("_", "-") for each in found} for name, found in packages_distributions().items()}


def allowed(name: str, room: str) -> bool:
    """Tell whether a room may import a name of ours."""
    return any(f"{name}.".startswith(f"{each}.") for each in (room.replace("/", "."), *MAY[room]))


def list_edges() -> dict[tuple[str, str], str]:
    """Return which floor may import from which by MAY, with what of the other where it is not all."""
    edges = {}
    for room, names in MAY.items():
        for name in sorted({"slipway.ground" if each in GROUND else each for each in names}, reverse=True):
            floor, _, part = name.removeprefix("slipway.").partition(".")
            edges[room.removeprefix("slipway/"), floor] = part
    return {(start, end): part for (start, end), part in edges.items() if start != end}


def is_implied(edge: tuple[str, str], edges: dict[tuple[str, str], str]) -> bool:
    """Tell whether floors that may be imported whole may import the same."""
    start, end = edge
    seen, more = {start}, [start]
    while more:
        here = more.pop()
        following = {floor for (first, floor), part in edges.items() if first == here and not part and (here, floor) != edge} - seen
        seen |= following
        more += following
    return end in seen or any(edges.get((floor, end)) == edges[edge] for floor in seen - {start})


def draw_floors() -> str:
    """Draw MAY as a graph for Mermaid, without the edges that a path of others stands for."""
    edges = list_edges()
    drawn = [edge for edge in edges if not is_implied(edge, edges)]
    library = sorted({floor for edge in edges for floor in edge} - {*ROOMS})
    names = {floor: floor for floor in library} | {"ground": 'ground["project, errors, say, ..."]'}
    nodes = [f"    {names[floor]}" for floor in library]
    arrows = [f"  {start} -->{f'|{edges[start, end]}|' if edges[start, end] else ''} {end}" for start, end in sorted(drawn)]
    return "\n".join(["```mermaid", "flowchart TD", "  subgraph slipway", *nodes, "  end", *arrows, "```", ""])


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
    ours = modules()
    assert [each for each in found if each[1].startswith(".")] == []
    assert [
        (path, name) for path, name in found if name.split(".")[0] in OURS and not allowed(name, room) and longest(name, ours) not in BEYOND
    ] == []


@each_room
def test_what_a_room_imports_is_in_its_lock(room: str) -> None:
    used = {name.split(".")[0] for path in files(room) for name in imported(path)} - OURS - sys.stdlib_module_names
    provided, locked = providers(), dict(versions(LOCK_OF.get(room, "work")))
    assert [name for name in used if not provided.get(name, set()) & set(locked)] == []


def test_what_serves_loads_nothing_that_only_works() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts) for room in ("model", "service", "slipway/serving") for path in files(room)
    ]
    code = f"import sys; from importlib import import_module; [*map(import_module, {modules})]; print(*{{*sys.modules}} & {{*{HEAVY}}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("verb", OPERATE)
def test_what_operates_needs_no_more_than_its_lock_and_nothing_of_the_model(verb: str) -> None:
    found, provided, locked = reached(VERBS[verb].module), providers(), set(dict(versions("operate")))
    assert [name for name in found if name.startswith("model")] == []
    used = {name for names in found.values() for name in names} - sys.stdlib_module_names
    assert [name for name in used if not provided.get(name, set()) & locked] == []


def test_what_operates_is_little() -> None:
    assert len(versions("operate")) <= 35


def test_the_verdict_is_numbers_only() -> None:
    touching = (
        "pandas",
        "sklearn",
        "great_expectations",
        "mlflow",
        "docker",
        "httpx",
        "requests",
        "pipeline",
        "model",
        "service",
        "slipway.operate",
    )
    code = f"import sys; import slipway.gate.gate; print(*{{*sys.modules}} & {{*{touching}}})"
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


@pytest.mark.parametrize("name", ["serve", "operate"])
def test_what_serves_and_what_operates_have_the_versions_that_are_tested(name: str) -> None:
    assert set(versions(name)) <= set(versions("work"))


def test_what_the_library_s_page_names_is_there() -> None:
    names = re.findall(r"`((?:slipway|pipeline)(?:\.\w+)+)`", (ROOT / "slipway" / "README.md").read_text(encoding="utf-8"))
    assert len(names) > 30
    for name in names:
        pkgutil.resolve_name(name)


def test_the_library_s_page_has_each_floor() -> None:
    page = (ROOT / "slipway" / "README.md").read_text(encoding="utf-8")
    floors = [path.name for path in (ROOT / "slipway").iterdir() if (path / "__init__.py").is_file()]
    assert floors
    assert [each for each in floors if f"\n| `slipway.{each}` |" not in page] == []


def test_the_library_s_page_draws_the_floors_as_they_are_kept() -> None:
    assert draw_floors() in (ROOT / "slipway" / "README.md").read_text(encoding="utf-8")


def test_a_rollback_on_docker_imports_nothing_that_it_has_no_time_for() -> None:
    late = {"pydantic", "httpx", "cryptography.x509", "slipway.serving.manifest", "pandas", "mlflow"}
    code = f"import sys, slipway.cli, pipeline.rollback, slipway.operate.targets.docker; print(*sorted({late!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
