"""How an answer is judged."""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def loss(truth: Values, answers: Values) -> Values:
    """Per-row log loss of the probability of class 1; shapes (n,), (n,) -> (n,)."""
    sure = np.clip(answers, 1e-15, 1 - 1e-15)
    return -np.where(truth == 1, np.log(sure), np.log1p(-sure))


def metrics(truth: Values, answers: Values) -> dict[str, float]:
    """Figures for people and for the floors in `validation/thresholds.toml`."""
    return {"accuracy": float(np.mean((answers > 0.5) == (truth == 1))), "brier": float(np.mean((answers - truth) ** 2))}
