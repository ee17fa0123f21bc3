"""What is no model of the three tasks is refused before it is fitted: what was given, what is expected, the edit, the next command."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from catboost import CatBoostClassifier, CatBoostRanker, CatBoostRegressor
from lightgbm import LGBMClassifier, LGBMRanker, LGBMRegressor
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.ensemble import BaggingClassifier, IsolationForest, StackingClassifier, StackingRegressor, VotingClassifier
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Perceptron, Ridge, RidgeClassifier, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from xgboost import XGBClassifier, XGBRanker, XGBRegressor

from slipway.bundle.estimators import refuse_kind
from slipway.errors import ModelRefused
from slipway.owner.raised import explain_missing_library, explain_missing_module

ROWS, TRUTH = [[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]


class Plain:
    """A classifier that knows nothing of scikit-learn."""

    def fit(self, *_: Any) -> "Plain":
        """Learn nothing."""
        return self

    def predict_proba(self, rows: Any) -> Any:
        """Answer."""
        return rows


class Early(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """An estimator that has an attribute of a fitted one from the start."""

    def __init__(self) -> None:
        self.columns_ = ["a"]

    def fit(self, *_: Any) -> "Early":
        """Learn nothing."""
        return self

    def predict_proba(self, rows: Any) -> Any:
        """Answer."""
        return rows


def scaled(last: Any) -> Any:
    """Return a pipeline of a scaler."""
    return make_pipeline(StandardScaler(), last)


def pair(*estimators: Any) -> list[tuple[str, Any]]:
    """Return estimators with names."""
    return [(f"e{number}", each) for number, each in enumerate(estimators)]


FILE = "model/estimator.py"
XGBOOST = (
    """Next: add the lines `xgboost-cpu; sys_platform != "darwin"` and `xgboost; sys_platform == "darwin"` """
    "to requirements/serve.in, then ./run lock"
)
REFUSED: dict[str, tuple[Any, str, str, str]] = {
    "None": (None, "binary", "build() in FILE returns None", "end build() with `return` and the pipeline"),
    "a class": (
        LinearRegression,
        "regression",
        "returns the class LinearRegression",
        "write `return LinearRegression()`, with its brackets",
    ),
    "a function": (pair, "regression", "returns a function (pair), which has no fit", "return one"),
    "a list": (pair(Ridge()), "regression", "returns a list", "put the steps into Pipeline([...])"),
    "a namespace": (SimpleNamespace(), "binary", "returns a SimpleNamespace, which has no fit", "return one"),
    "fitted": (Ridge().fit(ROWS, TRUTH), "regression", "returns Ridge that is fitted already", "leave out .fit(...) and FrozenEstimator"),
    "fitted, last": (scaled(Ridge()).fit(ROWS, TRUTH), "regression", "returns Ridge that is fitted already", "leave out .fit(...)"),
    "frozen": (
        scaled(FrozenEstimator(Ridge().fit(ROWS, TRUTH))),
        "regression",
        "FrozenEstimator that is fitted already",
        "leave out .fit(...)",
    ),
    "anomalies": (
        scaled(IsolationForest()),
        "binary",
        "IsolationForest in FILE detects anomalies",
        "label some rows and train",
    ),
    "neighbours": (
        LocalOutlierFactor(novelty=True),
        "binary",
        "LocalOutlierFactor in FILE detects anomalies",
        "label some rows",
    ),
    "clusters": (
        scaled(KMeans(2)),
        "multiclass",
        "KMeans in FILE clusters",
        "predict a column, with the clusters as an earlier step",
    ),
    "several": (
        MultiOutputRegressor(Ridge()),
        "regression",
        "MultiOutputRegressor in FILE answers several",
        "take Ridge itself",
    ),
    "XGBRanker": (XGBRanker(), "regression", "XGBRanker in FILE ranks rows", "predict a row's relevance as a regression"),
    "LGBMRanker": (LGBMRanker(), "regression", "LGBMRanker in FILE ranks rows", "predict a row's relevance as a regression"),
    "CatBoostRanker": (
        scaled(CatBoostRanker()),
        "binary",
        "CatBoostRanker in FILE ranks",
        "predict a row's relevance as a regression",
    ),
    "a step": (
        scaled(FunctionTransformer()),
        "binary",
        "FunctionTransformer in FILE comes last and",
        "put one behind it, as the last step",
    ),
    "a word": (scaled("passthrough"), "binary", "'passthrough' in FILE comes last and does not predict", "put one behind it"),
    "a search": (GridSearchCV(Ridge(), {}, refit=False), "regression", "has refit=False", "leave out refit=False"),
    "regressor": (
        scaled(SVR()),
        "binary",
        'SVR in FILE is a regressor, and TASK is "binary"',
        "take a classifier in FILE",
    ),
    "Lasso": (Lasso(), "multiclass", 'Lasso in FILE is a regressor, and TASK is "multiclass"', "take a classifier"),
    "XGBRegressor": (
        XGBRegressor(),
        "binary",
        "XGBRegressor in FILE is a regressor",
        "such as XGBClassifier, in FILE",
    ),
    "LGBMClassifier": (
        LGBMClassifier(),
        "regression",
        "LGBMClassifier in FILE is a classifier",
        "such as LGBMRegressor, in model/",
    ),
    "CatBoost": (
        CatBoostClassifier(),
        "regression",
        "CatBoostClassifier in FILE is a classifier",
        "such as CatBoostRegressor, in",
    ),
    "searched": (
        GridSearchCV(scaled(Ridge()), {}),
        "binary",
        "Ridge in FILE is a regressor",
        'correct TASK in model/features.py ("reg',
    ),
    "LinearSVC": (
        scaled(LinearSVC()),
        "binary",
        "LinearSVC in FILE answers no probabilities",
        "CalibratedClassifierCV(LinearSVC(...))",
    ),
    "SVC": (SVC(), "multiclass", "SVC in FILE answers no probabilities", "CalibratedClassifierCV(SVC(...))"),
    "Ridge": (
        RidgeClassifier(),
        "binary",
        "RidgeClassifier in FILE answers no",
        "CalibratedClassifierCV(RidgeClassifier(...))",
    ),
    "Perceptron": (
        Perceptron(),
        "binary",
        "Perceptron in FILE answers no",
        'write SGDClassifier(loss="log_loss") in its place',
    ),
    "hinge": (
        scaled(SGDClassifier()),
        "binary",
        "SGDClassifier in FILE answers no",
        'write SGDClassifier(loss="log_loss") in its place',
    ),
    "hard": (
        VotingClassifier(pair(LogisticRegression())),
        "binary",
        "VotingClassifier in FILE",
        'VotingClassifier(..., voting="soft")',
    ),
    "soft": (
        VotingClassifier(pair(LogisticRegression(), scaled(LinearSVC())), voting="soft"),
        "binary",
        "LinearSVC in",
        "CalibratedClassifierCV(L",
    ),
    "one to one": (OneVsOneClassifier(LinearSVC()), "multiclass", "OneVsOneClassifier in", "write OneVsRestClassifier(...) in its place"),
    "one to all": (
        OneVsRestClassifier(LinearSVC()),
        "multiclass",
        "LinearSVC in FILE",
        "CalibratedClassifierCV(LinearSVC(...))",
    ),
    "stacked": (
        StackingClassifier(pair(Ridge()), LinearSVC()),
        "binary",
        "LinearSVC in FILE",
        "CalibratedClassifierCV(LinearSVC(...))",
    ),
    "search": (
        GridSearchCV(scaled(LinearSVC()), {}),
        "binary",
        "LinearSVC in FILE",
        "CalibratedClassifierCV(LinearSVC(...))",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_the_edit(name: str) -> None:
    estimator, task, given, edit = (each.replace("FILE", FILE) if isinstance(each, str) else each for each in REFUSED[name])
    with pytest.raises(ModelRefused) as refused:
        refuse_kind(estimator, task, "target")
    said = str(refused.value)
    assert given in said.partition(", expected is ")[0]
    assert edit in said.partition(" Nothing was changed. Next: ")[2]
    assert re.fullmatch(r".+, expected is .+\. Nothing was changed\. Next: .+; then \./run train\.", said)


@pytest.mark.parametrize(
    ("estimator", "task"),
    [
        (scaled(LogisticRegression()), "binary"),
        (LinearRegression(), "regression"),
        (CalibratedClassifierCV(LinearSVC()), "multiclass"),
        (SGDClassifier(loss="log_loss"), "binary"),
        (BaggingClassifier(LinearSVC()), "binary"),
        (StackingClassifier(pair(LinearSVC())), "binary"),
        (GridSearchCV(scaled(StackingClassifier(pair(LinearSVC()))), {}), "binary"),
        (scaled(StackingRegressor(pair(Ridge()))), "regression"),
        (VotingClassifier([*pair(LogisticRegression()), ("gone", "drop")], voting="soft"), "binary"),
        (RFE(LogisticRegression()), "binary"),
        (GridSearchCV(scaled(Ridge()), {}), "regression"),
        (Pipeline([("file", FunctionTransformer()), ("last", Ridge())]), "regression"),
        (XGBClassifier(), "multiclass"),
        (XGBRegressor(), "regression"),
        (LGBMRegressor(), "regression"),
        (CatBoostClassifier(), "binary"),
        (CatBoostRegressor(), "regression"),
        (Plain(), "binary"),
        (Early(), "binary"),
    ],
    ids=lambda each: type(each).__name__ if not isinstance(each, str) else each,
)
def test_it_is_taken(estimator: Any, task: str) -> None:
    refuse_kind(estimator, task, "target")


@pytest.mark.parametrize(
    ("task", "hint"),
    [
        ("anomaly", "label some rows and train a binary task on those"),
        ("anomaly detection", "label some rows"),
        ("clustering", "predict a column"),
        ("ranking", "predict a row's relevance"),
        ("multi-label", '"binary" for each label'),
        ("classification", '"binary" if the target has two values, "multiclass" if it has more'),
        ("Regression", '"regression"'),
        ("regresion", '"regression"'),
        ("binary-classification", '"binary"'),
        ("multinomial", '"multiclass"'),
        ("forecasting", '"regression", with a row for each time'),
        ("", "a number is a regression"),
        (None, "a number is a regression"),
        (["binary"], "a number is a regression"),
    ],
)
def test_a_task_that_is_none_of_the_three(task: Any, hint: str) -> None:
    with pytest.raises(ModelRefused) as refused:
        refuse_kind(Ridge(), task, "target")
    said = str(refused.value)
    assert said.startswith(f"TASK in model/features.py is {task!r}, expected is one of ")
    assert f"Next: write one of them there ({hint}" in said


@pytest.mark.parametrize(
    ("target", "given"),
    [
        (["a", "b"], "names 2 columns ('a', 'b')"),
        (("a", "b", "c"), "names 3 columns"),
        (["a"], "is ['a']"),
        (None, "is None"),
        ("", "is ''"),
        (3, "is 3"),
    ],
)
def test_a_target_that_is_not_one_column(target: Any, given: str) -> None:
    with pytest.raises(ModelRefused, match=re.escape(f"TARGET in model/features.py {given}")):
        refuse_kind(Ridge(), "regression", target)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "xgboost",
            XGBOOST,
        ),
        (
            "xgboost.sklearn",
            XGBOOST,
        ),
        ("imblearn", "Next: add imbalanced-learn to requirements/serve.in, then ./run lock"),
        ("category_encoders", "Next: add category-encoders to requirements/serve.in, then ./run lock"),
        ("feature_steps", "if feature_steps.py is a file of yours, put it into model/ and import it as model.feature_steps."),
        ("model.steps", "model/steps.py is not there. Next: write that file, or correct the import."),
        ("sklearn.nothing", "scikit-learn 1."),
        ("winreg", "Next: do without."),
        (None, "Next: correct it."),
    ],
)
def test_a_missing_module_is_a_package_to_lock_or_a_file_to_move(name: str | None, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slipway.owner.raised.find_spec", lambda top: top == "sklearn")
    message = explain_missing_module(ModuleNotFoundError(f"No module named {name!r}", name=name))
    assert said in message
    assert "Next: " in message


def test_a_missing_library_of_the_system_is_named() -> None:
    found = explain_missing_library(OSError("libgomp.so.1: cannot open shared object file: No such file or directory"))
    assert found is not None
    assert "Next: apt-get install libgomp1" in found
    assert explain_missing_library(FileNotFoundError("data/train.csv")) is None
