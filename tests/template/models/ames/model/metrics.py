"""How an answer is judged."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import mean_absolute_error, r2_score

Values = NDArray[np.float64]


def loss(truth: Values, answers: Values) -> Values:
    """Per-row squared error of the logarithm, as the competition has it; shapes (n,), (n,) -> (n,)."""
    return np.asarray(np.square(np.log1p(truth) - np.log1p(np.maximum(answers, 0))))


def metrics(truth: Values, answers: Values) -> dict[str, float]:
    """Figures for people and for the floors in `validation/thresholds.toml`."""
    return {"mean_absolute_error": float(mean_absolute_error(truth, answers)), "r2": float(r2_score(truth, answers))}
