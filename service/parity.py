"""Whether two sets of answers are the same."""

from typing import Any

import numpy as np

# Recorded and repeated answers may differ by this much: other processors round differently in the last digits.
TOLERANCE = 1e-9


def distance(answers: Any, recorded: Any) -> float:
    """Return the largest difference between two sets of answers: infinite for other shapes, NaN where an answer is NaN."""
    left, right = np.asarray(answers, dtype=float), np.asarray(recorded, dtype=float)
    return float(np.max(np.abs(left - right))) if left.shape == right.shape else float("inf")
