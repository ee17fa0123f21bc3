"""How an answer is judged."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

Values = NDArray[np.float64]


def loss(truth: Values, answers: Values) -> Values:
    """Per-row Poisson deviance; shapes (n,), (n,) -> (n,)."""
    expected = np.clip(answers, 1e-9, None)
    return np.asarray(2 * (xlogy(truth, truth / expected) - truth + expected))


def metrics(truth: Values, answers: Values) -> dict[str, float]:
    """Figures for people and for the floors in `validation/thresholds.toml`."""
    return {"mean_absolute_error": float(np.abs(truth - answers).mean()), "mean": float(answers.mean())}
