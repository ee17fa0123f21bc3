"""Who answers: the model compiled to plain numpy, where it was shown to answer as the pipeline does, or else the pipeline itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slipway.serving.answers import Answers, answer
from slipway.serving.compiled import NotCompiled, compiled
from slipway.serving.declared import FEATURES
from slipway.serving.parity import TOLERANCE
from slipway.serving.rows import Columns

Answer = Callable[[Columns], Answers]


@dataclass(frozen=True)
class Answering:
    """What turns columns into answers, and for the pipeline itself why it is not compiled."""

    answer: Answer
    path: str
    reason: str | None


def choose(pipeline: Any, task: str, reason: str | None, off: Callable[[Answer], float]) -> Answering:
    """Take the compiled model when nothing speaks against it: `reason` is what did when it was trained, `off` how far off answers are."""
    if reason is None:
        try:
            short = compiled(pipeline, [each.name for each in FEATURES], task)
            difference = off(short)
            if difference <= TOLERANCE:
                return Answering(short, "compiled", None)
            reason = f"compiled, it answers {difference:.3g} off, at most {TOLERANCE:g} is allowed"
        except NotCompiled as error:
            reason = str(error)
        except Exception as error:  # whatever a model that is not foreseen makes it raise
            reason = f"compiled, it fails: {type(error).__name__}"
    return Answering(plain(pipeline, task), "pipeline", reason)


def plain(pipeline: Any, task: str) -> Answer:
    """Return the pipeline's own answers, by way of a DataFrame as it was fitted on."""
    from slipway.serving.frames import frame  # imported here: pandas, which the compiled model does without

    return lambda columns: answer(pipeline, frame(columns), task)
