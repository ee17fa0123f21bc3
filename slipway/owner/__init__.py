"""Run the owner's code, which is `model/*.py` and `validation/checks.py`: what it raises becomes one sentence, what it warns of one line.

    with owner_step("fit", on="data/train.csv"):
        fitted = estimator.build().fit(rows, target)

The steps are the keys of `STEPS`.
"""

import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import import_module
from traceback import walk_stack
from types import FrameType
from typing import TYPE_CHECKING, Any, ParamSpec, TextIO, TypeVar

from slipway.errors import OwnerError, PipelineError
from slipway.owner import place as places
from slipway.owner.hints import Hint, find_hint
from slipway.owner.place import Place
from slipway.owner.raised import (
    describe_error,
    explain_missing_library,
    explain_missing_module,
    find_moved_module,
    list_frames,
    shorten,
)
from slipway.say import warn

if TYPE_CHECKING:
    from pydantic import BaseModel

Args = ParamSpec("Args")
Returned = TypeVar("Returned")


@dataclass(frozen=True)
class Step:
    """What is done with the owner's code, the name that is called and the file that defines it, and what is expected.

    `doing` ends before the data that it is done with.
    """

    doing: str
    name: str
    file: str
    expected: str


STEPS = {
    "import": Step("importing", "Row", "model/features.py", "files of model/ that Python can import"),
    "load": Step("loading", "load", "model/data.py", "load(path) returns a DataFrame with the columns of Row and the target"),
    "build": Step("building on", "build", "model/estimator.py", "build() returns an estimator that is not fitted"),
    "fit": Step("fitting on", "build", "model/estimator.py", "an estimator that learns from the columns of Row and the target"),
    "answer": Step("answering", "build", "model/estimator.py", "a finite number for each row, from the columns of Row alone"),
    "store": Step("storing", "build", "model/estimator.py", "parts of scikit-learn, and classes and functions of model/"),
    "loss": Step("computing the loss on", "loss", "model/metrics.py", "loss(truth, answers) returns one number for each row, shape (n,)"),
    "metrics": Step(
        "computing the metrics on", "metrics", "model/metrics.py", "metrics(truth, answers) returns a dict of names and numbers"
    ),
    "behaviour": Step("reading the cases of", "CASES", "model/behaviour.py", "CASES is a list of dicts, as the top of that file describes"),
    "checks": Step(
        "checking the answers on",
        "check",
        "validation/checks.py",
        "check(rows, truth, candidate, champion) returns a list of sentences, [] where nothing is wrong",
    ),
    "verb": Step("running", "Row", "model/features.py", "code in model/ that runs to its end"),
}
MODULES = ("model.features", "slipway.serving.rows", "model.data", "model.estimator", "model.metrics", "model.behaviour")
# Where `Row` is read, when they are imported.
READERS = ("slipway/serving/declared.py", "slipway/serving/rows.py", "slipway/serving/description.py")
# Why a feature cannot have a name, although Python takes it.
HIDDEN = "begins with an underscore, so pydantic does not see it as a feature"
TAKEN = "is a name that pydantic uses itself: a request without this feature would get pydantic's value"
# A column may have the name of something that pydantic has: rows are read by `vars`, so nothing comes of it.
SHADOWS = r'Field name "\w+" in "\w+" shadows an attribute in parent "'
# The warnings that were printed, in this verb.
PRINTED: ContextVar[set[str] | None] = ContextVar("PRINTED", default=None)


