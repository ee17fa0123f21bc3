"""A pipeline as a graph answers as the pipeline does, has no answer where it refuses, and says what it does not know."""

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import special
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_regression
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import AdditiveChi2Sampler
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    TweedieRegressor,
)
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor, RadiusNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVR, LinearSVC, NuSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeRegressor

from slipway.bundle.graph import NotCompiled, compile_pipeline
from slipway.serving.answers import Answers, answer
from slipway.serving.graph import Finder, LoadedGraph
from slipway.serving.rows import Columns

COUNTS, RATIOS, WORDS, FLAG = ["pieces", "serial"], ["weight", "length"], ["colour", "shape"], "fragile"
NAMES, NUMBERS = [*COUNTS, *RATIOS, *WORDS, FLAG], ["pieces", *RATIOS, FLAG]
TOLERANCE = 1e-9
# So many rows are answered as they come in, too.
FEW = 30
# As the batches of a service: one row, a few, and more than the trees are stitched for.
SIZES = (1, 30, 500)


def frame(rows: int, seed: int, missing: float = 0.1, words: str = "str", strange: bool = False) -> pd.DataFrame:
    """Rows as a file has them; `strange` ones have categories that were not there before."""
    random = np.random.default_rng(seed)
    colours = ["red", "green", "blue", "grey", *(["mauve"] if strange else [])]

    def holes(values: NDArray[Any], hole: Any) -> NDArray[Any]:
        values[random.random(rows) < missing] = hole
        return values

    return pd.DataFrame(
        {
            "pieces": random.integers(0, 9, rows) + 9 * strange * random.integers(0, 2, rows),
            # Neighbours here are one number in float64.
            "serial": 2**53 + random.integers(0, 4, rows),
            "weight": holes(random.gamma(2, 30, rows), np.nan),
            "length": holes(random.integers(-3, 4, rows) / 2, np.nan),
            "colour": pd.Series(holes(random.choice(colours, rows, p=None).astype(object), None), dtype=words),
            "shape": pd.Series(random.choice(["round", "flat"], rows).astype(object), dtype=words),
            "fragile": random.random(rows) < 0.3,
        }
    )


def columns(rows: pd.DataFrame) -> Columns:
    """Rows as a compiled pipeline takes them."""
    missing = {name: rows[name].astype(object).where(rows[name].notna(), None) for name in rows.columns if name in WORDS}
    return {name: missing.get(name, rows[name]).to_numpy() for name in rows.columns}


def compiled(pipeline: Any, names: list[str], task: str) -> Callable[[Columns], Answers]:
    """What the graph of a pipeline answers; made twice, it is the same."""
    content = compile_pipeline(pipeline, names, task)
    assert content == compile_pipeline(pipeline, names, task)
    loaded = LoadedGraph(content, task)

    def answer(asked: Columns) -> Answers:
        found = loaded.answer(asked)
        if loaded.answer_rows and len(found) <= FEW:
            rows = [dict(zip(asked, values, strict=True)) for values in zip(*(each.tolist() for each in asked.values()), strict=True)]
            np.testing.assert_array_equal(loaded.answer_rows(rows), found)
        return found

    return answer


def target(rows: pd.DataFrame, task: str) -> Any:
    """Something to learn, positive for a regression."""
    noise = np.random.default_rng(9).normal(0, 0.3, len(rows))
    value = np.exp(0.1 * rows["pieces"] + 0.01 * rows["weight"].fillna(20) + 0.5 * (rows["colour"] == "red") + noise)
    if task == "regression":
        return value
    names = ["no", "yes"] if task == "binary" else ["few", "many", "some"]
    return pd.Series(np.array(names)[pd.qcut(value, len(names), labels=False)])


def encoder(*transformers: Any, **options: Any) -> ColumnTransformer:
    """The transformers by name, each with a name of its own."""
    return ColumnTransformer([(f"part{place}", *each) for place, each in enumerate(transformers)], **options)


def ordinal(**options: Any) -> OrdinalEncoder:
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, **options)


