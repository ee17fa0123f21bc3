"""How an answer is judged."""

import numpy as np

from slipway.gate import losses
from slipway.gate.losses import Values

loss = losses.log_loss


def metrics(truth: Values, answers: Values) -> dict[str, float]:
    """Figures for people and for the floors in `validation/thresholds.toml`."""
    return {"accuracy": float(np.mean((answers > 0.5) == (truth == 1))), "brier": float(losses.brier(truth, answers).mean())}
