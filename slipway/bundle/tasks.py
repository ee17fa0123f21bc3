"""Refuse a task or a target that is none of those that are judged and served, with what to write."""

from difflib import get_close_matches
from typing import Any

from slipway.errors import ModelRefused

TASKS = ("regression", "binary", "multiclass")
DECLARATION = "model/features.py"

ANOMALIES = "label some rows and learn from those as a binary task: anomalies without labels have no truth to be judged by"
GROUPS = "learn to predict a column, with the clusters as a step before: a clustering has no truth to be judged by"
RANKING = "predict a row's relevance as a regression, or a click as a binary task, and sort by it: each row is answered by itself"
LABELS = '"binary" for each label, in a project of its own'
CLASSES = '"binary" where the target has two values, "multiclass" where it has more'
HINTS = {
    **dict.fromkeys(("anomaly", "anomalies", "anomaly_detection", "outlier", "outliers", "outlier_detection", "novelty"), ANOMALIES),
    **dict.fromkeys(("cluster", "clusters", "clustering", "segmentation"), GROUPS),
    **dict.fromkeys(("rank", "ranking", "ranker", "learning_to_rank", "recommendation"), RANKING),
    **dict.fromkeys(("multilabel", "multioutput", "multitask", "multi_label", "multi_output", "multi_task"), LABELS),
    **dict.fromkeys(("classification", "classifier", "classify", "class", "classes"), CLASSES),
    **dict.fromkeys(("binary_classification", "two_class", "logistic", "bool", "boolean"), '"binary"'),
    **dict.fromkeys(("multi_class", "multiclass_classification", "multinomial", "categorical"), '"multiclass"'),
    **dict.fromkeys(("regressor", "regress", "count", "counts", "poisson", "number", "continuous"), '"regression"'),
    **dict.fromkeys(
        ("forecast", "forecasting", "time_series", "timeseries"), '"regression", with a row for each time and what is known by then'
    ),
}


def refuse_task(task: Any) -> None:
    """Raise ModelRefused when `TASK` is none of the three."""
    if isinstance(task, str) and task in TASKS:
        return
    word = str(task).strip().lower().replace(" ", "_").replace("-", "_")
    close = get_close_matches(word, [*TASKS, *HINTS], n=1, cutoff=0.8)
    hint = next((f'"{each}"' if each in TASKS else HINTS[each] for each in close), "a number is a regression, two classes are binary")
    raise refused(f"TASK in {DECLARATION} is {task!r}", f"one of {', '.join(map(quoted, TASKS))}", f"write one of them there ({hint})")


def refuse_target(target: Any) -> None:
    """Raise ModelRefused when `TARGET` is not one column."""
    if isinstance(target, str) and target:
        return
    if isinstance(target, list | tuple | set) and len(target) > 1:
        names = ", ".join(map(repr, target))
        raise refused(
            f"TARGET in {DECLARATION} names {len(target)} columns ({names})",
            "one: a release answers one question",
            "name one column there, and make a project for each of the others",
        )
    raise refused(f"TARGET in {DECLARATION} is {target!r}", "the name of one column", 'write TARGET = "name"')


def quoted(text: str) -> str:
    """Return a text as it is written in Python."""
    return f'"{text}"'


def refused(given: str, expected: str, edit: str) -> ModelRefused:
    """Return the refusal."""
    return ModelRefused(f"{given}, expected is {expected}. Nothing was changed. Next: {edit}; then ./run train.")
