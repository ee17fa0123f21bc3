"""Find the line of the owner's code (`model/*.py`) that a failure or a warning comes from."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from slipway.owner import parts, source
from slipway.owner.raised import Frames, follow_causes, list_frames, read_message

# What Python calls code that is in no function.
NAMELESS = {"<module>", "<lambda>", "<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>"}
IN_TEXT = re.compile(r'File "([^"]+)", line (\d+)(?:, in (\S+))?')


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
    found = (place for each in chain for place in (syntax_place(each, folder), frame_place(list_frames(each), folder)))
    texts = (text_place(read_message(each), folder) for each in chain)
    return next((place for place in (*found, *texts, name_place(error)) if place), None)


def frame_place(frames: Frames, folder: Path) -> Place | None:
    """Return the innermost frame that runs the owner's code."""
    for frame, line in reversed(frames):
        if file := owned(frame.f_code.co_filename, folder):
            name = frame.f_code.co_name
            return Place(file, line, "" if name in NAMELESS else name)
    return None


def syntax_place(error: BaseException, folder: Path) -> Place | None:
    """Return the line that Python cannot read."""
    file = owned(error.filename, folder) if isinstance(error, SyntaxError) and error.filename else None
    return Place(file, error.lineno) if file and isinstance(error, SyntaxError) else None


def text_place(text: str, folder: Path) -> Place | None:
    """Return the last line of the owner's in a traceback that is only text, as one of another process is."""
    found = [(owned(file, folder), int(line), name) for file, line, name in IN_TEXT.findall(text)]
    places = [Place(file, line, "" if name in NAMELESS else name) for file, line, name in found if file]
    return places[-1] if places else None


def name_place(error: BaseException) -> Place | None:
    """Return the file of `model/` that lacks a name which the rest needs, or that is not there."""
    owner = getattr(error, "obj", None) if isinstance(error, AttributeError) else None
    name = owner.__name__ if isinstance(owner, ModuleType) else error.name if isinstance(error, ImportError) else None
    if name == "model" and (missing := re.search(r"cannot import name '(\w+)'", str(error))):
        name = f"model.{missing[1]}"
    return Place(f"{name.replace('.', '/')}.py") if name and name.startswith("model.") else None


def library_place_of(error: BaseException) -> Place | None:
    """Return where the owner made the estimator in which an error was raised, or that lacks what was wanted of it."""
    chain = list(follow_causes(error))
    lacking = [each.obj for each in chain if isinstance(each, AttributeError)]
    found = (library_place(list_frames(each), lacking) for each in chain)
    return next((each for each in found if each), None)


def library_place(frames: Frames, lacking: Sequence[object] = ()) -> Place | None:
    """Return where the owner made the estimator, or the step of a pipeline, in which scikit-learn was at work."""
    path = parts.follow_steps([*(frame.f_locals.get("self") for frame, _ in frames), *lacking])
    found = source.find_part(find_model_folder(), path) if path else None
    return Place(*found, part=parts.describe_steps(path)) if found else None


def defined_place(file: str, name: str) -> Place:
    """Return the line that defines a function or a value which the rest uses."""
    return Place(file, source.find_definition(find_model_folder().parent / file, name))


def owned(filename: str, folder: Path) -> str | None:
    """Return a file as it is called from the project's folder if it is the owner's, else None."""
    path = Path(filename)
    if filename.startswith("<") or not path.is_absolute():
        return None
    path = path.resolve()
    return path.relative_to(folder.parent).as_posix() if path.is_relative_to(folder) else None
