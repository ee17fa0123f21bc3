"""Rarer estimators and steps as graphs: each answers as it does by itself, missing values, unknown words and limits included."""

import functools
import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import BisectingKMeans, FeatureAgglomeration, KMeans
from sklearn.compose import TransformedTargetRegressor
from sklearn.cross_decomposition import CCA, PLSCanonical, PLSRegression
from sklearn.decomposition import FactorAnalysis, FastICA, IncrementalPCA
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.feature_selection import RFE, RFECV
from sklearn.gaussian_process import GaussianProcessRegressor, kernels
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.kernel_approximation import Nystroem, RBFSampler, SkewedChi2Sampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression, LogisticRegression, OrthogonalMatchingPursuitCV, RANSACRegressor, Ridge
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestCentroid
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeRegressor

from slipway.bundle.graph import NotCompiled, compile_pipeline, neighbours
from slipway.serving import graph
from slipway.serving.answers import answer
from tests.library.test_graph import (
    COUNTS,
    FILLED,
    NAMES,
    RATIOS,
    TOLERANCE,
    WORDS,
    columns,
    compiled,
    encoder,
    fitted,
    frame,
    named,
    ordinal,
    plainly,
    same,
    steps,
    target,
)

ONE_HOT = FILLED["one-hot and scaled"]
BETWEEN = encoder(
    (OneHotEncoder(handle_unknown="ignore"), WORDS), (make_pipeline(SimpleImputer(), MinMaxScaler(clip=True)), [*COUNTS[:1], *RATIOS])
)
LOGISTIC = LogisticRegression(max_iter=1000)
KERNELS: list[dict[str, Any]] = [
    {"kernel": "rbf", "gamma": 0.3},
    {"kernel": "laplacian"},
    {"kernel": "polynomial", "degree": 2, "coef0": 0.5},
    {"kernel": "sigmoid", "gamma": 0.01},
    {"kernel": "linear"},
    {"kernel": "cosine"},
]
PROCESSES = [
    kernels.ConstantKernel(2.0) * kernels.RBF([0.5] * 10) + kernels.WhiteKernel(0.1),
    kernels.Matern(nu=0.5) + kernels.Matern(nu=1.5) ** 2,
    kernels.Matern(nu=2.5) + kernels.DotProduct(),
    kernels.RationalQuadratic(length_scale=2.0, alpha=0.7),
]
REGRESSORS = [
    RFE(Ridge(), n_features_to_select=3),
    RFECV(DecisionTreeRegressor(random_state=0, max_depth=3), cv=2),
    RANSACRegressor(random_state=0),
    PLSRegression(2),
    CCA(1),
    PLSCanonical(1),
    OrthogonalMatchingPursuitCV(cv=2),
    AdaBoostRegressor(n_estimators=7, random_state=0),
    AdaBoostRegressor(LinearRegression(), n_estimators=4, loss="square", random_state=0),
    *[KernelRidge(**each) for each in KERNELS],
    *[GaussianProcessRegressor(each, optimizer=None, alpha=0.1, normalize_y=place == 0) for place, each in enumerate(PROCESSES)],
    *[
        TransformedTargetRegressor(Ridge(), transformer=each)
        for each in (
            QuantileTransformer(n_quantiles=20),
            PowerTransformer(),
            PowerTransformer(standardize=False),
            RobustScaler(),
            MaxAbsScaler(),
        )
    ],
    TransformedTargetRegressor(Ridge(), transformer=MaxAbsScaler()),
    TransformedTargetRegressor(Ridge(), transformer=StandardScaler(with_mean=False)),
]
CLASSIFIERS = [
    OneVsRestClassifier(LOGISTIC),
    MultinomialNB(),
    ComplementNB(),
    BernoulliNB(),
    BernoulliNB(binarize=0.4),
    QuadraticDiscriminantAnalysis(reg_param=0.3),
    NearestCentroid(),
    NearestCentroid(priors="empirical", shrink_threshold=0.1),
    AdaBoostClassifier(n_estimators=7, random_state=0),
    AdaBoostClassifier(LOGISTIC, n_estimators=3, random_state=0),
    SelfTrainingClassifier(LOGISTIC),
    RFE(LOGISTIC, n_features_to_select=3),
    BaggingClassifier(LinearSVC(), n_estimators=4, random_state=0),
    StackingClassifier([("lines", LinearSVC()), ("bayes", GaussianNB())], LOGISTIC, cv=2),
    *[
        CalibratedClassifierCV(each, cv=2, method=method)
        for method in ("sigmoid", "isotonic", "temperature")
        for each in (GaussianNB(), LinearSVC(), HistGradientBoostingClassifier(max_iter=5), QuadraticDiscriminantAnalysis(reg_param=0.3))
    ],
    CalibratedClassifierCV(RandomForestClassifier(5, random_state=0), cv=2, ensemble=False),
]
BINARY = [
    FixedThresholdClassifier(LOGISTIC, threshold=0.3),
    TunedThresholdClassifierCV(LOGISTIC, cv=2),
    CalibratedClassifierCV(SVC(), cv=2),
    CalibratedClassifierCV(GradientBoostingClassifier(n_estimators=5, random_state=0), cv=2, method="temperature"),
]
EVERY = [(each, "regression") for each in REGRESSORS] + [(each, task) for each in CLASSIFIERS for task in ("binary", "multiclass")]
EVERY += [(each, "binary") for each in BINARY]


