"""The text of `model/metrics.py`: the loss of each row, and figures for people."""

from slipway.adopt.target import Target

METRICS = '''"""How an answer is judged: by the loss of each row, lower is better, in the gate; by figures for people."""

import numpy as np
{imports}
from slipway.gate import losses
from slipway.gate.losses import Values

# {why}
loss = losses.{loss}


def metrics(truth: Values, answers: Values) -> dict[str, float]:
    """Figures for people and for the floors in `validation/thresholds.toml`."""
{body}
'''
REGRESSION = """    error = truth - answers
    return {
        "mean_absolute_error": float(np.mean(np.abs(error))),
        "root_mean_squared_error": float(np.sqrt(np.mean(error**2))),
        "r2": float(1 - np.sum(error**2) / np.sum((truth - truth.mean()) ** 2)),
    }"""
BINARY = """    return {
        "log_loss": float(np.mean(losses.log_loss(truth, answers))),
        "roc_auc": float(roc_auc_score(truth, answers)),
        "accuracy": float(np.mean((answers > 0.5) == (truth == 1))),
    }"""
MULTICLASS = """    return {
        "log_loss": float(np.mean(losses.log_loss(truth, answers))),
        "accuracy": float(np.mean(answers.argmax(axis=1) == truth)),
    }"""
FIGURES = {"regression": REGRESSION, "binary": BINARY, "multiclass": MULTICLASS}
# Which figure is better when it is lower.
LOWER = ("mean_absolute_error", "root_mean_squared_error", "log_loss")
# Losses by name, and what to say of them; those of a regression first.
LOSSES = {
    "absolute": "The absolute error, as in the notebook.",
    "squared": "The squared error, as in the notebook; take `losses.absolute` if large errors should not count more.",
    "poisson_deviance": "Counts: their spread grows with their mean.",
    "log_loss": "Probabilities: minus the logarithm of the probability of the true class.",
    "brier": "The squared error of a probability, as in the notebook.",
    "balanced_log_loss": "Probabilities, with the same total weight for each class, as in the estimator.",
}
MEAN = "The squared error: the mean is the best answer; take `losses.absolute` if large errors should not count more."
OF_REGRESSION = ("absolute", "squared", "poisson_deviance")


def format_metrics(target: Target, linear: bool, loss: str = "") -> str:
    """Return `model/metrics.py`, with the loss of a name where that fits the task."""
    regression = target.task == "regression"
    if loss and (loss in OF_REGRESSION) == regression:
        why = LOSSES[loss]
    else:
        loss = "poisson_deviance" if target.is_count and not linear else "squared" if regression else "log_loss"
        why = MEAN if loss == "squared" else LOSSES[loss]
    imports = "from sklearn.metrics import roc_auc_score\n" if target.task == "binary" else ""
    return METRICS.format(imports=imports, why=why, loss=loss, body=FIGURES[target.task])
