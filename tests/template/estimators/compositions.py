"""Estimators put together, as notebooks do it; steps and columns have the names of what a skops file is made of."""

import functools
import operator
from typing import Any

import numpy as np
import scipy.special
from scipy.stats import uniform
from sklearn import (
    calibration,
    compose,
    ensemble,
    feature_selection,
    gaussian_process,
    impute,
    kernel_approximation,
    linear_model,
    model_selection,
    multiclass,
    naive_bayes,
    neighbors,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn.cluster import BisectingKMeans, FeatureAgglomeration, KMeans
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  # its import lets the other be
from sklearn.feature_extraction import text
from sklearn.gaussian_process import kernels
from sklearn.metrics import make_scorer, mean_absolute_error, mean_pinball_loss
from sklearn.metrics.pairwise import rbf_kernel

from tests.template.estimators.rows import Case, Ratio, double

LOGISTIC, RIDGE = linear_model.LogisticRegression, linear_model.Ridge
ENCODED = ("a", "b", "town", "gap")
NOTE = "note"


def columns(*transformers: Any, remainder: str = "drop") -> Any:
    """Return a transformer by columns."""
    return compose.ColumnTransformer([(f"file{number}", *each) for number, each in enumerate(transformers)], remainder=remainder)


def words(vectorizer: Any, last: Any) -> Any:
    """Return a pipeline of a text."""
    return pipeline.Pipeline([("file", columns((vectorizer, NOTE))), ("content", last)])


def encoded(last: Any, encoder: Any = None) -> Any:
    """Return a pipeline of numbers with gaps and words."""
    encoder = encoder or preprocessing.OneHotEncoder(handle_unknown="ignore")
    gaps = pipeline.make_pipeline(impute.SimpleImputer(add_indicator=True), preprocessing.StandardScaler())
    return pipeline.Pipeline([("type", columns((gaps, ["gap", "a", "b"]), (encoder, ["town"]))), ("shape", last)])


def calibrated(**options: Any) -> Any:
    """Return a calibrated linear classifier."""
    return calibrated_by(svm.LinearSVC(random_state=0), **options)


def calibrated_by(estimator: Any, **options: Any) -> Any:
    """Return a calibrated classifier."""
    return calibration.CalibratedClassifierCV(estimator, cv=2, **options)


def composed_kernel() -> Any:
    """Return a kernel made of others."""
    return kernels.ConstantKernel() * kernels.RBF() + kernels.WhiteKernel() + kernels.Matern() ** 2


def scaled(last: Any) -> Any:
    """Return a pipeline of a scaler."""
    return pipeline.make_pipeline(preprocessing.StandardScaler(), last)


SELECTED = compose.make_column_selector
NUMERIC, TEXTS = SELECTED(dtype_include=np.number), SELECTED(pattern="town")
SEARCH: dict[str, Any] = {"cv": 2}
CASES: dict[str, Case] = {
    "grid over a pipeline": Case(
        lambda: model_selection.GridSearchCV(
            encoded(RIDGE()), {"shape__alpha": [1, 2], "shape": [RIDGE(), linear_model.Lasso()]}, **SEARCH
        ),
        "regression",
        ENCODED,
    ),
    "grid within a pipeline": Case(
        lambda: encoded(model_selection.GridSearchCV(LOGISTIC(), {"C": [1, 2]}, scoring="roc_auc", **SEARCH)), "binary", ENCODED
    ),
    "grid with a scorer of its own": Case(
        lambda: model_selection.GridSearchCV(
            RIDGE(), {"alpha": [1, 2]}, scoring=make_scorer(mean_pinball_loss, greater_is_better=False, alpha=0.9), **SEARCH
        ),
        "regression",
    ),
    "grid with several scores": Case(
        lambda: model_selection.GridSearchCV(LOGISTIC(), {"C": [1, 2]}, scoring=["accuracy", "neg_log_loss"], refit="accuracy", **SEARCH),
        "multiclass",
    ),
    "grid over splits by groups and times": Case(
        lambda: model_selection.GridSearchCV(RIDGE(), {"alpha": [1, 2]}, cv=model_selection.TimeSeriesSplit(2)), "regression"
    ),
    "random over distributions": Case(
        lambda: model_selection.RandomizedSearchCV(
            scaled(LOGISTIC()),
            [{"logisticregression__C": uniform(0.1, 2)}, {"logisticregression__C": [1, 2]}],
            n_iter=3,
            random_state=0,
            **SEARCH,
        ),
        "binary",
    ),
    "voting, soft": Case(
        lambda: ensemble.VotingClassifier([("file", LOGISTIC()), ("type", naive_bayes.GaussianNB())], voting="soft", weights=[1, 2]),
        "binary",
    ),
    "stacking of many": Case(
        lambda: ensemble.StackingRegressor(
            [("file", RIDGE()), ("key_types", neighbors.KNeighborsRegressor()), ("content", tree.DecisionTreeRegressor(max_depth=2))],
            final_estimator=ensemble.HistGradientBoostingRegressor(max_iter=3),
            passthrough=True,
            cv=2,
        ),
        "regression",
    ),
    "stacking of pipelines": Case(
        lambda: ensemble.StackingClassifier([("a", encoded(LOGISTIC())), ("b", encoded(calibrated()))], cv=2), "binary", ENCODED
    ),
    "bagging of pipelines": Case(lambda: ensemble.BaggingClassifier(scaled(svm.LinearSVC()), n_estimators=3, random_state=0), "binary"),
    "fixed threshold": Case(
        lambda: model_selection.FixedThresholdClassifier(scaled(LOGISTIC()), threshold=0.3, response_method="predict_proba"), "binary"
    ),
    "tuned threshold": Case(lambda: model_selection.TunedThresholdClassifierCV(scaled(LOGISTIC()), scoring="f1", cv=2), "binary"),
    "target by its logarithm": Case(
        lambda: compose.TransformedTargetRegressor(encoded(RIDGE()), func=np.log1p, inverse_func=np.expm1), "regression", ENCODED
    ),
    "target by quantiles": Case(
        lambda: compose.TransformedTargetRegressor(RIDGE(), transformer=preprocessing.QuantileTransformer(n_quantiles=10)), "regression"
    ),
    "target by functions of model/": Case(
        lambda: compose.TransformedTargetRegressor(RIDGE(), func=double, inverse_func=np.sqrt, check_inverse=False), "regression"
    ),
    "the best features": Case(
        lambda: pipeline.make_pipeline(feature_selection.SelectKBest(feature_selection.f_classif, k=2), LOGISTIC()), "binary"
    ),
    "the best features by information": Case(
        lambda: pipeline.make_pipeline(feature_selection.SelectPercentile(feature_selection.mutual_info_regression), RIDGE()), "regression"
    ),
    "the best words": Case(
        lambda: pipeline.Pipeline(
            [
                ("file", columns((text.CountVectorizer(), NOTE))),
                ("best", feature_selection.SelectKBest(feature_selection.chi2, k=3)),
                ("last", LOGISTIC()),
            ]
        ),
        "binary",
        (NOTE,),
    ),
    "features of a model": Case(
        lambda: pipeline.make_pipeline(feature_selection.SelectFromModel(ensemble.RandomForestRegressor(3, random_state=0)), RIDGE()),
        "regression",
    ),
    "imputed by neighbours": Case(lambda: pipeline.make_pipeline(impute.KNNImputer(), RIDGE()), "regression", ("a", "b", "gap")),
    "imputed by regressions": Case(
        lambda: pipeline.make_pipeline(impute.IterativeImputer(random_state=0, max_iter=2), RIDGE()), "regression", ("a", "b", "gap")
    ),
    "imputed words": Case(
        lambda: encoded(LOGISTIC(), pipeline.make_pipeline(impute.SimpleImputer(strategy="most_frequent"), preprocessing.OneHotEncoder())),
        "binary",
        ENCODED,
    ),
    "splines": Case(lambda: pipeline.make_pipeline(preprocessing.SplineTransformer(extrapolation="periodic"), RIDGE()), "regression"),
    "counts and Bayes": Case(lambda: words(text.CountVectorizer(stop_words="english"), naive_bayes.MultinomialNB()), "multiclass", (NOTE,)),
    "words left out": Case(lambda: words(text.CountVectorizer(stop_words=["bad", "file"]), LOGISTIC()), "binary", (NOTE,)),
    "tf-idf and a calibrated SVM": Case(lambda: words(text.TfidfVectorizer(ngram_range=(1, 2)), calibrated()), "binary", (NOTE,)),
    "hashed words and an isotonic SVM": Case(
        lambda: words(text.HashingVectorizer(n_features=32), calibrated(method="isotonic")), "binary", (NOTE,)
    ),
    "words in few dimensions": Case(
        lambda: words(pipeline.make_pipeline(text.TfidfVectorizer(), TruncatedSVD(2, random_state=0)), LOGISTIC()), "binary", (NOTE,)
    ),
    "temperature": Case(lambda: calibrated(method="temperature"), "multiclass"),
    "columns by their type": Case(
        lambda: pipeline.make_pipeline(
            columns((preprocessing.StandardScaler(), NUMERIC), (preprocessing.OrdinalEncoder(), TEXTS)),
            ensemble.RandomForestClassifier(3, random_state=0),
        ),
        "binary",
        ("a", "town"),
    ),
    "a ufunc": Case(lambda: pipeline.make_pipeline(preprocessing.FunctionTransformer(np.log1p), RIDGE()), "regression"),
    "a ufunc of scipy": Case(lambda: pipeline.make_pipeline(preprocessing.FunctionTransformer(scipy.special.expit), RIDGE()), "regression"),
    "a function of numpy with arguments": Case(
        lambda: pipeline.make_pipeline(preprocessing.FunctionTransformer(np.clip, kw_args={"a_min": 0.2, "a_max": 1}), RIDGE()),
        "regression",
    ),
    "a partial function": Case(
        lambda: pipeline.make_pipeline(preprocessing.FunctionTransformer(functools.partial(np.clip, a_min=0.2, a_max=1)), RIDGE()),
        "regression",
    ),
    "one column by itemgetter": Case(
        lambda: pipeline.make_pipeline(preprocessing.FunctionTransformer(operator.itemgetter("note")), text.TfidfVectorizer(), LOGISTIC()),
        "binary",
        (NOTE,),
    ),
    "a function of model/": Case(lambda: pipeline.make_pipeline(preprocessing.FunctionTransformer(double), RIDGE()), "regression"),
    "a class of model/": Case(lambda: pipeline.make_pipeline(Ratio(), RIDGE()), "regression"),
    "parts in few": Case(
        lambda: pipeline.make_pipeline(pipeline.FeatureUnion([("file", PCA(2)), ("content", Ratio())]), RIDGE()), "regression"
    ),
    "partial least squares": Case(lambda: PLSRegression(2), "regression"),
    "a Gaussian process": Case(lambda: gaussian_process.GaussianProcessRegressor(composed_kernel()), "regression"),
    "Gaussian processes of classes": Case(
        lambda: gaussian_process.GaussianProcessClassifier(kernels.RBF() + kernels.DotProduct()), "multiclass"
    ),
    "calibrated without an ensemble": Case(lambda: calibrated(ensemble=False), "multiclass"),
    "one against the rest": Case(lambda: multiclass.OneVsRestClassifier(scaled(LOGISTIC())), "multiclass"),
    "ordinal codes": Case(
        lambda: encoded(
            ensemble.HistGradientBoostingClassifier(max_iter=3),
            preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        ),
        "multiclass",
        ENCODED,
    ),
    "target codes": Case(lambda: encoded(RIDGE(), preprocessing.TargetEncoder(cv=2, random_state=0)), "regression", ENCODED),
    "bins of numbers": Case(
        lambda: pipeline.make_pipeline(
            preprocessing.KBinsDiscretizer(3, encode="onehot-dense", quantile_method="averaged_inverted_cdf"), RIDGE()
        ),
        "regression",
    ),
    "distances to clusters": Case(lambda: pipeline.make_pipeline(KMeans(3, random_state=0), RIDGE()), "regression"),
    "distances to halved clusters": Case(lambda: pipeline.make_pipeline(BisectingKMeans(3, random_state=0), RIDGE()), "regression"),
    "clusters of features": Case(lambda: pipeline.make_pipeline(FeatureAgglomeration(2), RIDGE()), "regression"),
    "neighbours by a metric": Case(lambda: neighbors.KNeighborsClassifier(metric="minkowski", p=3, algorithm="ball_tree"), "multiclass"),
    "an approximated kernel": Case(
        lambda: pipeline.make_pipeline(kernel_approximation.Nystroem(n_components=5, random_state=0), LOGISTIC()), "binary"
    ),
    "a kernel by its function": Case(lambda: scaled(svm.SVR(kernel=rbf_kernel)), "regression"),
    "a random state": Case(lambda: ensemble.RandomForestRegressor(3, random_state=np.random.RandomState(0)), "regression"),
    "weights of classes": Case(lambda: LOGISTIC(class_weight={0: 1, 1: 5}), "binary"),
    "pandas out": Case(lambda: scaled(RIDGE()).set_output(transform="pandas"), "regression"),
    "absolute errors": Case(lambda: ensemble.GradientBoostingRegressor(loss="huber", n_estimators=3), "regression"),
    "a metric as score": Case(
        lambda: model_selection.GridSearchCV(RIDGE(), {"alpha": [1]}, scoring=make_scorer(mean_absolute_error), **SEARCH), "regression"
    ),
    "categories of HistGradientBoosting": Case(
        lambda: pipeline.make_pipeline(
            columns((preprocessing.OrdinalEncoder(), ["town"]), remainder="passthrough"),
            ensemble.HistGradientBoostingRegressor(max_iter=3, categorical_features=[0], loss="quantile", quantile=0.8),
        ),
        "regression",
        ENCODED,
    ),
}
