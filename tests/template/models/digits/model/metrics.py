"""How an answer is judged."""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def loss(truth: Values, answers: Values) -> Values:
    """Per-row log loss of the probability of the true class; shapes (n,), (n, classes) -> (n,)."""
    right = np.take_along_axis(answers, truth.astype(int)[:, None], axis=1)[:, 0]
    return np.asarray(-np.log(np.clip(right, 1e-15, 1)))


def metrics(truth: Values, answers: Values) -> dict[str, float]:
    """Figures for people and for the floors in `validation/thresholds.toml`."""
    sure = np.eye(answers.shape[1])[truth.astype(int)]
    return {"accuracy": float(np.mean(answers.argmax(axis=1) == truth)), "brier": float(((answers - sure) ** 2).sum(axis=1).mean())}
