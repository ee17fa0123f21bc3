"""How an answer is judged."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from slipway.gate.losses import log_loss as loss

__all__ = ["loss", "metrics"]
Values = NDArray[np.float64]


def metrics(truth: Values, answers: Values) -> dict[str, float]:
    """Figures for people and for the floors in `validation/thresholds.toml`."""
    return {"auc": float(roc_auc_score(truth, answers)), "average_precision": float(average_precision_score(truth, answers))}
