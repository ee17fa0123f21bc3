"""Everything before the last step: which columns each step gets, and what it makes of them."""

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
from sklearn.utils import get_tags

from slipway.bundle.graph.builder import Graph, NotCompiled, Table, name_class
from slipway.bundle.graph.categories import add_encoder
from slipway.bundle.graph.columns import SCALERS, add_binarizer, add_bins, add_normalizer, add_polynomial, add_power, add_scaler
from slipway.bundle.graph.curves import add_quantiles, add_splines
from slipway.bundle.graph.functions import add_function_step
from slipway.bundle.graph.gaps import add_gaps, add_imputer
from slipway.bundle.graph.projections import (
    add_cluster_distances,
    add_groups,
    add_hidden,
    add_kernel_map,
    add_projection,
    add_sources,
    add_waves,
)  # fmt: skip
from slipway.bundle.graph.text import add_tfidf, add_vectorizer

# What makes a table of a sparse matrix.
DENSE = ("OrdinalEncoder", "PowerTransformer", "TargetEncoder")


def flatten_steps(name: str, step: Any) -> Iterator[tuple[str, Any]]:
    """Yield the steps of nested pipelines with their paths, without those that do nothing."""
    if name_class(step) == "Pipeline":
        for inner, each in step.steps:
            yield from flatten_steps(f"{name}.{inner}" if name else inner, each)
    elif name_class(step) in ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV"):
        yield from flatten_steps(name, step.best_estimator_)
    elif step is not None and step != "passthrough":
        yield name or type(step).__name__, step


def add_transformer(graph: Graph, name: str, step: Any, table: Table, names: Sequence[str] | None = None) -> Table:
    """Add a fitted transformer; `names` are those of its columns, where they are known. Raises NotCompiled."""
    if name_class(step) == "ColumnTransformer":
        return _add_columns(graph, name, step, table, names)
    if not name_class(step):
        raise NotCompiled(f"{name} is a {type(step).__name__}, which is not scikit-learn's.")
    if name_class(step) not in TRANSFORMERS:
        raise NotCompiled(f"{name} is a {type(step).__name__}, which has no form as a graph.")
    if (width := getattr(step, "n_features_in_", len(table))) != len(table):
        raise NotCompiled(f"{name} was fitted with {width} columns, and gets {len(table)}.")
    if names is not None and isinstance(getattr(step, "func", None), itemgetter):
        return _pick(name, step, table, names)
    made = TRANSFORMERS[name_class(step)](graph, name, step, table)
    keeps = not getattr(step, "dense_output", name_class(step) in DENSE + CLUSTERS + COMPONENTS + MIXED)
    # An encoder says itself what it makes.
    graph.sparse = bool(getattr(step, "sparse_output", graph.sparse and keeps)) or _is_spread(step)
    return made


def _is_spread(step: Any) -> bool:
    # Whether a step makes a sparse matrix of a table.
    return name_class(step) in ("CountVectorizer", "TfidfVectorizer") or getattr(step, "encode", "") == "onehot"


def add_steps(graph: Graph, name: str, step: Any, table: Table) -> Table:
    """Add a transformer that may be a pipeline. Raises NotCompiled."""
    for path, each in flatten_steps(name, step):
        table = add_transformer(graph, path, each, table)
    return table


def _add_columns(graph: Graph, name: str, step: Any, table: Table, names: Sequence[str] | None) -> Table:
    if step.transformer_weights:
        raise NotCompiled(f"{name} has transformer_weights.")
    found: Table = []
    sparse = graph.sparse
    for inner, each, spec in step.transformers_:
        graph.alone = isinstance(spec, str | int)
        places = _find_columns(f"{name}.{inner}", step, spec, names)
        if places and not (isinstance(each, str) and each == "drop"):
            graph.sparse = sparse
            found += add_steps(graph, f"{name}.{inner}", each, [table[place] for place in places])
    graph.sparse, graph.alone = bool(step.sparse_output_), False
    return found


