"""Run the owner's code, which is `model/*.py`; what it raises becomes one sentence, what it warns of one line.

    with owner_step("fit", on="data/train.csv"):
        fitted = estimator.build().fit(rows, target)

The steps are the keys of `STEPS`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from pipeline.errors import OwnerError, PipelineError

Taken = ParamSpec("Taken")
Returned = TypeVar("Returned")


@dataclass(frozen=True)
class Step:
    """What is done with the owner's code, the file that is named when no line of theirs is found, and what is expected of it."""

    doing: str
    file: str
    expected: str


STEPS = {
    "import": Step("importing", "model/features.py", "files of model/ that Python can import"),
    "load": Step("loading", "model/data.py", "load(path) returns a DataFrame with the columns of Row and the target"),
    "build": Step("building", "model/estimator.py", "build() returns an estimator that is not fitted"),
    "fit": Step("fitting", "model/estimator.py", "an estimator that learns from the columns of Row and the target"),
    "answer": Step("answering", "model/estimator.py", "a finite number for each row, from the columns of Row alone"),
    "store": Step("storing", "model/estimator.py", "an estimator of scikit-learn's own parts, and of classes and functions of model/"),
    "loss": Step("computing the loss", "model/metrics.py", "loss(truth, answers) returns one number for each row, shape (n,)"),
    "metrics": Step("computing the metrics", "model/metrics.py", "metrics(truth, answers) returns a dict of names and numbers"),
    "behaviour": Step("reading the cases", "model/behaviour.py", "CASES is a list of dicts, as the top of that file describes"),
}


@contextmanager
def owner_step(step: str, on: str = "", then: str = "./run train") -> Iterator[None]:
    """Run the owner's code in a `with`. `on` names the data it works on, `then` the command that goes on. Raises OwnerError.

    A PipelineError passes through, and so does an interruption.
    """
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


def explain_failure(error: BaseException, step: str, on: str = "", then: str = "./run train") -> OwnerError:
    """Return the sentence: where, what, while what, what was expected and what to do."""
    known = STEPS[step]
    doing = f"{known.doing} {on}".rstrip()
    return OwnerError(
        f"{known.file}: {type(error).__name__}: {error}. While: {doing}. Expected: {known.expected}. Next: correct that file, then {then}."
    )
