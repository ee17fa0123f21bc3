"""Every estimator of scikit-learn by itself, in exactly one of three lists: works, refused, no predictor."""

import functools
from typing import Any

import numpy as np
from scipy.stats import loguniform
from sklearn import (
    calibration,
    compose,
    ensemble,
    feature_selection,
    linear_model,
    model_selection,
    multiclass,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    random_projection,
    svm,
)
from sklearn.base import RegressorMixin
from sklearn.cross_decomposition import CCA, PLSSVD, PLSCanonical
from sklearn.decomposition import PCA, SparseCoder
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401  # their import lets the others be
from sklearn.frozen import FrozenEstimator
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils import all_estimators

from tests.template.estimators.rows import BINARY, NUMBERS, ROWS, Case, Make

# --- scikit-learn's own, by name

LOGISTIC, RIDGE = linear_model.LogisticRegression, linear_model.Ridge


def two(make: Make) -> list[tuple[str, Any]]:
    """Return two estimators with names, one of which is a field of a node."""
    return [("file", make()), ("content", make())]


# Made otherwise than by their name alone.
MADE: dict[str, Make] = {
    "AdaBoostClassifier": lambda: ensemble.AdaBoostClassifier(n_estimators=3, random_state=0),
    "AdaBoostRegressor": lambda: ensemble.AdaBoostRegressor(n_estimators=3, random_state=0),
    "BaggingClassifier": lambda: ensemble.BaggingClassifier(n_estimators=3, random_state=0),
    "BaggingRegressor": lambda: ensemble.BaggingRegressor(n_estimators=3, random_state=0),
    "ExtraTreesClassifier": lambda: ensemble.ExtraTreesClassifier(n_estimators=3, random_state=0),
    "ExtraTreesRegressor": lambda: ensemble.ExtraTreesRegressor(n_estimators=3, random_state=0),
    "FixedThresholdClassifier": lambda: model_selection.FixedThresholdClassifier(LOGISTIC(), threshold=0.4),
    "GradientBoostingClassifier": lambda: ensemble.GradientBoostingClassifier(n_estimators=3, random_state=0),
    "GradientBoostingRegressor": lambda: ensemble.GradientBoostingRegressor(n_estimators=3, random_state=0),
    "GridSearchCV": lambda: model_selection.GridSearchCV(LOGISTIC(), {"C": [0.1, 1]}, cv=2),
    "HalvingGridSearchCV": lambda: model_selection.HalvingGridSearchCV(LOGISTIC(), {"C": [0.1, 1]}, cv=2, random_state=0),
    "HalvingRandomSearchCV": lambda: model_selection.HalvingRandomSearchCV(LOGISTIC(), {"C": loguniform(0.1, 1)}, cv=2, random_state=0),
    "HistGradientBoostingClassifier": lambda: ensemble.HistGradientBoostingClassifier(max_iter=3, random_state=0),
    "HistGradientBoostingRegressor": lambda: ensemble.HistGradientBoostingRegressor(max_iter=3, random_state=0),
    "MLPClassifier": lambda: neural_network.MLPClassifier(hidden_layer_sizes=(4,), max_iter=20, random_state=0),
    "MLPRegressor": lambda: neural_network.MLPRegressor(hidden_layer_sizes=(4,), max_iter=20, random_state=0),
    "OneVsRestClassifier": lambda: multiclass.OneVsRestClassifier(LOGISTIC()),
    "RANSACRegressor": lambda: linear_model.RANSACRegressor(random_state=0),
    "RFE": lambda: feature_selection.RFE(LOGISTIC(), n_features_to_select=2),
    "RFECV": lambda: feature_selection.RFECV(LOGISTIC(), cv=2),
    "RadiusNeighborsClassifier": lambda: neighbors.RadiusNeighborsClassifier(10.0),
    "RadiusNeighborsRegressor": lambda: neighbors.RadiusNeighborsRegressor(10.0),
    "RandomForestClassifier": lambda: ensemble.RandomForestClassifier(n_estimators=3, random_state=0),
    "RandomForestRegressor": lambda: ensemble.RandomForestRegressor(n_estimators=3, random_state=0),
    "RandomizedSearchCV": lambda: model_selection.RandomizedSearchCV(LOGISTIC(), {"C": loguniform(0.1, 1)}, n_iter=2, cv=2, random_state=0),
    "SelfTrainingClassifier": lambda: SelfTrainingClassifier(LOGISTIC()),
    "StackingClassifier": lambda: ensemble.StackingClassifier(two(LOGISTIC), cv=2),
    "StackingRegressor": lambda: ensemble.StackingRegressor(two(RIDGE), cv=2),
    "TheilSenRegressor": lambda: linear_model.TheilSenRegressor(random_state=0, max_subpopulation=100),
    "TunedThresholdClassifierCV": lambda: model_selection.TunedThresholdClassifierCV(LOGISTIC(), cv=2),
    "VotingClassifier": lambda: ensemble.VotingClassifier(two(LOGISTIC), voting="soft"),
    "VotingRegressor": lambda: ensemble.VotingRegressor(two(RIDGE)),
    "CCA": lambda: CCA(n_components=1),
    "PLSCanonical": lambda: PLSCanonical(n_components=1),
    "Pipeline": lambda: pipeline.make_pipeline(preprocessing.StandardScaler(), LOGISTIC()),
    "CalibratedClassifierCV": lambda: calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=2),
    "ColumnTransformer": lambda: compose.ColumnTransformer([("file", preprocessing.StandardScaler(), NUMBERS)]),
    "FeatureUnion": lambda: pipeline.FeatureUnion([("file", PCA(2)), ("content", preprocessing.StandardScaler())]),
    "FrozenEstimator": lambda: FrozenEstimator(LOGISTIC().fit(ROWS[NUMBERS], BINARY)),
    "RandomTreesEmbedding": lambda: ensemble.RandomTreesEmbedding(n_estimators=3, random_state=0),
    "SelectFromModel": lambda: feature_selection.SelectFromModel(RIDGE()),
    "SequentialFeatureSelector": lambda: feature_selection.SequentialFeatureSelector(RIDGE(), n_features_to_select=2, cv=2),
    "GaussianRandomProjection": lambda: random_projection.GaussianRandomProjection(2, random_state=0),
    "SparseRandomProjection": lambda: random_projection.SparseRandomProjection(2, random_state=0),
    "SparseCoder": lambda: SparseCoder(np.eye(4)),
    "TargetEncoder": lambda: preprocessing.TargetEncoder(cv=model_selection.KFold(3, shuffle=True, random_state=0)),
    "PLSSVD": lambda: PLSSVD(n_components=1),
    "GenericUnivariateSelect": lambda: feature_selection.GenericUnivariateSelect(feature_selection.f_regression),
    "SelectFdr": lambda: feature_selection.SelectFdr(feature_selection.f_regression),
    "SelectFpr": lambda: feature_selection.SelectFpr(feature_selection.f_regression),
    "SelectFwe": lambda: feature_selection.SelectFwe(feature_selection.f_regression),
    "SelectPercentile": lambda: feature_selection.SelectPercentile(feature_selection.f_regression),
}