def _find_columns(name: str, step: Any, spec: Any, names: Sequence[str] | None) -> list[int]:
    # A part of a ColumnTransformer gets its columns by name, place, slice or mask.
    if isinstance(spec, str | int):
        spec = [spec]  # a column by itself, for a step that takes texts
    if not isinstance(spec, slice) and len(spec) == 0:
        return []
    fitted = getattr(step, "feature_names_in_", np.arange(step.n_features_in_))
    labels = list(spec) if not isinstance(spec, slice) and isinstance(spec[0], str) else fitted[spec].tolist()
    available = list(names if names is not None and hasattr(step, "feature_names_in_") else fitted)
    if missing := [each for each in labels if each not in available]:
        raise NotCompiled(f"{name} takes {missing[0]}, which is not declared.")
    return [available.index(each) for each in labels]


def _add_union(graph: Graph, name: str, step: Any, table: Table) -> Table:
    if step.transformer_weights:
        raise NotCompiled(f"{name} has transformer_weights.")
    parts = [(inner, each) for inner, each in step.transformer_list if each not in ("drop", None)]
    found: Table = []
    sparse, made = graph.sparse, False
    for inner, each in parts:
        graph.sparse = sparse
        found += add_steps(graph, f"{name}.{inner}", each, table)
        made |= graph.sparse
    graph.sparse = made
    return found


def _add_selector(graph: Graph, _: str, step: Any, table: Table) -> Table:
    graph.check_finite(table, get_tags(step).input_tags.allow_nan)
    return [table[place] for place in step.get_support(indices=True).tolist()]


def _pick(name: str, step: Any, table: Table, names: Sequence[str]) -> Table:
    # The columns of a DataFrame that operator.itemgetter takes by name.
    picked = step.func.__reduce__()[1]
    wanted = picked[0] if len(picked) == 1 and isinstance(picked[0], list) else list(picked)
    if step.kw_args or step.validate or not all(each in names for each in wanted) or (len(picked) > 1):
        raise NotCompiled(f"{name} picks {picked!r}, which are no columns by name.")
    return [table[names.index(each)] for each in wanted]


SELECTORS = ("GenericUnivariateSelect", "RFE", "RFECV", "SelectFdr", "SelectFpr", "SelectFromModel", "SelectFwe", "SelectKBest")
CLUSTERS = ("BisectingKMeans", "KMeans", "MiniBatchKMeans")
MIXED = ("BernoulliRBM", "FactorAnalysis", "FastICA", "Nystroem", "RBFSampler", "SkewedChi2Sampler", "SplineTransformer")
COMPONENTS = (
    "GaussianRandomProjection", "IncrementalPCA", "NeighborhoodComponentsAnalysis", "PCA", "SparseRandomProjection", "TruncatedSVD",
)  # fmt: skip
TRANSFORMERS: dict[str, Callable[[Graph, str, Any, Table], Table]] = {
    "Binarizer": add_binarizer,
    "BernoulliRBM": add_hidden,
    "CountVectorizer": add_vectorizer,
    "FeatureAgglomeration": add_groups,
    "FeatureUnion": _add_union,
    "FunctionTransformer": add_function_step,
    "KBinsDiscretizer": add_bins,
    "MissingIndicator": add_gaps,
    "Normalizer": add_normalizer,
    "Nystroem": add_kernel_map,
    "OneHotEncoder": add_encoder,
    "OrdinalEncoder": add_encoder,
    "PolynomialFeatures": add_polynomial,
    "PowerTransformer": add_power,
    "QuantileTransformer": add_quantiles,
    "SimpleImputer": add_imputer,
    "SplineTransformer": add_splines,
    "TargetEncoder": add_encoder,
    "TfidfTransformer": add_tfidf,
    "TfidfVectorizer": add_vectorizer,
    **dict.fromkeys(CLUSTERS, add_cluster_distances),
    **dict.fromkeys(COMPONENTS, add_projection),
    **dict.fromkeys(("FactorAnalysis", "FastICA"), add_sources),
    **dict.fromkeys(("RBFSampler", "SkewedChi2Sampler"), add_waves),
    **dict.fromkeys(SCALERS, add_scaler),
    **dict.fromkeys((*SELECTORS, "SelectPercentile", "SequentialFeatureSelector", "VarianceThreshold"), _add_selector),
}
