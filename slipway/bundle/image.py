"""Which packages the image of a release holds: few where the model is compiled and the service needs no more than those."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from slipway.serving.manifest import Model

# What a compiled model is served with, and what any other is.
LEAN, FULL = "requirements/compiled.txt", "requirements/serve.txt"
# What a service imports before it reads its release; what it imports later is found out when the built release is asked.
IMPORTED = ("slipway.serving.app", "model.features", "service.app")
INSTALLED = {"site-packages", "dist-packages"}


def choose_lock(model: "Model") -> str:
    """Return the lock that the image of a model is built from."""
    return LEAN if model.graph else FULL


def describe_answering(model: "Model") -> str:
    """Return what answers, with which packages, and why with so many."""
    if model.graph:
        return f"the compiled model, with only the packages of {LEAN}"
    return f"the pipeline, with the packages of {FULL}, since it is not compiled: {model.compiled.reason}"


def find_lacking(root: Path, modules: Sequence[str] = ()) -> str | None:
    """Return, as a clause, which file needs what the image of a compiled model does not hold; None where all is there.

    `modules` are those of `model/` that its graph needs beside it.

    An import that fails for another reason fails in any image.
    """
    if not (root / LEAN).is_file():
        return f"{LEAN} does not exist; ./run lock writes it"
    command = [sys.executable, "-m", "slipway.bundle.image", *modules]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    said = done.stdout.splitlines()
    lacking: str | None = json.loads(said[-1]) if done.returncode == 0 and said else None
    return lacking


class Held(PathFinder):
    """Finds of the packages that are installed here only those that the image of a compiled model holds."""

    files: ClassVar[set[str]] = set()
    missed: ClassVar[set[str]] = set()

    @classmethod
    def find_spec(cls, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find a module, or nothing."""
        spec = super().find_spec(fullname, path, target)
        if spec and spec.origin and spec.origin not in cls.files and not INSTALLED.isdisjoint(Path(spec.origin).parts):
            cls.missed.add(fullname)
            return None
        return spec


def list_files(lock: Path) -> Iterator[str]:
    """Yield the files of the packages that a lock names, where they are installed."""
    for name in re.findall(r"^([\w.-]+)==", lock.read_text(encoding="utf-8"), re.MULTILINE):
        try:
            found = distribution(name)
        except PackageNotFoundError:  # one for another system
            continue
        yield from (str(found.locate_file(each)) for each in found.files or ())


def import_service(root: Path, modules: Sequence[str] = ()) -> str | None:
    """Import what a service imports, and these modules, with the packages of the lean image only, and return what it lacks."""
    Held.files = set(list_files(root / LEAN))
    sys.meta_path[sys.meta_path.index(PathFinder)] = Held
    try:
        for name in (*IMPORTED, *modules):
            import_module(name)
    except Exception as error:  # whatever the owner's code raises
        missing = next((each for each in _list_causes(error) if isinstance(each, ModuleNotFoundError) and each.name in Held.missed), None)
        return f"{_find_file(error, root)} needs {missing.name}, which {LEAN} does not hold" if missing else None
    return None


def _list_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__


def _find_file(error: BaseException, root: Path) -> str:
    """Return the last of the project's files on the way to an error."""
    files = [Path(each.filename) for each in extract_tb(error.__traceback__)]
    found = [each.relative_to(root).as_posix() for each in files if each.is_relative_to(root) and INSTALLED.isdisjoint(each.parts)]
    return next((each for each in reversed(found) if each.startswith(("service/", "model/"))), found[-1])


def main() -> None:
    """Print what is lacking as the last line."""
    print("\n" + json.dumps(import_service(Path.cwd(), sys.argv[1:])))


if __name__ == "__main__":
    main()
