"""What the service has to know of a fitted model: bins to count in, whether it may be compiled, that it answers new categories."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model import features
from pipeline.errors import ModelRefused
from service import bins, shortcut
from service.answers import Answers, answer
from service.declared import FEATURES, Feature
from service.frames import columns
from service.manifest import Compiled
from service.parity import distance
from validation import drift

# The parts of the training data that are held against all of it: so many rows each, or more where there would be more parts.
FEWEST_ROWS, MOST_PARTS = 100, 200


def watched(rows: pd.DataFrame, answers: Answers) -> bins.Watched:
    """Cut the training data and the answers to it into the bins in which the service counts."""
    found = columns(rows)
    return bins.Watched(
        features={each.name: cut(found[each.name], each.categories) for each in FEATURES[: bins.FEATURES]},
        predictions=cut(answers if answers.ndim == 1 else answers.argmax(axis=1), range(answers.shape[1]) if answers.ndim == 2 else ()),
    )


def cut(column: NDArray[Any], categories: Sequence[Any]) -> bins.Bins:
    """Cut a column into bins, and note how far parts of it are from all of it: each begins in the middle of the one before."""
    whole = bins.of(column, categories)
    rows = min(max(FEWEST_ROWS, len(column) // MOST_PARTS), len(column))
    shares = [whole.count(column[first : first + rows]) / rows for first in range(0, len(column) - rows + 1, max(rows // 2, 1))]
    return whole.model_copy(update={"usual": drift.usual(np.array(shares), np.asarray(whole.shares), max(rows, 1))})


def compiled(fitted: Any, reference: pd.DataFrame, answers: Answers) -> Compiled:
    """Compile the model as the service does, and hold its answers on the whole reference dataset against the pipeline's."""
    differences: list[float] = []

    def off(short: shortcut.Answer) -> float:
        differences.append(distance(short(columns(reference)), answers))
        return differences[-1]

    return Compiled(reason=shortcut.choose(fitted, features.TASK, None, off).reason, difference=next(iter(differences), None))


def refuse_unanswered(fitted: Any, reference: pd.DataFrame) -> None:
    """Raise ModelRefused when the model cannot answer a category that it never saw, and a request may have one."""
    for each in FEATURES:
        if (each.open or (each.kind is str and not each.categories)) and each.takes(unseen(each)):
            row = reference[[feature.name for feature in FEATURES]].head(1).assign(**{each.name: unseen(each)})
            try:
                answer(fitted, row, features.TASK)
            except Exception as error:  # whatever an encoder raises
                raise ModelRefused(
                    f"By model/features.py {each.name} may be a category that training never saw, and the model cannot answer one "
                    f"({type(error).__name__}). Nothing was changed. Next: let its encoder take unknown values "
                    f'(handle_unknown="ignore" or "use_encoded_value"), or list all values in a Literal; then ./run train.'
                ) from error


def unseen(feature: Feature) -> Any:
    """Return a value that is none of a feature's categories."""
    return max(feature.categories) + 1 if feature.kind is int else "a word that nobody uses"