MISSING_KEPT = {
    "ordinal and what is left": encoder((ordinal(), WORDS), remainder="passthrough"),
    "ordinal with a code for missing": encoder((ordinal(encoded_missing_value=-2), WORDS), ("passthrough", RATIOS)),
    "functions": encoder((ordinal(), WORDS), (FunctionTransformer(), COUNTS[:1]), (FunctionTransformer(np.log1p), RATIOS[:1])),
    "numbers made before, with a gap": make_pipeline(
        encoder((FunctionTransformer(np.negative), RATIOS[1:]), ("passthrough", ["pieces"])),
        encoder((ordinal(encoded_missing_value=-2), [0]), remainder=FunctionTransformer(np.square)),
    ),
    "categories of numbers": encoder((ordinal(), [*COUNTS, "length", FLAG]), ("passthrough", ["weight"])),
}
FILLED = {
    "one-hot and scaled": encoder(
        (OneHotEncoder(handle_unknown="ignore"), WORDS),
        (make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), RATIOS),
        remainder="drop",
    ),
    "one-hot of numbers": encoder(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), [*COUNTS, "length", FLAG, "colour"]),
        (make_pipeline(SimpleImputer(), MinMaxScaler(clip=True)), ["weight"]),
    ),
    "dropped": encoder((OneHotEncoder(drop="first", handle_unknown="ignore"), WORDS), (OneHotEncoder(drop="if_binary"), [FLAG])),
    "infrequent": encoder(
        (OneHotEncoder(min_frequency=0.25, handle_unknown="infrequent_if_exist"), ["colour"]), (ordinal(max_categories=3), ["pieces"])
    ),
    "target": encoder((TargetEncoder(cv=2, random_state=0), ["colour", "pieces"])),
    "strings filled": encoder(
        (make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")), WORDS),
        (SimpleImputer(strategy="constant", fill_value=-1.0, add_indicator=True), RATIOS),
        remainder=RobustScaler(),
    ),
    "two after each other": make_pipeline(
        encoder((SimpleImputer(strategy="constant", fill_value="none"), WORDS), (SimpleImputer(), RATIOS)),
        encoder((ordinal(), [0, 1]), ("passthrough", slice(2, 3)), remainder=MaxAbsScaler()),
        "passthrough",
        Pipeline([("scale", StandardScaler(with_mean=False))]),
    ),
    "with names in between": make_pipeline(
        encoder((ordinal(encoded_missing_value=9), WORDS), (SimpleImputer(), RATIOS), verbose_feature_names_out=False).set_output(
            transform="pandas"
        ),
        encoder(("passthrough", ["length"]), ("drop", ["shape"]), ("passthrough", [True, False, False, False])),
    ),
    "by type": encoder(
        (make_pipeline(SimpleImputer(), PolynomialFeatures(3)), make_column_selector(dtype_include="float")),
        (KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), COUNTS[:1]),
        (KBinsDiscretizer(3, strategy="uniform", encode="ordinal"), COUNTS[:1]),
    ),
    "in a union": FeatureUnion(
        [
            ("words", encoder((OneHotEncoder(handle_unknown="ignore"), WORDS))),
            ("numbers", make_pipeline(encoder((SimpleImputer(), RATIOS)), Normalizer())),
            ("none", "drop"),
        ]
    ),
    "projected": make_pipeline(
        encoder((OneHotEncoder(handle_unknown="ignore", sparse_output=False), WORDS), (SimpleImputer(), RATIOS)), PCA(3, whiten=True)
    ),
    "projected and chosen": make_pipeline(
        encoder((OneHotEncoder(handle_unknown="ignore"), WORDS), (SimpleImputer(), RATIOS)), TruncatedSVD(3, random_state=0)
    ),
    "raised and chosen": make_pipeline(
        encoder(
            (make_pipeline(SimpleImputer(), PowerTransformer()), RATIOS),
            (PowerTransformer(standardize=False), ["pieces"]),
            (make_pipeline(SimpleImputer(), PowerTransformer(method="box-cox")), ["weight"]),
            (Binarizer(threshold=2), ["pieces"]),
        ),
        VarianceThreshold(0.3),
    ),
    "numbers made before": make_pipeline(
        encoder((SimpleImputer(strategy="most_frequent"), ["length", "pieces"])), OneHotEncoder(handle_unknown="ignore")
    ),
}
REGRESSORS = [
    LinearRegression(),
    Ridge(),
    Lasso(0.01),
    ElasticNet(0.01),
    PoissonRegressor(),
    GammaRegressor(),
    TweedieRegressor(power=1.5),
    TweedieRegressor(),
    DecisionTreeRegressor(random_state=0),
    ExtraTreeRegressor(random_state=0),
    RandomForestRegressor(9, random_state=0),
    ExtraTreesRegressor(9, random_state=0),
    GradientBoostingRegressor(n_estimators=9, random_state=0),
    GradientBoostingRegressor(n_estimators=9, loss="huber", init="zero", random_state=0),
    *[HistGradientBoostingRegressor(max_iter=9, loss=loss) for loss in ("squared_error", "absolute_error", "poisson", "gamma")],
    HistGradientBoostingRegressor(max_iter=9, loss="quantile", quantile=0.8),
    HistGradientBoostingRegressor(max_iter=1),
    QuantileRegressor(),
    TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1),
    TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
    TransformedTargetRegressor(Ridge(), transformer=MinMaxScaler()),
    DummyRegressor(strategy="median"),
    SVR(),
    SVR(kernel="poly", degree=2),
    NuSVR(kernel="linear", C=0.01),
    MLPRegressor(hidden_layer_sizes=(5, 4), max_iter=20, random_state=0),
    BaggingRegressor(DecisionTreeRegressor(), n_estimators=4, max_features=0.7, random_state=0),
    VotingRegressor([("line", Ridge()), ("gone", "drop"), ("trees", RandomForestRegressor(3, random_state=0))], weights=[1, 5, 2]),
    StackingRegressor([("line", Ridge()), ("trees", HistGradientBoostingRegressor(max_iter=5))], Ridge(), cv=2, passthrough=True),
    make_pipeline(SelectKBest(f_regression, k=2), Ridge()),
    GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2),
]
CLASSIFIERS = [
    LogisticRegression(max_iter=1000),
    DecisionTreeClassifier(random_state=0),
    RandomForestClassifier(9, random_state=0),
    ExtraTreesClassifier(9, max_depth=3, random_state=0),
    GradientBoostingClassifier(n_estimators=9, random_state=0),
    HistGradientBoostingClassifier(max_iter=9),
    GaussianNB(),
    LinearDiscriminantAnalysis(),
    MLPClassifier((5,), max_iter=20, activation="tanh", random_state=0),
    DummyClassifier(),
    BaggingClassifier(LogisticRegression(max_iter=1000), n_estimators=3, random_state=0),
    VotingClassifier([("line", LogisticRegression(max_iter=1000)), ("bayes", GaussianNB())], voting="soft"),
    StackingClassifier([("bayes", GaussianNB()), ("trees", HistGradientBoostingClassifier(max_iter=5))], cv=2),
]
BINARY = [
    CalibratedClassifierCV(GaussianNB(), cv=2),
    CalibratedClassifierCV(GaussianNB(), cv=2, method="isotonic"),
    CalibratedClassifierCV(RandomForestClassifier(3, random_state=0), cv=2, ensemble=False),
    CalibratedClassifierCV(HistGradientBoostingClassifier(max_iter=5), cv=2),
    CalibratedClassifierCV(LinearSVC(), cv=2),
    CalibratedClassifierCV(make_pipeline(StandardScaler(), LogisticRegression()), cv=2, method="isotonic"),
    GradientBoostingClassifier(n_estimators=9, loss="exponential", random_state=0),
    GradientBoostingClassifier(n_estimators=9, init="zero", random_state=0),
]
HISTOGRAMS = [HistGradientBoostingRegressor, HistGradientBoostingClassifier]
EVERY = [(each, "regression") for each in REGRESSORS] + [(each, task) for each in CLASSIFIERS for task in ("binary", "multiclass")]
EVERY += [(each, "binary") for each in BINARY]
REPRESENTATIVE = [
    (Ridge(), "regression"),
    (LogisticRegression(max_iter=1000), "multiclass"),
    (GradientBoostingClassifier(n_estimators=5), "binary"),
]
TOLERANT = [
    (HistGradientBoostingRegressor(max_iter=9), "regression"),
    (HistGradientBoostingClassifier(max_iter=9), "multiclass"),
    (RandomForestClassifier(9, random_state=0), "binary"),
    (DecisionTreeRegressor(random_state=0), "regression"),
]


