"""LightGBM and XGBoost as graphs: the same answers, to the last digit of XGBoost's single precision."""

import ctypes
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingRegressor
from sklearn.feature_selection import VarianceThreshold
from sklearn.linear_model import Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, MaxAbsScaler, OneHotEncoder
from sklearn.random_projection import SparseRandomProjection
from xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier, XGBRFRegressor

from slipway.bundle.graph import NotCompiled, boosters, builder, compile_pipeline
from slipway.serving.answers import answer
from slipway.serving.graph import LoadedGraph
from tests.library.test_graph import FILLED, MISSING_KEPT, NAMES, NUMBERS, WORDS, columns, compiled, encoder, frame, same, target

FEW: dict[str, Any] = {"n_estimators": 12, "random_state": 0, "n_jobs": 1}
LEAVES: dict[str, Any] = {**FEW, "verbose": -1, "min_child_samples": 5}
EVERY = [
    *[(LGBMRegressor(objective=each, **LEAVES), "regression") for each in (*boosters.PLAIN, *boosters.LOGARITHMIC)],
    (LGBMRegressor(boosting_type="dart", **LEAVES), "regression"),
    (LGBMRegressor(boosting_type="rf", subsample=0.5, subsample_freq=1, **LEAVES), "regression"),
    (LGBMRegressor(use_missing=False, **LEAVES), "regression"),
    (LGBMRegressor(extra_trees=True, **LEAVES), "regression"),
    (LGBMClassifier(**LEAVES), "binary"),
    (LGBMClassifier(sigmoid=2.0, is_unbalance=True, **LEAVES), "binary"),
    (LGBMClassifier(boosting_type="rf", subsample=0.5, subsample_freq=1, **LEAVES), "binary"),
    (LGBMClassifier(**LEAVES), "multiclass"),
    (LGBMClassifier(objective="multiclassova", **LEAVES), "multiclass"),
    *[(XGBRegressor(objective=each, **FEW), "regression") for each in (*boosters.SINGLE_PLAIN[:4], *boosters.SINGLE_LOGARITHMIC)],
    (XGBRegressor(n_estimators=300, max_depth=3, n_jobs=1), "regression"),
    (XGBRegressor(base_score=7.3, tree_method="exact", **FEW), "regression"),
    (XGBRegressor(grow_policy="lossguide", max_leaves=9, num_parallel_tree=3, **FEW), "regression"),
    (XGBRFRegressor(**FEW), "regression"),
    (XGBClassifier(**FEW), "binary"),
    (XGBClassifier(base_score=0.2, n_estimators=200, max_depth=2, n_jobs=1), "binary"),
    (XGBRFClassifier(**FEW), "binary"),
    (XGBClassifier(**FEW), "multiclass"),
    (XGBClassifier(num_parallel_tree=2, n_estimators=60, max_depth=2, n_jobs=1), "multiclass"),
    (XGBRFClassifier(**FEW), "multiclass"),
]
FITTED = {"kept": MISSING_KEPT["ordinal and what is left"], "filled": FILLED["one-hot and scaled"]}