@pytest.mark.parametrize(("estimator", "task"), EVERY, ids=named)
def test_every_estimator(estimator: Any, task: str) -> None:
    same(fitted(make_pipeline(BETWEEN, estimator), task), task)


STEPS = [
    KMeans(3, random_state=0),
    BisectingKMeans(3, random_state=0),
    *[Nystroem(n_components=5, random_state=0, **each) for each in KERNELS],
    RBFSampler(n_components=5, random_state=0),
    SkewedChi2Sampler(n_components=5, random_state=0),
    GaussianRandomProjection(3, random_state=0),
    SparseRandomProjection(3, random_state=0, dense_output=True),
    SparseRandomProjection(3, random_state=0),
    FactorAnalysis(2),
    IncrementalPCA(2),
    FastICA(2, random_state=0, whiten="unit-variance"),
    FastICA(2, random_state=0, whiten="arbitrary-variance"),
    FeatureAgglomeration(2),
    BernoulliRBM(3, random_state=0, n_iter=2),
    QuantileTransformer(n_quantiles=20),
    QuantileTransformer(n_quantiles=200, subsample=200, random_state=0),
    *[SplineTransformer(extrapolation=each) for each in ("constant", "linear", "continue", "periodic")],
    SplineTransformer(n_knots=4, degree=2, include_bias=False, extrapolation="linear"),
    SplineTransformer(sparse_output=True),
    FunctionTransformer(special.expit),
    FunctionTransformer(np.clip, kw_args={"a_min": 0.2, "a_max": 0.7}),
    FunctionTransformer(functools.partial(np.clip, a_min=0.2), kw_args={"a_max": None}),
    FunctionTransformer(np.clip, kw_args={"min": 0.1, "max": 0.2}),
]


@pytest.mark.parametrize("step", STEPS, ids=named)
@pytest.mark.parametrize(("last", "task"), [(Ridge(), "regression"), (LOGISTIC, "multiclass")], ids=named)
def test_every_step(step: Any, last: Any, task: str) -> None:
    dense = BETWEEN.set_params(sparse_threshold=0.0)
    same(fitted(make_pipeline(dense, step, last), task), task)


