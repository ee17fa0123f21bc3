"""How an answer is judged.

The truth is in one form, whatever the target's column holds: numbers of a regression; 0 and 1 of a binary task, 1 for POSITIVE; 0 to k-1
of several classes, in the order of their labels. The answers are numbers, the probability of 1, or the probability of each class.
"""

import numpy as np

from slipway.gate import losses
from slipway.gate.losses import Values

# The loss of each row, lower is better; the gate compares its mean. A name of slipway/gate/losses.py, or a function of your own:
# shapes (n,), (n,) -> (n,). Here: hires missed, either way.
loss = losses.absolute


def metrics(truth: Values, answers: Values) -> dict[str, float]:
    """Figures for people and for the floors in `validation/thresholds.toml`."""
    error = truth - answers
    return {
        "mean_absolute_error": float(np.mean(np.abs(error))),
        "root_mean_squared_error": float(np.sqrt(np.mean(error**2))),
        "r2": float(1 - np.sum(error**2) / np.sum((truth - truth.mean()) ** 2)),
    }