def fitted(pipeline: Any, task: str, words: str = "str") -> Any:
    """The pipeline, learnt from some rows."""
    rows = frame(300, 0, words=words)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return clone(pipeline).fit(rows, target(rows, task))


def plainly(pipeline: Any, rows: pd.DataFrame, task: str) -> NDArray[np.float64]:
    """What the pipeline answers itself, without its warnings about what was asked."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Found unknown categories")
        warnings.filterwarnings("ignore", "overflow encountered in cast")
        return answer(pipeline, rows, task)


def same(pipeline: Any, task: str, strange: bool = True, words: str = "str") -> None:
    """Hold what is compiled against what it was compiled from."""
    quick = compiled(pipeline, NAMES, task)
    for size in SIZES:
        for rows in (frame(size, 1, words=words), frame(size, 2, 0.5, words=words, strange=strange)):
            found, expected = quick(columns(rows)), plainly(pipeline, rows, task)
            assert (str(found.dtype), found.shape) == ("float64", expected.shape)
            np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


def named(value: Any) -> str | None:
    """The name of a case."""
    return re.sub(r" at 0x\w+|\s+", " ", repr(value)) if isinstance(value, BaseEstimator) else None


@pytest.mark.parametrize(("estimator", "task"), EVERY, ids=named)
def test_every_estimator(estimator: Any, task: str) -> None:
    same(fitted(make_pipeline(FILLED["one-hot and scaled"], estimator), task), task)


@pytest.mark.parametrize("encode", FILLED)
@pytest.mark.parametrize(("estimator", "task"), REPRESENTATIVE, ids=named)
def test_every_encoder(encode: str, estimator: Any, task: str) -> None:
    same(fitted(make_pipeline(FILLED[encode], estimator), task), task)


@pytest.mark.parametrize("encode", MISSING_KEPT)
@pytest.mark.parametrize(("estimator", "task"), TOLERANT, ids=named)
def test_missing_values_that_reach_the_estimator(encode: str, estimator: Any, task: str) -> None:
    same(fitted(make_pipeline(MISSING_KEPT[encode], estimator), task), task)


@pytest.mark.parametrize(("estimator", "task"), EVERY, ids=named)
def test_an_estimator_alone(estimator: Any, task: str) -> None:
    rows = frame(300, 0, missing=0.0)[NUMBERS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alone = clone(estimator).fit(rows, target(frame(300, 0, missing=0.0), task))
    quick = compiled(alone, NUMBERS, task)
    for size in SIZES:
        asked = frame(size, 1, missing=0.0)[NUMBERS]
        np.testing.assert_allclose(quick(columns(asked)), answer(alone, asked, task), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(("histogram", "task"), [(HISTOGRAMS[0], "regression"), (HISTOGRAMS[1], "binary"), (HISTOGRAMS[1], "multiclass")])
def test_categories_of_histogram_gradient_boosting(histogram: Any, task: str) -> None:
    alone = histogram(max_iter=9, categorical_features=[*WORDS, "pieces"])
    for pipeline in (alone, make_pipeline(MISSING_KEPT["ordinal and what is left"], histogram(max_iter=9, categorical_features=[0, 1, 2]))):
        same(fitted(pipeline, task), task)


def test_none_that_was_a_category() -> None:
    encode = encoder((OneHotEncoder(handle_unknown="ignore"), WORDS), (ordinal(encoded_missing_value=-2), ["colour"]))
    same(fitted(make_pipeline(encode, Ridge()), "regression", words="object"), "regression", words="object")


def test_a_missing_category_is_the_same_alone_and_among_others() -> None:
    """A DataFrame of one row has None for it, of several rows NaN."""
    pipeline = fitted(make_pipeline(FILLED["one-hot and scaled"], Ridge()), "regression")
    rows = columns(frame(50, 1, missing=0.5))
    quick = compiled(pipeline, NAMES, "regression")
    alone = [quick({name: values[[place]] for name, values in rows.items()})[0] for place in range(50)]
    np.testing.assert_allclose(alone, quick(rows), rtol=0, atol=TOLERANCE)


INFINITE, STRANGE, GAP = ("weight", np.inf), ("colour", "mauve"), ("weight", np.nan)
REFUSED = {
    "an unknown category": (encoder((OneHotEncoder(), WORDS)), Ridge(), STRANGE),
    "an unknown number": (encoder((OrdinalEncoder(), COUNTS)), Ridge(), ("pieces", 10)),
    "a category that was never missing": (encoder((OrdinalEncoder(), ["shape"])), Ridge(), ("shape", None)),
    "a missing number, linear": (encoder(("passthrough", RATIOS)), Ridge(), GAP),
    "a missing number, logistic": (encoder(("passthrough", RATIOS)), LogisticRegression(), GAP),
    "a missing number, boosted": (encoder(("passthrough", RATIOS)), GradientBoostingRegressor(n_estimators=3), GAP),
    "a missing number, one of several columns": (encoder(("passthrough", RATIOS)), MLPRegressor(hidden_layer_sizes=(3,), max_iter=5), GAP),
    "an unknown category among trees": (encoder((OneHotEncoder(), WORDS)), HistGradientBoostingRegressor(max_iter=3), STRANGE),
    "a missing number in a sparse matrix": (
        encoder((OneHotEncoder(handle_unknown="ignore"), ["pieces"]), ("passthrough", ["weight"])),
        RandomForestRegressor(3),
        GAP,
    ),
    "a number too large for a tree": (encoder(("passthrough", RATIOS)), RandomForestRegressor(3), ("weight", 1e300)),
    "an infinite number, scaled": (encoder((StandardScaler(), RATIOS)), HistGradientBoostingRegressor(max_iter=3), INFINITE),
    "an infinite number, imputed": (encoder((SimpleImputer(), RATIOS)), HistGradientBoostingRegressor(max_iter=3), INFINITE),
    "an infinite number, linear": (encoder(("passthrough", RATIOS)), PoissonRegressor(), INFINITE),
    "a string for a number": (encoder((StandardScaler(), RATIOS)), Ridge(), ("weight", "heavy")),
    "a string for a tree": (encoder(("passthrough", RATIOS)), HistGradientBoostingRegressor(max_iter=3), ("weight", "heavy")),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_the_pipeline_refuses_is_refused(why: str) -> None:
    encode, estimator, (name, value) = REFUSED[why]
    rows, task = frame(300, 0, missing=0.0), "binary" if hasattr(estimator, "predict_proba") else "regression"
    pipeline = make_pipeline(encode, estimator).fit(rows, target(rows, task))
    quick = compiled(pipeline, NAMES, task)
    assert quick(columns(rows)).shape == (300,)
    for size in SIZES:
        asked = frame(size, 0, missing=0.0)
        asked[name] = asked[name].astype(object if value is None or isinstance(value, str) else asked[name].dtype)
        asked.loc[size - 1, name] = value  # type: ignore[call-overload]
        given = {**columns(asked), name: asked[name].to_numpy()}
        with pytest.raises(ValueError, match=r"."):
            plainly(pipeline, asked, task)
        if isinstance(value, str) and name == "weight":
            with pytest.raises(ValueError, match="heavy"):
                quick(given)
        else:
            assert np.isnan(quick(given)).tolist() == [False] * (size - 1) + [True]


class Own(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer that is not scikit-learn's."""

    def fit(self, rows: Any, _: Any = None) -> "Own":
        self.n_features_in_ = rows.shape[1]
        return self

    def transform(self, rows: Any) -> Any:
        return rows[["weight"]]


