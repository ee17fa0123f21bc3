"""Run the owner's code, which is `model/*.py`: what it raises becomes one sentence, what it warns of one line.

    with owner_step("fit", on="data/train.csv"):
        fitted = estimator.build().fit(rows, target)

The steps are the keys of `STEPS`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import ParamSpec, TypeVar

from slipway.errors import OwnerError, PipelineError
from slipway.owner import place
from slipway.owner.hints import Hint, find_hint
from slipway.owner.missing_module import explain_missing_library, explain_missing_module, find_moved_module
from slipway.owner.place import Place
from slipway.owner.raised import describe_error, list_frames
from slipway.owner.warned import show_warnings

__all__ = ["STEPS", "explain_failure", "import_model", "is_owners", "owner_step", "read_next", "run_owner", "show_warnings"]
Taken = ParamSpec("Taken")
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
    "verb": Step("running", "Row", "model/features.py", "code in model/ that runs to its end"),
}
MODULES = ("model.features", "slipway.serving.rows", "model.data", "model.estimator", "model.metrics", "model.behaviour")
# Where `Row` is read, when they are imported.
READERS = ("slipway/serving/declared.py", "slipway/serving/rows.py", "slipway/serving/description.py")


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


def run_owner(step: str, function: Callable[Taken, Returned], *args: Taken.args, **kwargs: Taken.kwargs) -> Returned:
    """Call a function of the owner's. Raises OwnerError."""
    with owner_step(step):
        return function(*args, **kwargs)


def import_model(then: str = "./run doctor") -> None:
    """Import all of `model/`, and read what it declares. Raises OwnerError."""
    with owner_step("import", on="model/", then=then):
        found = [import_module(each) for each in MODULES]
        import_module("slipway.owner.fields").refuse_reserved_fields(found[0].Row, then)


def explain_failure(error: BaseException, step: str, on: str = "", then: str = "./run train") -> OwnerError:
    """Return the sentence: where, what, while what, what was expected and what to do."""
    known, text, where = STEPS[step], describe_error(error), find_failure(error, step)
    doing = f"{known.doing} {on}" if on else known.doing.removesuffix(" on").removesuffix(" of")
    hint = choose_hint(error, text, step) or Hint("", known.expected, "correct that line" if where.line else "correct that file")
    return OwnerError(str(where), text, doing, hint.expected, f"{hint.fix}; then {then}")


def find_failure(error: BaseException, step: str) -> Place:
    """Return the owner's line that failed; or made what failed; or defines what was called."""
    known = STEPS[step]
    return place.find_place(error) or place.library_place_of(error) or place.defined_place(known.file, known.name)


def choose_hint(error: BaseException, text: str, step: str) -> Hint | None:
    """Return what is known about a message."""
    if isinstance(error, ImportError) and (moved := find_moved_module(error)):
        return Hint("", "a module of slipway/, where the library is now", f"correct that import: it is {moved} now")
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("model"):
        return Hint("", "a package that requirements/ locks", read_next(explain_missing_module(error)))
    if isinstance(error, OSError) and (said := explain_missing_library(error)):
        return Hint("", "the libraries of the system that packages want", read_next(said))
    return find_hint(text, step)


def read_next(sentences: str) -> str:
    """Return the next step that sentences end with."""
    return sentences.rpartition("Next: ")[2].rstrip(".")


def is_owners(error: BaseException) -> bool:
    """Tell whether an error comes from the owner's code, or from what it declares."""
    frames = list_frames(error)
    reads = any(frame.f_code.co_name == "<module>" and frame.f_code.co_filename.endswith(READERS) for frame, _ in frames)
    return place.find_place(error, causes=False) is not None or (reads and not isinstance(error, ImportError))
