"""From a fitted pipeline and rows to answers, the same way at training, in the gate and in production."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Answers = NDArray[np.float64]


def answer(pipeline: Any, rows: Any, task: str) -> Answers:
    """Answer rows, a DataFrame or an array.

    A regression gives its prediction, shape (n,); a binary task the probability of its second class, shape (n,); a multiclass task the
    probability of each class, shape (n, classes).
    """
    if task == "regression":
        return np.asarray(pipeline.predict(rows), dtype=np.float64)
    probabilities = np.asarray(pipeline.predict_proba(rows), dtype=np.float64)
    return probabilities[:, 1] if task == "binary" else probabilities