class Doubled(StandardScaler):  # type: ignore[misc]
    """Says that it is a scaler, and is another."""


def first(column: Any) -> Any:
    """Take what only a DataFrame has."""
    return column.iloc[:, :1]


def steps(encode: Any, last: Any = None) -> Pipeline:
    return Pipeline([("encode", encode), ("last", DummyRegressor() if last is None else last)])


NOT_COMPILED = {
    "encode is a Own": steps(Own()),
    "encode.part0 is a Doubled": steps(encoder((Doubled(), COUNTS))),
    "encode.part0.function applies 'first'": steps(encoder((Pipeline([("function", FunctionTransformer(first))]), COUNTS))),
    "encode.part0 is a FunctionTransformer with validate": steps(encoder((FunctionTransformer(np.abs, validate=True), COUNTS))),
    "encode.part0 applies 'clip' with bounds for each column": steps(
        encoder((FunctionTransformer(np.clip, kw_args={"a_min": [0, 1], "a_max": None}), COUNTS))
    ),
    "encode.part0 has dtype float32": steps(encoder((OrdinalEncoder(dtype=np.float32), WORDS))),
    "encode.part0 has missing_values other than NaN": steps(encoder((SimpleImputer(missing_values=0), COUNTS))),
    "encode has transformer_weights": steps(encoder(("passthrough", COUNTS), transformer_weights={"part0": 2})),
    "last is a RadiusNeighborsRegressor, which has no form as a graph": steps(encoder(("passthrough", COUNTS)), RadiusNeighborsRegressor()),
    "last has rows that are equally near": steps(encoder(("passthrough", COUNTS)), KNeighborsRegressor()),
    "last begins with an estimator of its own": steps(encoder(("passthrough", COUNTS)), GradientBoostingRegressor(init=LinearRegression())),
    "last applies 'gammaln'": steps(
        encoder(("passthrough", COUNTS)),
        TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=special.gammaln, check_inverse=False),
    ),
    "encode.part0 is a AdditiveChi2Sampler, which has no form as a graph": steps(encoder((AdditiveChi2Sampler(), ["pieces"]))),
}


