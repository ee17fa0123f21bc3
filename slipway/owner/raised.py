"""What an error says, as one short line; and of an import that fails, which package or library it wants and what brings it."""

import linecache
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from traceback import walk_tb
from types import FrameType

Frames = Sequence[tuple[FrameType, int]]
LONGEST = 500
# What is no part of a sentence: colours of a terminal, and pydantic's links.
NOISE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|For further information visit \S+")
# A traceback within a message, such as scikit-learn's of fits that failed: only its last line says something.
WITHIN = re.compile(r"(?P<before>.*?)\s*(?:-{20,}|\d+ fits? failed with|Traceback \(most recent call last\))(?P<within>.*)", re.DOTALL)
RAISED = re.compile(r"^(?:\w+\.)*(?P<raised>\w*(?:Error|Exception|Warning|Exit|Iteration)\b.*)", re.MULTILINE)
ROOMS = ("model", "pipeline", "service", "slipway", "tests")
# What held the library before slipway/ did.
FORMER_ROOMS = ("pipeline", "service", "validation")
# Packages that are called otherwise than what is imported of them. xgboost-cpu is XGBoost without the 700 MB for graphics cards; it is not
# made for a Mac, where xgboost has none of them.
PACKAGES = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "imblearn": "imbalanced-learn",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "xgboost": """the lines `xgboost-cpu; sys_platform != "darwin"` and `xgboost; sys_platform == "darwin"`""",
    "yaml": "pyyaml",
}


def follow_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, then the parts of a group, and what it was raised from."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop(0)
        if each is None or any(each is one for one in seen):
            continue
        seen.append(each)
        yield each
        waiting += [*getattr(each, "exceptions", ()), each.__cause__ or (None if each.__suppress_context__ else each.__context__)]


def list_frames(error: BaseException) -> Frames:
    """Return the frames of an error's traceback, the innermost last."""
    return list(walk_tb(error.__traceback__))


def describe_error(error: BaseException) -> str:
    """Return type and message of an error; the line that raised it, or what it was raised from, where it has none."""
    text, root = shorten(read_message(error)), _find_root(error)
    if text and root and (more := shorten(read_message(root))) not in text:
        text += f" (from {type(root).__name__}: {more})"
    elif not text:
        text = f"from {type(root).__name__}: {shorten(read_message(root))}" if root else _read_raising_line(error)
    return f"{type(error).__name__}: {text}".rstrip(": .")


def _find_root(error: BaseException) -> BaseException | None:
    """Return the last that an error was raised from and that says something, or the first of a group."""
    found: list[BaseException] = [*getattr(error, "exceptions", ())][:1]
    last = error
    while last.__cause__ and last.__cause__ not in (error, *found):
        last = last.__cause__
        found.append(last)
    if not found and not read_message(error):
        found = [each for each in follow_causes(error) if each is not error]
    # What joblib raises an error of another process from is that error again, as text.
    return next((each for each in reversed(found) if read_message(each) and type(each).__name__ != "_RemoteTraceback"), None)


def read_message(error: BaseException) -> str:
    """Return what an error says, with its notes; nothing where it cannot say it."""
    if isinstance(error, SyntaxError):
        return f"{error.msg}{f' ({error.text.strip()})' if error.text else ''}"
    try:
        return "\n".join([str(error), *map(str, getattr(error, "__notes__", ()))]).strip()
    except Exception:  # an error of the owner's own, whatever its __str__ does
        return ""


def shorten(text: str) -> str:
    """Return a message on one line, of at most 500 characters, without a traceback in it."""
    if "Traceback (most recent call last)" in text and (found := WITHIN.match(text)):
        raised = RAISED.search(found["within"])
        before = " ".join(found["before"].split()).partition(". ")[0].rstrip(".:")
        text = f"{before}: {raised['raised']}" if raised else before
    line = " ".join("".join(each if each.isprintable() else " " for each in NOISE.sub("", text)).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "…"


def _read_raising_line(error: BaseException) -> str:
    frames = list_frames(error)
    return linecache.getline(frames[-1][0].f_code.co_filename, frames[-1][1]).strip() if frames else ""


# --- an import that fails


def explain_missing_module(error: ModuleNotFoundError) -> str:
    """Return what is missing and what brings it, as sentences that end with the next command."""
    name = error.name or ""
    top = name.partition(".")[0]
    if not top:
        return f"An import fails: {error}. Next: correct it."
    if top in ROOMS:
        return f"No module named {name!r}: {name.replace('.', '/')}.py is not there. Next: write that file, or correct the import."
    if name != top and find_spec(top):
        package = next(iter(packages_distributions().get(top, [])), None)
        locked = f"{package} {version(package)}, which requirements/ locks," if package else top
        newer = "correct the import, or ./run lock --upgrade for newer packages"
        return f"No module named {name!r}: {locked} has no module of that name. Next: {newer}."
    if top in sys.stdlib_module_names:
        return f"No module named {name!r}: Python {sys.version.partition(' ')[0]} has it on other systems only. Next: do without."
    package = PACKAGES.get(top, top.replace("_", "-"))
    return (
        f"No module named {name!r}: it is in none of the packages that requirements/ locks. "
        f"Next: add {package} to requirements/serve.in, then ./run lock; or, if {top}.py is a file of yours, put it into model/ "
        f"and import it as model.{top}."
    )


def find_moved_module(error: ImportError) -> str | None:
    """Return where the library has a module now that was in another folder before, None where it has none or several of that name."""
    missing = re.search(r"cannot import name '(\w+)'", str(error))
    path = (error.name or "").split(".") + ([missing[1]] if missing else [])
    if len(path) == 1 or path[0] not in FORMER_ROOMS:
        return None
    name = path[-1]
    library = Path(__file__).parents[1]
    found = [*library.rglob(f"{name}.py"), *(each.parent for each in library.rglob(f"{name}/__init__.py"))]
    return ".".join(found[0].relative_to(library.parent).with_suffix("").parts) if len(found) == 1 else None


def explain_missing_library(error: OSError) -> str | None:
    """Return which system library a package wants, None where it is something else that fails."""
    if "libgomp" not in str(error) and "libomp" not in str(error):
        return None
    return (
        f"A package needs the system's OpenMP ({' '.join(str(error).split())[:200]}). The image has it; this machine does not. "
        "Next: apt-get install libgomp1, or on a Mac brew install libomp."
    )