def names(words: str) -> set[str]:
    """Return the words of a text."""
    return {*words.split()}


# Fitted, stored, loaded elsewhere, and asked: the answers are the same.
WORKS = names(
    """
    ARDRegression AdaBoostClassifier AdaBoostRegressor BaggingClassifier BaggingRegressor BayesianRidge BernoulliNB CCA
    CalibratedClassifierCV CategoricalNB ComplementNB DecisionTreeClassifier DecisionTreeRegressor DummyClassifier DummyRegressor
    ElasticNet ElasticNetCV ExtraTreeClassifier ExtraTreeRegressor ExtraTreesClassifier ExtraTreesRegressor FixedThresholdClassifier
    GammaRegressor GaussianNB GaussianProcessClassifier GaussianProcessRegressor GradientBoostingClassifier GradientBoostingRegressor
    GridSearchCV HalvingGridSearchCV HalvingRandomSearchCV HistGradientBoostingClassifier HistGradientBoostingRegressor HuberRegressor
    IsotonicRegression KNeighborsClassifier KNeighborsRegressor KernelRidge LabelPropagation LabelSpreading Lars LarsCV Lasso LassoCV
    LassoLars LassoLarsCV LassoLarsIC LinearDiscriminantAnalysis LinearRegression LinearSVR LogisticRegression LogisticRegressionCV
    MLPClassifier MLPRegressor MultinomialNB NearestCentroid NuSVR OneVsRestClassifier OrthogonalMatchingPursuit
    OrthogonalMatchingPursuitCV PLSCanonical PLSRegression PassiveAggressiveRegressor Pipeline PoissonRegressor
    QuadraticDiscriminantAnalysis QuantileRegressor RANSACRegressor RFE RFECV RadiusNeighborsClassifier RadiusNeighborsRegressor
    RandomForestClassifier RandomForestRegressor RandomizedSearchCV Ridge RidgeCV SGDRegressor SVR SelfTrainingClassifier
    StackingClassifier StackingRegressor TheilSenRegressor TransformedTargetRegressor TunedThresholdClassifierCV TweedieRegressor
    VotingClassifier VotingRegressor
    """
)
# Refused before it is fitted, for a reason.
REFUSED = {
    **dict.fromkeys(names("EllipticEnvelope IsolationForest LocalOutlierFactor OneClassSVM SGDOneClassSVM"), "detects anomalies"),
    **dict.fromkeys(
        names(
            """
            AffinityPropagation AgglomerativeClustering Birch BisectingKMeans DBSCAN FeatureAgglomeration HDBSCAN KMeans MeanShift
            MiniBatchKMeans OPTICS SpectralBiclustering SpectralClustering SpectralCoclustering
            """
        ),
        "clusters",
    ),
    **dict.fromkeys(("BayesianGaussianMixture", "GaussianMixture"), "estimates a density"),
    **dict.fromkeys(
        names(
            """
            ClassifierChain MultiOutputClassifier MultiOutputRegressor MultiTaskElasticNet MultiTaskElasticNetCV MultiTaskLasso
            MultiTaskLassoCV RegressorChain
            """
        ),
        "answers several targets",
    ),
    **dict.fromkeys(
        names(
            """
            LinearSVC NuSVC OneVsOneClassifier OutputCodeClassifier PassiveAggressiveClassifier Perceptron RidgeClassifier
            RidgeClassifierCV SGDClassifier SVC
            """
        ),
        "answers no probabilities",
    ),
    "FrozenEstimator": "is fitted already",
}
# Steps before a predictor; the first ones transform new rows, and are stored as such.
STEPS = names(
    """
    AdditiveChi2Sampler BernoulliRBM Binarizer ColumnTransformer DictionaryLearning FactorAnalysis FastICA FeatureUnion
    FunctionTransformer GaussianRandomProjection GenericUnivariateSelect IncrementalPCA Isomap IterativeImputer KBinsDiscretizer
    KNNImputer KNeighborsTransformer KernelPCA LatentDirichletAllocation LocallyLinearEmbedding MaxAbsScaler MinMaxScaler
    MiniBatchDictionaryLearning MiniBatchNMF MissingIndicator NMF NeighborhoodComponentsAnalysis Normalizer
    Nystroem OneHotEncoder OrdinalEncoder PCA PolynomialCountSketch PolynomialFeatures PowerTransformer QuantileTransformer RBFSampler
    RadiusNeighborsTransformer RandomTreesEmbedding RobustScaler SelectFdr SelectFpr SelectFromModel SelectFwe SelectKBest
    SelectPercentile SequentialFeatureSelector SimpleImputer SkewedChi2Sampler SparseCoder SparseRandomProjection
    SplineTransformer StandardScaler TargetEncoder TruncatedSVD VarianceThreshold
    """
)
# Of these some take text, some a target, some a matrix of distances, some answer nothing about new rows, and SparsePCA forgets of one row
# alone that it is a table.
NO_STEPS = names(
    """
    ClassicalMDS CountVectorizer DictVectorizer EmpiricalCovariance FeatureHasher GraphicalLasso GraphicalLassoCV HashingVectorizer
    KernelCenterer KernelDensity LabelBinarizer LabelEncoder LedoitWolf MDS MinCovDet MiniBatchSparsePCA MultiLabelBinarizer
    NearestNeighbors OAS PLSSVD PatchExtractor ShrunkCovariance SparsePCA SpectralEmbedding TSNE TfidfTransformer TfidfVectorizer
    """
)


