"""How an answer is judged."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, roc_auc_score

from slipway.gate.losses import log_loss as loss

__all__ = ["loss", "metrics"]
Values = NDArray[np.float64]


def metrics(truth: Values, answers: Values) -> dict[str, float]:
    """Figures for people and for the floors in `validation/thresholds.toml`."""
    return {"accuracy": float(accuracy_score(truth, answers > 0.5)), "auc": float(roc_auc_score(truth, answers))}
