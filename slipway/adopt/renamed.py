"""Parameters of scikit-learn that were called otherwise, or had other values, when a model was fitted."""

from typing import Any

# Parameters by their names of today.
NAMES = {"base_estimator": "estimator", "sparse": "sparse_output"}
# Values by which an old version said that nothing was chosen; and that a part was fitted before, which it is not here.
NOT_CHOSEN = ("deprecated", "prefit", "warn")
# Values of today for a parameter and its value of then, in all classes.
VALUES = {
    ("criterion", "mse"): "squared_error",
    ("criterion", "mae"): "absolute_error",
    ("loss", "ls"): "squared_error",
    ("loss", "lad"): "absolute_error",
    ("loss", "least_squares"): "squared_error",
    ("loss", "least_absolute_deviation"): "absolute_error",
    ("loss", "squared_loss"): "squared_error",
    ("loss", "deviance"): "log_loss",
    ("loss", "log"): "log_loss",
    ("loss", "binary_crossentropy"): "log_loss",
    ("loss", "categorical_crossentropy"): "log_loss",
    ("penalty", "none"): None,
}
# Values that an old version had by default, of parameters that are about to go.
DEFAULTS: dict[tuple[str, str], Any] = {
    ("LogisticRegression", "penalty"): "l2",
    ("LogisticRegression", "l1_ratio"): None,
    ("LogisticRegressionCV", "penalty"): "l2",
    ("LogisticRegressionCV", "l1_ratios"): None,
}
# Those that only helped over a change of version.
INTERNAL = ("force_int_remainder_cols",)
FORESTS = ("ExtraTrees", "ExtraTree", "RandomForest", "DecisionTree", "GradientBoosting")


def translate_value(kind: str, key: str, value: Any) -> Any:
    """Return the value of today for a parameter of a class."""
    if key == "max_features" and value == "auto" and kind.startswith(FORESTS):
        return "sqrt" if kind.endswith("Classifier") else None if kind.startswith("GradientBoosting") else 1.0
    if key == "loss" and value == "auto" and kind == "HistGradientBoostingClassifier":
        return "log_loss"
    return VALUES.get((key, value), value) if isinstance(value, str) else value


def was_chosen(kind: str, key: str, value: Any) -> bool:
    """Tell whether somebody chose a value: not where an old version said so by it, or had it for a default that is none today."""
    if not isinstance(value, str | None):
        return True
    return value not in NOT_CHOSEN and ((kind, key) not in DEFAULTS or value != DEFAULTS[kind, key])


def was_set(key: str, value: Any) -> bool:
    """Tell whether a parameter that is no more was one that somebody set."""
    return key not in INTERNAL and value is not None and value is not False and value not in (*NOT_CHOSEN, "auto")
