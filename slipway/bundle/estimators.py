"""Refuse what is not a model of one of the three tasks, before it is fitted, with the edit to make."""

import inspect
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

from sklearn.base import BiclusterMixin, clone
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from slipway.errors import ModelRefused

FILE = "model/estimator.py"
RANKERS = ("CatBoostRanker", "LGBMRanker", "XGBRanker")

TASKS = ("regression", "binary", "multiclass")
DECLARATION = "model/features.py"

ANOMALIES = "label some rows and train a binary task on those: without labels, there are no true values to judge anomalies by"
GROUPS = "predict a column, with the clusters as an earlier step: there are no true values to judge a clustering by"
RANKING = "predict a row's relevance as a regression, or a click as a binary task, and sort by it: each row is answered by itself"
LABELS = '"binary" for each label, in a project of its own'
CLASSES = '"binary" if the target has two values, "multiclass" if it has more'
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


KINDS = {
    "outlier_detector": ("detects anomalies", ANOMALIES),
    "clusterer": ("clusters", GROUPS),
    "density_estimator": ("estimates a density", GROUPS),
}
PROBABILITIES = {
    "SGDClassifier": 'SGDClassifier(loss="log_loss")',
    "VotingClassifier": 'VotingClassifier(..., voting="soft")',
    "Perceptron": 'SGDClassifier(loss="log_loss")',
    "OneVsOneClassifier": "OneVsRestClassifier(...)",
    "OutputCodeClassifier": "OneVsRestClassifier(...)",
}


def refuse_task(task: Any) -> None:
    """Raise ModelRefused when `TASK` is none of the three."""
    if isinstance(task, str) and task in TASKS:
        return
    word = str(task).strip().lower().replace(" ", "_").replace("-", "_")
    close = get_close_matches(word, [*TASKS, *HINTS], n=1, cutoff=0.8)
    hint = next((f'"{each}"' if each in TASKS else HINTS[each] for each in close), "a number is a regression, two classes are binary")
    raise _make_refusal(
        f"TASK in {DECLARATION} is {task!r}", f"one of {', '.join(map(_quote, TASKS))}", f"write one of them there ({hint})"
    )


def refuse_target(target: Any) -> None:
    """Raise ModelRefused when `TARGET` is not one column."""
    if isinstance(target, str) and target:
        return
    if isinstance(target, list | tuple | set) and len(target) > 1:
        names = ", ".join(map(repr, target))
        raise _make_refusal(
            f"TARGET in {DECLARATION} names {len(target)} columns ({names})",
            "one: a release answers one question",
            "name one column there, and make a project for each of the others",
        )
    raise _make_refusal(f"TARGET in {DECLARATION} is {target!r}", "the name of one column", 'write TARGET = "name"')


def _quote(text: str) -> str:
    return f'"{text}"'


def _make_refusal(given: str, expected: str, edit: str) -> ModelRefused:
    return ModelRefused(f"{given}, expected is {expected}. Nothing was changed. Next: {edit}; then ./run train.")


def refuse_kind(estimator: Any, task: Any, target: Any) -> None:
    """Raise ModelRefused unless `TASK`, `TARGET` and what `build()` returns, not yet fitted, are of a kind that is judged and served."""
    refuse_task(task)
    refuse_target(target)
    _refuse_no_estimator(estimator)
    last = _last_step(estimator)
    for refuse in (_refuse_fitted, _refuse_several_outputs, _refuse_other_kinds):
        refuse(estimator, last)
    _refuse_other_task(estimator, last, task)
    if task != "regression":
        _refuse_no_probabilities(estimator, last)


def _refuse_no_estimator(estimator: Any) -> None:
    if estimator is None:
        raise _make_refusal(f"build() in {FILE} returns None", "an unfitted estimator", "end build() with `return` and the pipeline")
    if inspect.isclass(estimator):
        name = estimator.__name__
        raise _make_refusal(f"build() in {FILE} returns the class {name}", "an object of it", f"write `return {name}()`, with its brackets")
    if isinstance(estimator, list | tuple | dict):
        raise _make_refusal(f"build() in {FILE} returns a {type(estimator).__name__}", "an estimator", "put the steps into Pipeline([...])")
    if not callable(getattr(estimator, "fit", None)):
        what = f"a {type(estimator).__name__}" + (f" ({estimator.__name__})" if inspect.isroutine(estimator) else "")
        raise _make_refusal(f"build() in {FILE} returns {what}, which has no fit", "an unfitted estimator of scikit-learn", "return one")


def _refuse_fitted(estimator: Any, last: Any) -> None:
    if isinstance(last, FrozenEstimator) or (_is_fitted(estimator) and not _is_fitted(_clone(estimator))):
        raise _make_refusal(
            f"build() in {FILE} returns {_name_class(last)} that is fitted already",
            "an unfitted one, because a release records what it was trained on, and the gate repeats the training",
            "leave out .fit(...) and FrozenEstimator, and build it from its parameters",
        )