@pytest.mark.parametrize("reason", NOT_COMPILED)
def test_what_is_not_known_is_said(reason: str) -> None:
    with pytest.raises(NotCompiled, match=f"^{reason}"):
        compile_pipeline(fitted(NOT_COMPILED[reason], "regression"), NAMES, "regression")


def test_other_columns_are_not_compiled() -> None:
    pipeline = fitted(make_pipeline(FILLED["target"], DummyRegressor()), "regression")
    with pytest.raises(NotCompiled, match="takes colour, which is not declared"):
        compile_pipeline(pipeline, COUNTS, "regression")
    alone = Ridge().fit(frame(30, 0)[COUNTS], range(30))
    with pytest.raises(NotCompiled, match="Ridge was fitted with other columns"):
        compile_pipeline(alone, COUNTS[::-1], "regression")


@pytest.mark.parametrize(
    "pipeline", [Ridge(), make_pipeline(StandardScaler(), Ridge()), "no pipeline", None, StandardScaler().fit([[1.0]])]
)
def test_what_cannot_answer_is_not_compiled(pipeline: Any) -> None:
    with pytest.raises(NotCompiled):
        compile_pipeline(pipeline, COUNTS[:1], "regression")


@pytest.mark.parametrize("values", [[3, 1, 7], [3.0, 1.5, -2], ["3", None, 3], [True, 2], ["a", "b"], [2**53, 2.0**63, 1e300], []])
def test_a_column_of_categories_is_found_as_each_of_them(values: list[Any]) -> None:
    finder = Finder(values, missing=len(values) + 1)
    for column in (
        np.array([-(2**63), -2, 0, 1, 2, 3, 4, 7, 8, 2**53, 2**53 + 1, 2**63 - 1]),
        np.array([3.0, np.nan, 1.5, 2.0**53]),
        np.array([True, False]),
        np.array(["3", None, "a"], dtype=object),
    ):
        assert [*finder.find_all(column)] == [finder.find(value) for value in column.tolist()]