def make(name: str, made_by: Make) -> Any:
    """Return an estimator of scikit-learn, by the name of its class."""
    try:
        return MADE.get(name, made_by)()
    except TypeError:  # it is put around another
        return made_by(RIDGE() if "Regressor" in name else LOGISTIC())  # type: ignore[call-arg]


def task_of(name: str, made_by: Make) -> str:
    """Return the task of an estimator."""
    return "regression" if name in STEPS - {"NeighborhoodComponentsAnalysis"} or issubclass(made_by, RegressorMixin) else "binary"  # type: ignore[arg-type]


COLUMNS = {"IsotonicRegression": ("a",), "MissingIndicator": ("gap",), "CategoricalNB": ("whole",)}


def of_scikit_learn() -> dict[str, Case]:
    """Return what works of scikit-learn by itself, and each step before a regression."""
    cases = {}
    for name, made_by in all_estimators():
        build = make if name in WORKS else before_a_predictor
        if name in WORKS | STEPS:
            cases[name] = Case(functools.partial(build, name, made_by), task_of(name, made_by), COLUMNS.get(name, tuple(NUMBERS)))
    return cases


def before_a_predictor(name: str, made_by: Make) -> Any:
    """Return a step before a regression."""
    last = LOGISTIC if task_of(name, made_by) == "binary" else RIDGE
    return pipeline.Pipeline([("file", make(name, made_by)), ("content", last())])