def _refuse_several_outputs(estimator: Any, last: Any) -> None:
    tags = _read_tags(estimator)
    if tags is not None and not tags.target_tags.single_output:
        inner = getattr(last, "estimator", None)
        instead = f"take {_name_class(inner)} itself" if inner is not None else "take the estimator for one target, such as Lasso"
        raise _make_refusal(f"{_name_class(last)} in {FILE} answers several targets", "one: a release answers one question", instead)


def _refuse_other_kinds(estimator: Any, last: Any) -> None:
    tags, name = _read_tags(estimator), _name_class(last)
    kind = "clusterer" if isinstance(last, BiclusterMixin) else tags and tags.estimator_type
    expected = "a regressor or a classifier"
    if type(last).__name__ in RANKERS:
        raise _make_refusal(f"{name} in {FILE} ranks rows against each other", expected, RANKING)
    if kind in KINDS:
        raise _make_refusal(f"{name} in {FILE} {KINDS[kind][0]}", expected, KINDS[kind][1])
    if getattr(last, "refit", True) is False:
        raise _make_refusal(f"{name} in {FILE} has refit=False, so that it cannot answer", "a model", f"leave out refit=False in {FILE}")
    if not any(hasattr(estimator, method) for method in ("predict", "predict_proba")) and not _fits_final(last):
        raise _make_refusal(
            f"{name} in {FILE} comes last and does not predict", expected, "put one behind it, as the last step of the Pipeline"
        )


def _refuse_other_task(estimator: Any, last: Any, task: str) -> None:
    tags = _read_tags(estimator)
    kind, name = tags and tags.estimator_type, _name_class(last)
    other = name.replace("Regressor", "Classifier") if kind == "regressor" else name.replace("Classifier", "Regressor")
    instead = f"take a {_name_kind(task)}" + (f", such as {other}," if other != name else "") + f" in {FILE}"
    if kind in ("regressor", "classifier") and kind != _name_kind(task):
        task_of_it = '"regression"' if kind == "regressor" else CLASSES
        raise _make_refusal(
            f"{name} in {FILE} is a {kind}, and TASK is {_quote(task)}",
            f"a {_name_kind(task)}",
            f"{instead}; or correct TASK in {DECLARATION} ({task_of_it})",
        )


def _refuse_no_probabilities(estimator: Any, last: Any) -> None:
    without = [each for each in _list_members(last) if not _has_probabilities(each)] if _has_probabilities(estimator) else [last]
    if without:
        name = _name_class(_find_without_probabilities(_last_step(without[0])))
        raise _make_refusal(
            f"{name} in {FILE} answers no probabilities (it has no predict_proba)",
            "a classifier that does: the service answers probabilities, and the gate judges them",
            f"write {PROBABILITIES.get(name, f'CalibratedClassifierCV({name}(...))')} in its place",
        )


def _find_without_probabilities(last: Any) -> Any:
    while type(last).__name__ not in PROBABILITIES:
        inner = next((each for name in ("estimator", "final_estimator") if (each := getattr(last, name, None)) is not None), None)
        if inner is None or _has_probabilities(inner):
            return last
        last = _last_step(inner)
    return last


def _name_kind(task: str) -> str:
    return "regressor" if task == "regression" else "classifier"


def _has_probabilities(estimator: Any) -> bool:
    """Tell whether this will answer probabilities; a stack that names no final estimator takes a logistic regression, but only in `fit`."""
    return hasattr(estimator, "predict_proba") or _fits_final(_last_step(estimator))


def _fits_final(last: Any) -> bool:
    return isinstance(last, StackingClassifier | StackingRegressor) and last.final_estimator is None


def _list_members(last: Any) -> Iterator[Any]:
    """Yield the estimators whose probabilities a vote takes the mean of."""
    if isinstance(last, VotingClassifier):
        yield from (each for _, each in last.estimators if each != "drop")


def _last_step(estimator: Any) -> Any:
    """Return what predicts: the end of a pipeline, what a search or a threshold is put around."""
    while True:
        if isinstance(steps := getattr(estimator, "steps", None), list) and steps:
            estimator = steps[-1][1]
        elif hasattr(estimator, "fit") and _wraps_one(estimator):
            estimator = estimator.estimator
        else:
            return estimator


def _wraps_one(estimator: Any) -> bool:
    """Tell whether an estimator hands each question on to the one it was made with."""
    if getattr(estimator, "refit", True) is False:
        return False
    return getattr(estimator, "estimator", None) is not None and type(estimator).__name__.endswith(
        ("SearchCV", "ThresholdClassifier", "ThresholdClassifierCV")
    )


def _read_tags(estimator: Any) -> Any:
    """Return scikit-learn's tags, None of an estimator that has none."""
    with suppress(Exception):  # whatever an estimator of somebody's own raises
        return get_tags(estimator)
    return None


def _is_fitted(estimator: Any) -> bool:
    """Tell whether an estimator has learnt; one that learns nothing always has."""
    with suppress(Exception):  # whatever it raises where it is not
        check_is_fitted(estimator)
        return True
    return False


def _clone(estimator: Any) -> Any:
    with suppress(Exception):  # whatever the constructor of an estimator of somebody's own raises
        return clone(estimator)
    return estimator


def _name_class(estimator: Any) -> str:
    return repr(estimator) if isinstance(estimator, str) else type(estimator).__name__
