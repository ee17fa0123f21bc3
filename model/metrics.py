"""How an answer is judged."""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def loss(truth: Values, answers: Values) -> Values:
    """Per-row loss, lower is better; shapes (n,), (n,) -> (n,). The gate compares its mean. Here: hires missed, either way."""
    return np.abs(truth - answers)


def metrics(truth: Values, answers: Values) -> dict[str, float]:
    """Figures for people and for the floors in `validation/thresholds.toml`."""
    error = truth - answers
    return {
        "mean_absolute_error": float(np.mean(np.abs(error))),
        "root_mean_squared_error": float(np.sqrt(np.mean(error**2))),
        "r2": float(1 - np.sum(error**2) / np.sum((truth - truth.mean()) ** 2)),
    }
