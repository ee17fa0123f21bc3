"""Data that would make a model look better than it is: the target in disguise, and reference rows that were learnt from."""

import math
import warnings
from typing import Any

import pandas as pd
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from model import features

ROWS = 5000


def overlap(rows: pd.DataFrame, reference: pd.DataFrame) -> list[int]:
    """Return the numbers, from 0, of reference rows that are among other rows: same features, same target, same group."""
    return [int(row) for row in hashes(reference[declared()]).isin(hashes(rows[declared()])).to_numpy().nonzero()[0]]


def exceeds_chance(rows: pd.DataFrame, shared: int, reference: int) -> bool:
    """Tell whether so many of the reference rows are among the training rows that it cannot be by chance.

    Rows of few features are alike without having been copied, and then training rows are alike among themselves as often: each new row has
    that chance of a twin. Beyond the mean of that binomial distribution and three of its standard deviations it is no chance.
    """
    twins = float(hashes(rows[declared()]).duplicated(keep=False).mean())
    return shared > reference * twins + 3 * math.sqrt(reference * twins * (1 - twins))


def inputs() -> list[str]:
    """Return the declared features' columns."""
    return [str(info.validation_alias or info.alias or name) for name, info in features.Row.model_fields.items()]


def declared() -> list[str]:
    """Return the columns of features, target and group."""
    return [*inputs(), features.TARGET, *([features.GROUP] if features.GROUP else [])]


def hashes(rows: pd.DataFrame) -> "pd.Series[int]":
    """Return a number for each row's content; 1 and 1.0 are the same."""
    numbers = dict.fromkeys(rows.select_dtypes("number").columns, float)
    return pd.util.hash_pandas_object(rows.astype(numbers), index=False).reset_index(drop=True)


def disguised(rows: pd.DataFrame, limit: float) -> list[str]:
    """Say which features alone give the target away: a tree on nothing else explains more than a limit of rows it has not seen.

    The score is R2 for a regression, balanced accuracy for a classification.
    """
    sample = rows.sample(min(len(rows), ROWS), random_state=0)
    found = {column: alone(sample[column], sample[features.TARGET]) for column in inputs()}
    return [
        f"{column} alone explains {score:.3f} of {features.TARGET}, more than the {limit:g} in validation/thresholds.toml: "
        "it is the target in disguise, or known only afterwards."
        for column, score in found.items()
        if score > limit
    ]


def alone(values: "pd.Series[Any]", target: "pd.Series[Any]") -> float:
    """Return how well one feature predicts the target."""
    numbers = values if pd.api.types.is_numeric_dtype(values) else pd.Series(pd.factorize(values)[0], index=values.index)
    regression = features.TASK == "regression"
    tree = (DecisionTreeRegressor if regression else DecisionTreeClassifier)(min_samples_leaf=5, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class with fewer rows than folds
        scores = cross_val_score(tree, numbers.to_frame(), target, cv=3, scoring="r2" if regression else "balanced_accuracy")
    return float(scores.mean())
