"""Find the line of the owner's code (`model/*.py`) that a failure or a warning comes from."""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from slipway.owner.raised import Frames, follow_causes, list_frames, read_message

# What Python calls code that is in no function.
NAMELESS = {"<module>", "<lambda>", "<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>"}
IN_TEXT = re.compile(r'File "([^"]+)", line (\d+)(?:, in (\S+))?')
# How the compositions of scikit-learn keep parts that have names.
NAMED = ("steps", "transformers", "transformer_list", "estimators")
Node = TypeVar("Node", bound=ast.AST)
# A part of a pipeline on the way from the whole to the part that failed: its name and its class.
Step = tuple[str, str]


@dataclass(frozen=True)
class Place:
    """Where in the owner's code: the line, and the function or the part of the estimator where there is one."""

    file: str
    line: int | None = None
    function: str = ""
    part: str = ""

    def __str__(self) -> str:
        line = f", line {self.line}" if self.line else ""
        return f"{self.file}{line}{f', in {self.function}' if self.function else ''}{f', {self.part}' if self.part else ''}"


def find_model_folder() -> Path:
    """Return the folder of the package `model`, without importing it."""
    spec = find_spec("model")
    folders = list(spec.submodule_search_locations or []) if spec else []
    return Path(folders[0] if folders else Path(__file__).parents[2] / "model").resolve()


def find_place(error: BaseException, causes: bool = True) -> Place | None:
    """Return where in the owner's code an error was raised, or what it was raised from; None where no line of theirs took part."""
    folder, chain = find_model_folder(), list(follow_causes(error)) if causes else [error]
    found = (place for each in chain for place in (_syntax_place(each, folder), find_frame(list_frames(each), folder)))
    texts = (_text_place(read_message(each), folder) for each in chain)
    return next((place for place in (*found, *texts, _name_place(error)) if place), None)


def find_frame(frames: Frames, folder: Path) -> Place | None:
    """Return the innermost frame that runs the owner's code."""
    for frame, line in reversed(frames):
        if file := name_owned(frame.f_code.co_filename, folder):
            name = frame.f_code.co_name
            return Place(file, line, "" if name in NAMELESS else name)
    return None


def _syntax_place(error: BaseException, folder: Path) -> Place | None:
    file = name_owned(error.filename, folder) if isinstance(error, SyntaxError) and error.filename else None
    return Place(file, error.lineno) if file and isinstance(error, SyntaxError) else None


def _text_place(text: str, folder: Path) -> Place | None:
    """Return the last line of the owner's in a traceback that is only text, as one of another process is."""
    found = [(name_owned(file, folder), int(line), name) for file, line, name in IN_TEXT.findall(text)]
    places = [Place(file, line, "" if name in NAMELESS else name) for file, line, name in found if file]
    return places[-1] if places else None


def _name_place(error: BaseException) -> Place | None:
    """Return the file of `model/` that lacks a name which the rest needs, or that is not there."""
    owner = getattr(error, "obj", None) if isinstance(error, AttributeError) else None
    name = owner.__name__ if isinstance(owner, ModuleType) else error.name if isinstance(error, ImportError) else None
    if name == "model" and (missing := re.search(r"cannot import name '(\w+)'", str(error))):
        name = f"model.{missing[1]}"
    return Place(f"{name.replace('.', '/')}.py") if name and name.startswith("model.") else None


def find_failed_part(error: BaseException) -> Place | None:
    """Return where the owner made the estimator in which an error was raised, or that lacks what was wanted of it."""
    chain = list(follow_causes(error))
    lacking = [each.obj for each in chain if isinstance(each, AttributeError)]
    found = (find_part(list_frames(each), lacking) for each in chain)
    return next((each for each in found if each), None)


def find_part(frames: Frames, lacking: Sequence[object] = ()) -> Place | None:
    """Return where the owner made the estimator, or the step of a pipeline, in which scikit-learn was at work."""
    steps = _follow_steps([*(frame.f_locals.get("self") for frame, _ in frames), *lacking])
    if not steps:
        return None
    names, folder = "/".join(name for name, _ in steps if name), find_model_folder()
    files = sorted(folder.rglob("*.py"), key=lambda file: (file.name != "estimator.py", file))
    trees = {file: _parse_file(file) for file in files}
    for depth in range(len(steps), 0, -1):
        for file, tree in trees.items():
            if node := _find_step(tree, steps[:depth]):
                part = f"step {names} ({steps[-1][1]})" if names else steps[-1][1]
                return Place(file.relative_to(folder.parent).as_posix(), node.lineno, part=part)
    return None