@contextmanager
def owner_step(step: str, on: str = "", then: str = "./run train") -> Iterator[None]:
    """Run the owner's code in a `with`. `on` names the data it works on, `then` the command that goes on. Raises OwnerError.

    A PipelineError passes through, and so does an interruption.
    """
    with show_warnings(STEPS[step].file):
        try:
            yield
        except (PipelineError, KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # whatever the owner's code raises: to end the process (SystemExit) is not its business
            raise explain_failure(error, step, on, then) from error


def run_owner(step: str, function: Callable[Args, Returned], *args: Args.args, **kwargs: Args.kwargs) -> Returned:
    """Call a function of the owner's. Raises OwnerError."""
    with owner_step(step):
        return function(*args, **kwargs)


def import_model(then: str = "./run doctor") -> None:
    """Import all of `model/`, and read what it declares. Raises OwnerError."""
    with owner_step("import", on="model/", then=then):
        found = [import_module(each) for each in MODULES]
        refuse_reserved_fields(found[0].Row, then)


def refuse_reserved_fields(row: "type[BaseModel]", then: str = "./run train") -> None:
    """Raise OwnerError for a feature whose name pydantic needs for itself. Names such as `copy` and `json` are free."""
    from pydantic import BaseModel

    # pydantic gives these a default: its own attribute of the same name.
    taken = [name for name, field in row.model_fields.items() if hasattr(BaseModel, name) and not field.is_required()]
    for name, reason in {**dict.fromkeys(row.__private_attributes__, HIDDEN), **dict.fromkeys(taken, TAKEN)}.items():
        free = name.strip("_") if name.startswith("_") else f"{name}_"
        raise OwnerError(
            str(places.find_field(row.__name__, name)),
            f"{name} {reason}",
            "reading Row",
            "another name for this column",
            f'write {free} there, and rows.rename(columns={{"{name}": "{free}"}}) in model/data.py; then {then}',
        )


def explain_failure(error: BaseException, step: str, on: str = "", then: str = "./run train") -> OwnerError:
    """Return the sentence: where, what, while what, what was expected and what to do.

    The place is the owner's line that failed; or made what failed; or defines what was called.
    """
    at, text = STEPS[step], describe_error(error)
    where = places.find_place(error) or places.find_failed_part(error) or places.find_defined(at.file, at.name)
    doing = f"{at.doing} {on}" if on else at.doing.removesuffix(" on").removesuffix(" of")
    hint = choose_hint(error, text, step) or Hint("", at.expected, "correct that line" if where.line else "correct that file")
    return OwnerError(str(where), text, doing, hint.expected, f"{hint.fix}; then {then}")


def choose_hint(error: BaseException, text: str, step: str) -> Hint | None:
    """Return what is expected and what to do for an error and its text; None where nothing fits."""
    if isinstance(error, ImportError) and (moved := find_moved_module(error)):
        return Hint("", "a module of slipway/, where the library is now", f"correct that import: it is {moved} now")
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("model"):
        return Hint("", "a package that requirements/ locks", read_next(explain_missing_module(error)))
    if isinstance(error, OSError) and (reason := explain_missing_library(error)):
        return Hint("", "the system libraries that packages need", read_next(reason))
    return find_hint(text, step)


def read_next(sentences: str) -> str:
    """Return the next step that sentences end with."""
    return sentences.rpartition("Next: ")[2].rstrip(".")


def is_owners(error: BaseException) -> bool:
    """Tell whether an error comes from the owner's code, or from what it declares."""
    frames = list_frames(error)
    reads = any(frame.f_code.co_name == "<module>" and frame.f_code.co_filename.endswith(READERS) for frame, _ in frames)
    return places.find_place(error, causes=False) is not None or (reads and not isinstance(error, ImportError))


# --- warnings


@contextmanager
def show_warnings(running: str = "") -> Iterator[None]:
    """Print each warning of the owner's code in one line, once. What has nothing to do with their code is left as it is.

    While a file of theirs is `running` all warnings are theirs, and none is an error.
    """
    printed, show_default = PRINTED.get(), warnings.showwarning
    printed = set() if printed is None else printed

    def show(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None, line: str | None = None
    ) -> None:
        place = _find_warned(filename, lineno, sys._getframe(1))
        if place is None and not running:
            show_default(message, category, filename, lineno, file, line)
        else:
            _warn_once(f"{place or running}: {category.__name__}: {shorten(str(message))}", printed)

    with warnings.catch_warnings():
        if running:  # no warning ends what is run; what the owner's code ignores stays ignored
            softened: list[Any] = [("default", *each[1:]) if each[0] == "error" else each for each in warnings.filters]
            warnings.filters[:] = softened  # type: ignore[index]  # a list, whatever its stub says
        warnings.filterwarnings("ignore", SHADOWS, UserWarning)
        warnings.showwarning = show
        token = PRINTED.set(printed)
        try:
            yield
        finally:
            PRINTED.reset(token)


def _find_warned(filename: str, line: int, frame: FrameType) -> Place | None:
    """Return where in the owner's code a warning comes from; None where it took no part."""
    folder = places.find_model_folder()
    if file := places.name_owned(filename, folder):
        return Place(file, line)
    frames = list(walk_stack(frame))[::-1]
    return places.find_frame(frames, folder) or places.find_part(frames)


def _warn_once(text: str, printed: set[str]) -> None:
    """Print a warning unless one was printed that differs in its numbers only."""
    alike = re.sub(r"\d[\d.,]*(e[+-]?\d+)?", "0", text)
    if alike not in printed:
        printed.add(alike)
        warn(text)
