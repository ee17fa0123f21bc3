"""Which cases answer by a graph, and which do not, for what reason. As a program it prints a table: how far each is off its pipeline."""

import warnings
from typing import Any

import numpy as np
import pandas as pd

from slipway.bundle.graph import NotCompiled, compile_pipeline
from slipway.serving.answers import answer
from slipway.serving.graph import LoadedGraph
from slipway.serving.rows import Columns
from tests.template.estimators.by_name import names
from tests.template.estimators.load import CASES, fit
from tests.template.estimators.rows import Case, add_own_module

ALONE = 3
NO_FORM = "which has no form as a graph."
NOT_ITS = "which is not scikit-learn's."
OWN = "a func of its own, kw_args or validate."

COMPILED = {
    *names(
        """
        ARDRegression AdaBoostClassifier AdaBoostRegressor BaggingClassifier BaggingRegressor BayesianRidge BernoulliNB
        BernoulliRBM Binarizer CCA CalibratedClassifierCV CategoricalNB ColumnTransformer ComplementNB DecisionTreeClassifier
        DecisionTreeRegressor DummyClassifier DummyRegressor ElasticNet ElasticNetCV ExtraTreeClassifier ExtraTreeRegressor
        ExtraTreesClassifier ExtraTreesRegressor FactorAnalysis FastICA FeatureUnion FixedThresholdClassifier FunctionTransformer
        GammaRegressor GaussianNB GaussianProcessRegressor GaussianRandomProjection GenericUnivariateSelect
        GradientBoostingClassifier GradientBoostingRegressor GridSearchCV HalvingGridSearchCV HalvingRandomSearchCV
        HistGradientBoostingClassifier HistGradientBoostingRegressor HuberRegressor IncrementalPCA IsotonicRegression
        KBinsDiscretizer KNeighborsClassifier KNeighborsRegressor KernelRidge Lars LarsCV Lasso LassoCV LassoLars LassoLarsCV
        LassoLarsIC LinearDiscriminantAnalysis LinearRegression LinearSVR LogisticRegression LogisticRegressionCV MLPClassifier
        MLPRegressor MaxAbsScaler MinMaxScaler MissingIndicator MultinomialNB NearestCentroid NeighborhoodComponentsAnalysis
        Normalizer NuSVR Nystroem OneHotEncoder OneVsRestClassifier OrdinalEncoder OrthogonalMatchingPursuit
        OrthogonalMatchingPursuitCV PCA PLSCanonical PLSRegression PassiveAggressiveRegressor Pipeline PoissonRegressor
        PolynomialFeatures PowerTransformer QuadraticDiscriminantAnalysis QuantileRegressor QuantileTransformer RANSACRegressor
        RBFSampler RFE RFECV RandomForestClassifier RandomForestRegressor RandomizedSearchCV Ridge RidgeCV RobustScaler
        SGDRegressor SVR SelectFdr SelectFpr SelectFromModel SelectFwe SelectKBest SelectPercentile SelfTrainingClassifier
        SequentialFeatureSelector SimpleImputer SkewedChi2Sampler SparseRandomProjection SplineTransformer StackingClassifier
        StackingRegressor StandardScaler TargetEncoder TheilSenRegressor TransformedTargetRegressor TruncatedSVD
        TunedThresholdClassifierCV TweedieRegressor VarianceThreshold VotingClassifier VotingRegressor splines temperature
        XGBClassifier XGBRegressor XGBRFClassifier LGBMClassifier LGBMRegressor
        """
    ),
    "grid over a pipeline",
    "grid within a pipeline",
    "grid with a scorer of its own",
    "grid with several scores",
    "grid over splits by groups and times",
    "random over distributions",
    "voting, soft",
    "stacking of many",
    "stacking of pipelines",
    "bagging of pipelines",
    "fixed threshold",
    "tuned threshold",
    "target by its logarithm",
    "target by quantiles",
    "target by functions of model/",
    "the best features",
    "the best features by information",
    "the best words",
    "features of a model",
    "imputed words",
    "counts and Bayes",
    "words left out",
    "tf-idf and a calibrated SVM",
    "words in few dimensions",
    "columns by their type",
    "a ufunc",
    "a ufunc of scipy",
    "a function of numpy with arguments",
    "a partial function",
    "one column by itemgetter",
    "partial least squares",
    "a Gaussian process",
    "calibrated without an ensemble",
    "one against the rest",
    "ordinal codes",
    "target codes",
    "bins of numbers",
    "distances to clusters",
    "distances to halved clusters",
    "clusters of features",
    "neighbours by a metric",
    "an approximated kernel",
    "a random state",
    "weights of classes",
    "pandas out",
    "absolute errors",
    "a metric as score",
    "categories of HistGradientBoosting",
    "XGBClassifier, several",
    "XGBoost encoded",
    "XGBoost searched",
    "XGBoost calibrated",
    "LGBMClassifier, several",
    "LightGBM encoded",
}
# Each by the end of what is said.
NOT_COMPILED = {
    **dict.fromkeys(
        names(
            """
            AdditiveChi2Sampler DictionaryLearning GaussianProcessClassifier Isomap IterativeImputer KNNImputer
            KNeighborsTransformer KernelPCA LabelPropagation LabelSpreading LatentDirichletAllocation LocallyLinearEmbedding
            MiniBatchDictionaryLearning MiniBatchNMF NMF PolynomialCountSketch RadiusNeighborsClassifier RadiusNeighborsRegressor
            RadiusNeighborsTransformer RandomTreesEmbedding SparseCoder
            """
        ),
        NO_FORM,
    ),
    "imputed by neighbours": NO_FORM,
    "imputed by regressions": NO_FORM,
    "hashed words and an isotonic SVM": NO_FORM,
    "a function of model/": "which it gets without pandas.",
    "Gaussian processes of classes": NO_FORM,
    "a kernel by its function": NO_FORM,
    "CatBoostClassifier": NOT_ITS,
    "CatBoostRegressor": NOT_ITS,
    "a class of model/": NOT_ITS,
    "parts in few": NOT_ITS,
    "CatBoostClassifier, several": NOT_ITS,
    "CatBoost with words": NOT_ITS,
    "CatBoost encoded": NOT_ITS,
}


def compare(fitted: Any, case: Case) -> str:
    """Return how far the graph of a fitted case is off it, all rows at once and some alone, or the reason why it has none."""
    try:
        quick = LoadedGraph(compile_pipeline(fitted, list(case.columns), case.task), case.task).answer
    except NotCompiled as error:
        return str(error)
    parts = [case.rows, *(case.rows.iloc[[place]] for place in range(ALONE))]
    return str(max(float(np.abs(quick(to_columns(each)) - answer(fitted, each, case.task)).max()) for each in parts))


def to_columns(rows: pd.DataFrame) -> Columns:
    """Return rows as a service gives them to a graph."""
    return {name: _to_array(rows[name]) for name in rows.columns}


def _to_array(column: "pd.Series[Any]") -> Any:
    return (column if column.dtype.kind in "if" else column.astype(object).where(column.notna(), None)).to_numpy()


def write_table() -> str:
    """Return a table in Markdown: each case, and how far its graph is off, or why it has none."""
    lines = ["| model | answers by | largest difference, or why |", "|---|---|---|"]
    for name, case in CASES.items():
        found = compare(fit(case), case)
        lines.append(f"| {name} | {'graph' if name in COMPILED else 'pipeline'} | {f'{float(found):.1g}' if name in COMPILED else found} |")
    return "\n".join(lines)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # scikit-learn warns of what it will change, and of so few rows
    add_own_module()
    print(write_table())