def find_defined(file: str, name: str) -> Place:
    """Return the line that defines a function or a value which the rest uses."""
    for node in _parse_file(find_model_folder().parent / file).body:
        names = [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [each.id for each in targets if isinstance(each, ast.Name)]
        if name in names:
            return Place(file, node.lineno)
    return Place(file)


def find_field(row: str, name: str) -> Place:
    """Return the line of `model/features.py` that declares a feature in class `row`."""
    file = "model/features.py"
    for node in ast.walk(_parse_file(find_model_folder() / "features.py")):
        for each in node.body if isinstance(node, ast.ClassDef) and node.name == row else []:
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and each.target.id == name:
                return Place(file, each.lineno)
    return Place(file)


def name_owned(filename: str, folder: Path) -> str | None:
    """Return a file as it is called from the project's folder if it is the owner's, else None."""
    path = Path(filename)
    if filename.startswith("<") or not path.is_absolute():
        return None
    path = path.resolve()
    if path.parts[-2:] == ("validation", "checks.py"):  # also those of another commit, in build/rules/
        return "validation/checks.py"
    return path.relative_to(folder.parent).as_posix() if path.is_relative_to(folder) else None


# --- the parts of a pipeline, by the objects that were at work


def _follow_steps(working: Iterable[Any]) -> list[Step]:
    """Return the way from the whole to the part that failed; `working` is the `self` of each frame."""
    steps: list[Step] = []
    within: list[tuple[str, Any]] = []
    last = None
    for each in working:
        if each is last or not hasattr(type(each), "get_params"):
            continue
        last = each
        name = _name_part(each, within)
        if name is not None or not steps:
            steps.append((name or "", type(each).__name__))
            within = list(_list_parts(each))
    return steps


def _name_part(part: Any, within: list[tuple[str, Any]]) -> str | None:
    """Return the name of a part; a copy is recognized by what it was made with, None where that fits several or none."""
    same = [name for name, each in within if each is part]
    alike = [name for name, each in within if type(each) is type(part)]
    if len(alike) > 1:
        alike = [name for name, each in within if type(each) is type(part) and _describe(each) == _describe(part)]
    return next(iter(same), None) or (alike[0] if len(alike) == 1 else None)


def _list_parts(whole: Any) -> Iterator[tuple[str, Any]]:
    for attribute, value in vars(whole).items():
        if attribute in NAMED and isinstance(value, list | tuple):
            yield from ((each[0], each[1]) for each in value if isinstance(each, tuple) and len(each) > 1)
        elif hasattr(type(value), "get_params") and not attribute.endswith("_"):
            yield attribute, value


def _describe(part: Any) -> str:
    try:
        return repr(part)
    except Exception:  # a class of the owner's, whatever it prints of itself
        return type(part).__name__


# --- the source of model/


def _parse_file(path: Path) -> ast.Module:
    """Return what a file holds; nothing where it cannot be read."""
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ast.Module([], [])


def _find_step(tree: ast.AST, steps: list[Step]) -> ast.expr | None:
    """Return the node that makes the last of some steps: inside that of the step around it, or else the only one."""
    scope, node = tree, None
    for name, kind in steps:
        node = _find_node(scope, name, kind) or _find_node(tree, name, kind)
        scope = node or tree
    return node


def _find_node(scope: ast.AST, name: str, kind: str) -> ast.expr | None:
    """Return what makes a part: the tuple that begins with its name, or the only call of its class."""
    for each in _walk(scope, ast.Tuple):
        if name and each.elts and isinstance(each.elts[0], ast.Constant) and each.elts[0].value == name:
            return each
    calls = [each for each in _walk(scope, ast.Call) if kind in (getattr(each.func, "id", ""), getattr(each.func, "attr", ""))]
    return calls[0] if len(calls) == 1 else None


def _walk(scope: ast.AST, kind: type[Node]) -> Iterator[Node]:
    return (each for each in ast.walk(scope) if isinstance(each, kind))