@pytest.mark.parametrize(
    "step",
    [QuantileTransformer(n_quantiles=20), FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": 30}), MissingIndicator()],
    ids=named,
)
def test_what_is_missing_goes_through(step: Any) -> None:
    pipeline = make_pipeline(encoder((ordinal(), WORDS), (step, RATIOS)), HistGradientBoostingRegressor(max_iter=9))
    same(fitted(pipeline, "regression"), "regression")


def test_a_quantile_that_repeats_itself_is_in_the_middle() -> None:
    rows = pd.DataFrame({"pieces": [0, 0, 0, 1, 1, 1, 1, 2, 5, 5, 9, 9, 9]})
    pipeline = make_pipeline(QuantileTransformer(n_quantiles=13), LinearRegression()).fit(rows, np.arange(13) ** 2)
    asked = pd.DataFrame({"pieces": [-1, 0, 0.5, 1, 2, 3, 5, 8.9, 9, 10]})
    found = compiled(pipeline, ["pieces"], "regression")(columns(asked))
    np.testing.assert_allclose(found, pipeline.predict(asked), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("how", ["constant", "linear", "continue", "periodic"])
@pytest.mark.parametrize("degree", [1, 2, 3, 4])
@pytest.mark.parametrize("knots", ["uniform", "quantile"])
def test_splines_within_and_beyond_their_knots(how: str, degree: int, knots: str) -> None:
    rows = frame(100, 0, missing=0.0)[["weight"]]
    splines = SplineTransformer(n_knots=6, degree=degree, knots=knots, extrapolation=how)
    pipeline = make_pipeline(splines, Ridge(1e-3)).fit(rows, target(frame(100, 0, missing=0.0), "regression"))
    near, edges = rows["weight"].sort_values(), splines.fit(rows).bsplines_[0].t
    asked = pd.DataFrame({"weight": [*edges, *near, near.iloc[0] - 3, near.iloc[-1] + 4, near.iloc[-1] + 300]})
    found = compiled(pipeline, ["weight"], "regression")(columns(asked))
    np.testing.assert_allclose(found, pipeline.predict(asked), rtol=1e-12, atol=TOLERANCE)


NEAR: list[tuple[Any, str]] = [
    (KNeighborsRegressor(), "regression"),
    (KNeighborsRegressor(3, algorithm="brute"), "regression"),
    (KNeighborsRegressor(3, weights="distance"), "regression"),
    (KNeighborsRegressor(3, p=1, weights="distance"), "regression"),
    (KNeighborsRegressor(4, p=3, algorithm="ball_tree"), "regression"),
    (KNeighborsClassifier(algorithm="brute"), "multiclass"),
    (KNeighborsClassifier(4, p=1), "binary"),
    (KNeighborsClassifier(4, weights="distance"), "multiclass"),
]
# A number that hardly repeats itself, beside words.
APART = encoder((OneHotEncoder(handle_unknown="ignore"), WORDS), (StandardScaler(), ["pieces", "weight"]), sparse_threshold=0.0)


@pytest.mark.parametrize(("estimator", "task"), NEAR, ids=named)
@pytest.mark.parametrize("most", [graph.MOST_NUMBERS, 2_000])
def test_the_nearest_rows(estimator: Any, task: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "MOST_NUMBERS", most)
    rows = frame(300, 0, missing=0.0)
    pipeline = make_pipeline(APART, clone(estimator)).fit(rows, target(rows, task))
    quick = compiled(pipeline, NAMES, task)
    for asked in (rows.head(1), rows, frame(200, 3, missing=0.0, strange=True)):  # those of training are at no distance
        np.testing.assert_allclose(quick(columns(asked)), plainly(pipeline, asked, task), rtol=0, atol=TOLERANCE)


def test_categories_of_naive_bayes_are_refused_where_training_had_none() -> None:
    rows = frame(300, 0, missing=0.0)
    for task in ("binary", "multiclass"):
        encode = encoder((OrdinalEncoder(), WORDS), ("passthrough", ["pieces"]))
        pipeline = make_pipeline(encode, CategoricalNB()).fit(rows, target(rows, task))
        quick, asked = compiled(pipeline, NAMES, task), frame(20, 3, missing=0.0)
        np.testing.assert_allclose(quick(columns(asked)), answer(pipeline, asked, task), rtol=0, atol=TOLERANCE)
        for piece in (9, 12, -1):
            asked.loc[4, "pieces"] = piece
            with pytest.raises((ValueError, IndexError)):
                pipeline.predict_proba(asked)
            assert np.flatnonzero(np.isnan(quick(columns(asked)).reshape(20, -1)[:, 0])).tolist() == [4]


@pytest.mark.parametrize("beyond", ["nan", "clip"])
def test_an_isotonic_regression(beyond: str) -> None:
    rows = frame(100, 0, missing=0.0)[["weight"]]
    alone = IsotonicRegression(out_of_bounds=beyond).fit(rows, target(frame(100, 0, missing=0.0), "regression"))
    asked = pd.DataFrame({"weight": [0.0, 20.0, 50.5, 71.0, 1e6, rows["weight"].max(), rows["weight"].min()]})
    found = compiled(alone, ["weight"], "regression")(columns(asked))
    np.testing.assert_allclose(found, alone.predict(asked), rtol=0, atol=TOLERANCE)
    assert np.isnan(found).any() == (beyond == "nan")


def test_a_column_that_was_never_missing_is_refused() -> None:
    pipeline = make_pipeline(encoder((MissingIndicator(), [*RATIOS, "pieces"])), Ridge())
    rows = frame(100, 0)
    pipeline.fit(rows, target(rows, "regression"))
    quick, asked = compiled(pipeline, NAMES, "regression"), frame(3, 1)
    asked["pieces"] = [1.0, np.nan, 2.0]
    with pytest.raises(ValueError, match="missing values in transform but have no missing values in fit"):
        pipeline.predict(asked)
    assert np.isnan(quick(columns(asked))).tolist() == [False, True, False]


def test_a_number_without_a_logarithm_is_refused() -> None:
    pipeline = make_pipeline(encoder((SkewedChi2Sampler(skewedness=2.0, n_components=3, random_state=0), ["pieces"])), Ridge())
    rows = frame(100, 0)
    pipeline.fit(rows, target(rows, "regression"))
    quick, asked = compiled(pipeline, NAMES, "regression"), frame(3, 1)
    asked["pieces"] = [1, -2, 2]
    with pytest.raises(ValueError, match="may not contain entries smaller than"):
        pipeline.predict(asked)
    assert np.isnan(quick(columns(asked))).tolist() == [False, True, False]


def test_what_a_chosen_column_is_not_is_refused_too() -> None:
    """RFE looks at all columns, whichever its estimator gets."""
    rows = frame(100, 0, missing=0.0)
    pipeline = make_pipeline(encoder(("passthrough", ["pieces", *RATIOS])), RFE(Ridge(), n_features_to_select=1))
    pipeline.fit(rows, target(rows, "regression"))
    quick, asked = compiled(pipeline, NAMES, "regression"), frame(3, 1, missing=0.0)
    left_out = np.array(["pieces", *RATIOS])[~pipeline[-1].support_][-1]
    asked[left_out] = [1.0, np.nan, 2.0]
    with pytest.raises(ValueError, match="contains NaN"):
        pipeline.predict(asked)
    assert np.isnan(quick(columns(asked))).tolist() == [False, True, False]


def far(distances: Any) -> Any:
    return distances


NOT_COMPILED = {
    "last has rows that are equally near": steps(encoder(("passthrough", ["weight", "length"])), KNeighborsRegressor()),
    "last has weights of its own": steps(APART, KNeighborsRegressor(weights=far)),
    "last weighs by distances that it rounds": steps(APART, KNeighborsRegressor(weights="distance", algorithm="brute")),
    "last has the metric 'chebyshev'": steps(APART, KNeighborsRegressor(metric="chebyshev")),
    "encode.part0 makes a normal distribution": steps(encoder((QuantileTransformer(n_quantiles=9, output_distribution="normal"), COUNTS))),
    "encode.part0 has the degree 0, handle_missing, or extrapolation='error'": steps(
        encoder((SplineTransformer(extrapolation="error"), COUNTS[:1]))
    ),
    "encode.part0 pools by a function": steps(encoder((FeatureAgglomeration(1, pooling_func=np.max), COUNTS))),
    "last has a Matern kernel with nu 2": steps(APART, GaussianProcessRegressor(kernels.Matern(nu=2), optimizer=None, alpha=1.0)),
    "last has the kernel ExpSineSquared": steps(APART, GaussianProcessRegressor(kernels.ExpSineSquared(), optimizer=None, alpha=100.0)),
    "last has the kernel chi2": steps(FILLED["dropped"], KernelRidge(kernel="chi2", gamma=1.0)),
    "encode.part0.splinetransformer has knots that are equal": steps(
        encoder((make_pipeline(ordinal(), SplineTransformer(knots="quantile")), ["shape"]))
    ),
    "encode.part0 has the degree 1 and extrapolation='linear'": steps(
        encoder((SplineTransformer(degree=1, extrapolation="linear"), ["pieces", "weight"]))
    ),
}


@pytest.mark.parametrize("reason", NOT_COMPILED)
def test_what_is_not_known_is_said(reason: str) -> None:
    rows = frame(300, 0, missing=0.0)
    if "equally near" in reason:
        rows["weight"] = rows["weight"].round(-1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline = clone(NOT_COMPILED[reason]).fit(rows, target(rows, "regression"))
    with pytest.raises(NotCompiled, match=f"^{re.escape(reason)}"):
        compile_pipeline(pipeline, NAMES, "regression")


@pytest.mark.parametrize(("limit", "options"), [("MOST_NUMBERS", {}), ("MOST_DIFFERENCES", {"p": 1})])
def test_too_many_rows_are_not_compared(limit: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    rows = frame(300, 0, missing=0.0)
    pipeline = make_pipeline(APART, KNeighborsRegressor(**options)).fit(rows, target(rows, "regression"))
    monkeypatch.setattr(neighbours, limit, 1000)
    with pytest.raises(NotCompiled, match=r"compares with 2400 numbers, more than 1000"):
        compile_pipeline(pipeline, NAMES, "regression")