def fitted(pipeline: Any, task: str) -> Any:
    """The pipeline, learnt from some rows; XGBoost takes its classes as numbers."""
    rows = frame(300, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return clone(pipeline).fit(rows, learn(rows, task))


def learn(rows: pd.DataFrame, task: str) -> Any:
    found = target(rows, task)
    return found if task == "regression" else found.astype("category").cat.codes


def label(value: Any) -> str:
    return f"{type(value).__name__} {value.get_params().get('objective')}" if hasattr(value, "get_params") else str(value)


@pytest.mark.parametrize("encode", FITTED)
@pytest.mark.parametrize(("estimator", "task"), EVERY, ids=label)
def test_every_booster(estimator: Any, task: str, encode: str) -> None:
    pipeline = fitted(make_pipeline(FITTED[encode], estimator), task)
    same(pipeline, task)
    if label(estimator).startswith("XGB"):
        asked = frame(500, 1)
        assert np.array_equal(compiled(pipeline, NAMES, task)(columns(asked)), answer(pipeline, asked, task)), "to the last digit"


@pytest.mark.parametrize(("estimator", "task"), [(LGBMRegressor(**LEAVES), "regression"), (XGBClassifier(**FEW), "multiclass")], ids=label)
def test_a_booster_alone(estimator: Any, task: str) -> None:
    rows = frame(300, 0)
    alone = clone(estimator).fit(rows[NUMBERS], learn(rows, task))
    asked = frame(50, 1)[NUMBERS]
    np.testing.assert_allclose(compiled(alone, NUMBERS, task)(columns(asked)), answer(alone, asked, task), rtol=0, atol=1e-9)


@pytest.mark.parametrize("estimator", [LGBMRegressor(**LEAVES), LGBMRegressor(max_cat_to_onehot=1, cat_smooth=1, **LEAVES)])
def test_categories_of_lightgbm(estimator: Any) -> None:
    pipeline = make_pipeline(encoder((FITTED["kept"].transformers[0][1], WORDS), remainder="passthrough"), clone(estimator))
    rows = frame(300, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.fit(rows, target(rows, "regression"), lgbmregressor__categorical_feature=[0, 1, 2, 4])
    assert any("==" in str(each) for each in pipeline[-1].booster_.dump_model()["tree_info"])
    same(pipeline, "regression")
    asked = frame(4, 1)
    asked["pieces"] = [2.5, -0.5, -3.0, 1e6]
    np.testing.assert_allclose(compiled(pipeline, NAMES, "regression")(columns(asked)), pipeline.predict(asked), rtol=0, atol=1e-9)


@pytest.mark.parametrize(("estimator", "task"), [(XGBRegressor(**FEW), "regression"), (LGBMRegressor(**LEAVES), "regression")], ids=label)
@pytest.mark.parametrize("kept", ["as it is", "scaled", "chosen", "in a union", "in bins", "in fewer", "in fewer, as a table"])
def test_what_a_sparse_matrix_has_not(estimator: Any, task: str, kept: str) -> None:
    """XGBoost takes a 0 of a sparse matrix for missing."""
    hot = encoder((OneHotEncoder(handle_unknown="ignore"), WORDS), ("passthrough", ["pieces", "length"]), sparse_threshold=1.0)
    counted = encoder((OneHotEncoder(handle_unknown="ignore"), WORDS), ("passthrough", ["pieces"]), sparse_threshold=1.0)
    bins = encoder(
        (KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf"), ["pieces"]), ("passthrough", ["length"]), sparse_threshold=1.0
    )
    same(
        fitted(
            {
                "as it is": make_pipeline(hot, estimator),
                "scaled": make_pipeline(hot, MaxAbsScaler(), estimator),
                "chosen": make_pipeline(hot, VarianceThreshold(), estimator),
                "in a union": make_pipeline(FeatureUnion([("hot", hot), ("kept", encoder(("passthrough", ["weight"])))]), estimator),
                "in fewer": make_pipeline(counted, SparseRandomProjection(4, density=0.2, random_state=0), estimator),
                "in fewer, as a table": make_pipeline(
                    counted, SparseRandomProjection(4, density=0.2, dense_output=True, random_state=0), estimator
                ),
                "in bins": make_pipeline(bins, estimator),
            }[kept],
            task,
        ),
        task,
    )


def test_what_stops_early_is_cut_where_it_stopped() -> None:
    rows = frame(300, 0)[NUMBERS]
    learnt = learn(frame(300, 0), "regression")
    noise = np.random.default_rng(0).permutation(learnt)
    for alone in (
        XGBRegressor(n_estimators=50, early_stopping_rounds=3, n_jobs=1).fit(rows, learnt, eval_set=[(rows, noise)], verbose=False),
        LGBMRegressor(n_estimators=50, early_stopping_round=3, verbose=-1).fit(rows, learnt, eval_set=[(rows, noise)]),
    ):
        found = compiled(alone, NUMBERS, "regression")(columns(rows))
        np.testing.assert_allclose(found, alone.predict(rows), rtol=0, atol=1e-9)


def test_boosters_within_others() -> None:
    encode = FILLED["one-hot and scaled"]
    same(fitted(make_pipeline(encode, CalibratedClassifierCV(XGBClassifier(**FEW), cv=2)), "binary"), "binary")
    same(fitted(make_pipeline(encode, CalibratedClassifierCV(LGBMClassifier(**LEAVES), cv=2, method="isotonic")), "binary"), "binary")
    parts = [("one", XGBRegressor(**FEW)), ("other", LGBMRegressor(**LEAVES)), ("line", Ridge())]
    same(fitted(make_pipeline(encode, StackingRegressor(parts, Ridge(), cv=2)), "regression"), "regression")


def test_the_exponential_is_that_of_the_c_library() -> None:
    graph = builder.Graph()
    rows = graph.add("Cast", graph.take_matrix([builder.Raw("x")])[0], to=1, width=1)
    quick = LoadedGraph(graph.finish(graph.add("Cast", boosters._add_single_exponential(graph, rows), to=11, width=1)), "regression").answer
    library = ctypes.CDLL(None)
    library.expf.restype, library.expf.argtypes = ctypes.c_float, [ctypes.c_float]
    random = np.random.default_rng(0)
    asked = np.concatenate([random.normal(size=20_000), random.uniform(-110, 95, 20_000), [0.0, -1e30, 1e30]]).astype(np.float32)
    assert quick({"x": asked.astype(np.float64)}).tolist() == [library.expf(each) for each in asked]


def own(truth: Any, found: Any) -> Any:
    return found - truth, np.ones_like(found)


CATEGORIES = {"enable_categorical": True, "feature_types": ["c", "c", *["q"] * 5]}
NOT_COMPILED = {
    "xgbregressor is a gblinear": XGBRegressor(booster="gblinear", **FEW),
    "xgbregressor is a dart": XGBRegressor(booster="dart", **FEW),
    "xgbregressor is a gbtree, has several targets, or missing values other": XGBRegressor(missing=0.0, **FEW),
    "xgbregressor has categories of its own": XGBRegressor(**CATEGORIES, **FEW),
    "xgbregressor has the objective binary:logitraw": XGBRegressor(objective="binary:logitraw", **FEW),
    "lgbmregressor has linear trees": LGBMRegressor(linear_tree=True, **LEAVES),
    "lgbmregressor has linear trees, or takes 0": LGBMRegressor(zero_as_missing=True, **LEAVES),
    "lgbmregressor has the objective regression sqrt": LGBMRegressor(reg_sqrt=True, **LEAVES),
    "lgbmregressor has categories of pandas, or pred_early_stop": LGBMRegressor(pred_early_stop=True, **LEAVES),
    "lgbmregressor has the objective of its own": LGBMRegressor(objective=own, **LEAVES),
}


@pytest.mark.parametrize("reason", NOT_COMPILED)
def test_what_is_not_known_is_said(reason: str) -> None:
    estimator = NOT_COMPILED[reason]
    rows = frame(300, 0, missing=0.0)
    learnt = learn(rows, "binary" if "logitraw" in reason else "regression")
    pipeline = make_pipeline(FITTED["kept"], clone(estimator))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.fit(rows, learnt)
    with pytest.raises(NotCompiled, match=f"^{reason}"):
        compile_pipeline(pipeline, NAMES, "regression")


class Own(XGBRegressor):
    """Answers something else."""


def test_a_class_of_somebody_s_own_is_not_read() -> None:
    alone = Own(**FEW).fit(frame(50, 0)[NUMBERS], np.arange(50))
    with pytest.raises(NotCompiled, match="Own is a Own, which is not scikit-learn's"):
        compile_pipeline(alone, NUMBERS, "regression")
