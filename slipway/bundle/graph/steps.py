"""Everything before the last step: which columns each step gets, and what it makes of them."""

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
from sklearn.utils import get_tags

from slipway.bundle.graph.builder import UNSET, Cell, Graph, NotCompiled, Raw, Table, make_vector, name_class
from slipway.bundle.graph.categories import add_encoder
from slipway.bundle.graph.own import add_own_function, is_own
from slipway.bundle.graph.text import add_tfidf, add_vectorizer
from slipway.serving.graph import CODES, Category

# Operator, the operand's attribute, and the option that switches it on: in scikit-learn's order, so that both round alike.
SCALERS = {
    "StandardScaler": (("Sub", "mean_", "with_mean"), ("Div", "scale_", "with_std")),
    "RobustScaler": (("Sub", "center_", "with_centering"), ("Div", "scale_", "with_scaling")),
    "MinMaxScaler": (("Mul", "scale_", None), ("Add", "min_", None)),
    "MaxAbsScaler": (("Div", "scale_", None),),
}
# Functions of numpy as operators: an operand is a number, or None for what comes in.
FUNCTIONS: dict[str, tuple[tuple[str, *tuple[float | None, ...]], ...]] = {
    "absolute": (("Abs", None),),
    "ceil": (("Ceil", None),),
    "cos": (("Cos", None),),
    "exp": (("Exp", None),),
    "expm1": (("Exp", None), ("Sub", None, 1.0)),
    "floor": (("Floor", None),),
    "log": (("Log", None),),
    "log10": (("Log", None), ("Div", None, float(np.log(10)))),
    "log1p": (("Add", None, 1.0), ("Log", None)),
    "log2": (("Log", None), ("Div", None, float(np.log(2)))),
    "negative": (("Neg", None),),
    "reciprocal": (("Div", 1.0, None),),
    "sign": (("Sign", None),),
    "sin": (("Sin", None),),
    "sqrt": (("Sqrt", None),),
    "square": (("Mul", None, None),),
    "tanh": (("Tanh", None),),
}


# What makes a table of a sparse matrix.
DENSE = ("OrdinalEncoder", "PCA", "PowerTransformer", "TargetEncoder", "TruncatedSVD")


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
    # An encoder says itself what it makes; what is left out here keeps what it gets.
    graph.sparse = bool(getattr(step, "sparse_output", graph.sparse and name_class(step) not in DENSE)) or _is_spread(step)
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


def _add_scaler(graph: Graph, _: str, step: Any, table: Table) -> Table:
    rows, width = take_checked(graph, table, missing=True)
    for operator, operand, option in SCALERS[name_class(step)]:
        if not option or getattr(step, option):
            rows = graph.add(operator, rows, make_vector(getattr(step, operand), width), width=width)
    if getattr(step, "clip", False):
        low, high = getattr(step, "feature_range", (-1, 1))
        rows = graph.add("Clip", rows, np.array(float(low)), np.array(float(high)), width=width)
    graph.checked[rows] = True
    return graph.split(rows)


def _add_imputer(graph: Graph, name: str, step: Any, table: Table) -> Table:
    if not (isinstance(step.missing_values, float) and np.isnan(step.missing_values)):
        raise NotCompiled(f"{name} has missing_values other than NaN.")
    fill: list[Any] = step.statistics_.tolist()
    if any(each is None or each != each for each in fill):
        raise NotCompiled(f"{name} has a column without any value.")
    marked = step.indicator_.features_.tolist() if step.add_indicator else []
    if all(isinstance(each, int | float) for each in fill):
        rows, width = take_checked(graph, table, missing=True)
        gaps = graph.add("IsNaN", rows, width=width)
        filled = graph.split(graph.add("Where", gaps, make_vector(fill, width), rows, width=width))
        indicator = graph.split(graph.add("Cast", gaps, to=11, width=width)) if marked else []
        return filled + [indicator[place] for place in marked]
    if not all(isinstance(each, Raw) and each.fill is UNSET for each in table):
        raise NotCompiled(f"{name} fills words among what other steps made.")
    raws = [each for each in table if isinstance(each, Raw)]
    return [*(Raw(each.feature, value) for each, value in zip(raws, fill, strict=True)), *(_mark(graph, raws[each]) for each in marked)]


def _mark(graph: Graph, column: Raw) -> Cell:
    # Of a category without values, all have the place 0, and what is missing has the place 1.
    code = graph.add("Gather", CODES, np.array([graph.add_category(Category(column.feature, (), 1))]), axis=1, width=1)
    return Cell(graph.add("Cast", code, to=11, width=1), 0)


def _add_function(graph: Graph, name: str, step: Any, table: Table) -> Table:
    if is_own(step.func) and not step.validate and not step.kw_args:
        return add_own_function(graph, name, step.func, table)
    if step.validate or step.kw_args or not (step.func is None or isinstance(step.func, np.ufunc)):
        raise NotCompiled(f"{name} is a FunctionTransformer with a func of its own, kw_args or validate.")
    if step.func is None:
        return table
    rows, width = graph.take_matrix(table)
    return graph.split(add_function(graph, name, step.func, rows, width))


def _pick(name: str, step: Any, table: Table, names: Sequence[str]) -> Table:
    # The columns of a DataFrame that operator.itemgetter takes by name.
    picked = step.func.__reduce__()[1]
    wanted = picked[0] if len(picked) == 1 and isinstance(picked[0], list) else list(picked)
    if step.kw_args or step.validate or not all(each in names for each in wanted) or (len(picked) > 1):
        raise NotCompiled(f"{name} picks {picked!r}, which are no columns by name.")
    return [table[names.index(each)] for each in wanted]


def add_function(graph: Graph, name: str, function: Any, rows: str, width: int) -> str:
    """Add a function of numpy. Raises NotCompiled."""
    label = getattr(function, "__name__", "") if isinstance(function, np.ufunc) else ""
    if label not in FUNCTIONS:
        raise NotCompiled(f"{name} applies {label or function!r}, which has no form as a graph.")
    for operator, *operands in FUNCTIONS[label]:
        rows = graph.add(operator, *(rows if each is None else np.array(each) for each in operands), width=width)
    return rows


def take_checked(graph: Graph, table: Table, missing: bool) -> tuple[str, int]:
    """Return columns as a tensor of numbers and its width; rows that are not finite are refused."""
    rows, width = graph.take_matrix(table)
    graph.refuse_infinite(rows, missing)
    return rows, width


def _add_selector(graph: Graph, _: str, step: Any, table: Table) -> Table:
    graph.check_finite(table, get_tags(step).input_tags.allow_nan)
    return [table[place] for place in step.get_support(indices=True).tolist()]


def _add_polynomial(graph: Graph, name: str, step: Any, table: Table) -> Table:
    rows, _ = take_checked(graph, table, missing=False)
    powers = step.powers_
    if powers.sum(axis=1).max() > 3:
        raise NotCompiled(f"{name} has a degree above 3.")
    padded = graph.add("Concat", rows, graph.add("Add", graph.add("Mul", _first(graph, rows), np.array(0.0)), np.array(1.0)), axis=1)
    # Each product as places of its factors; the last column is 1.
    factors = [[place for place, power in enumerate(row) for _ in range(power)] for row in powers.tolist()]
    most = max(1, *map(len, factors))
    places = np.array([each + [powers.shape[1]] * (most - len(each)) for each in factors], dtype=np.int64)
    product = ""
    for column in places.T:
        taken = graph.add("Gather", padded, column, axis=1, width=len(factors))
        product = graph.add("Mul", product, taken, width=len(factors)) if product else taken
    return graph.split(product)


def _first(graph: Graph, rows: str) -> str:
    return graph.add("Gather", rows, np.array([0]), axis=1, width=1)


def _add_projection(graph: Graph, _: str, step: Any, table: Table) -> Table:
    components = np.asarray(step.components_, dtype=np.float64)
    if getattr(step, "mean_", None) is not None:
        rows, width = take_checked(graph, table, missing=False)
        table = graph.split(graph.add("Sub", rows, make_vector(step.mean_, width), width=width))
    projected = graph.multiply(table, components.T)
    if getattr(step, "whiten", False):
        scale = np.maximum(np.sqrt(step.explained_variance_), np.finfo(np.float64).eps)
        projected = graph.add("Div", projected, scale, width=len(components))
    return graph.split(projected)


def _add_normalizer(graph: Graph, _: str, step: Any, table: Table) -> Table:
    rows, width = take_checked(graph, table, missing=False)
    operator = {"l1": "ReduceL1", "l2": "ReduceL2", "max": "ReduceMax"}[step.norm]
    norms = graph.add(operator, graph.add("Abs", rows), np.array([1]), keepdims=1)
    norms = graph.add("Where", graph.add("Equal", norms, np.array(0.0)), np.array(1.0), norms)
    return graph.split(graph.add("Div", rows, norms, width=width))


def _add_binarizer(graph: Graph, _: str, step: Any, table: Table) -> Table:
    rows, width = take_checked(graph, table, missing=False)
    return graph.split(graph.add("Cast", graph.add("Greater", rows, np.array(float(step.threshold))), to=11, width=width))


def _add_bins(graph: Graph, _: str, step: Any, table: Table) -> Table:
    # The place of a bin is the number of inner edges that are not above the value.
    rows = take_checked(graph, table, missing=False)[0]
    found: Table = []
    for place, edges in enumerate(step.bin_edges_):
        column = graph.add("Gather", rows, np.array([place]), axis=1, width=1)
        reached = graph.add("Cast", graph.add("GreaterOrEqual", column, edges[1:-1].astype(np.float64)), to=11)
        bins = graph.add("ReduceSum", reached, np.array([1]), keepdims=1, width=1)
        if step.encode == "ordinal":
            found.append(Cell(bins, 0))
        else:
            count = int(step.n_bins_[place])
            spread = graph.add("Equal", bins, np.arange(count, dtype=np.float64))
            found += graph.split(graph.add("Cast", spread, to=11, width=count))
    return found


def _add_power(graph: Graph, name: str, step: Any, table: Table) -> Table:
    rows, width = take_checked(graph, table, missing=True)
    lambdas = np.asarray(step.lambdas_, dtype=np.float64)
    if not np.isfinite(lambdas).all():
        raise NotCompiled(f"{name} has a lambda that is not finite.")
    rows = (_add_yeo_johnson if step.method == "yeo-johnson" else _add_raised)(graph, rows, lambdas)
    graph.widths[rows] = width
    return _add_scaler(graph, name, step._scaler, graph.split(rows)) if step.standardize else graph.split(rows)


def _add_raised(graph: Graph, rows: str, powers: Any) -> str:
    # (rows ** power - 1) / power, by column; the logarithm where the power is 0.
    zero = np.abs(powers) < np.spacing(1.0)
    safe = np.where(zero, 1.0, powers)
    raised = graph.add("Div", graph.add("Sub", graph.add("Pow", rows, safe), np.array(1.0)), safe)
    return graph.add("Where", zero, graph.add("Log", rows), raised) if zero.any() else raised


def _add_yeo_johnson(graph: Graph, rows: str, lambdas: Any) -> str:
    above = graph.add("Add", graph.add("Max", rows, np.array(0.0)), np.array(1.0))
    below = graph.add("Sub", np.array(1.0), graph.add("Min", rows, np.array(0.0)))
    positive = _add_raised(graph, above, lambdas)
    negative = graph.add("Neg", _add_raised(graph, below, 2.0 - lambdas))
    chosen = graph.add("Where", graph.add("GreaterOrEqual", rows, np.array(0.0)), positive, negative)
    return graph.add("Where", graph.add("IsNaN", rows), rows, chosen)


SELECTORS = ("GenericUnivariateSelect", "RFE", "RFECV", "SelectFdr", "SelectFpr", "SelectFromModel", "SelectFwe", "SelectKBest")
TRANSFORMERS: dict[str, Callable[[Graph, str, Any, Table], Table]] = {
    "Binarizer": _add_binarizer,
    "CountVectorizer": add_vectorizer,
    "FeatureUnion": _add_union,
    "FunctionTransformer": _add_function,
    "KBinsDiscretizer": _add_bins,
    "Normalizer": _add_normalizer,
    "OneHotEncoder": add_encoder,
    "OrdinalEncoder": add_encoder,
    "PCA": _add_projection,
    "PolynomialFeatures": _add_polynomial,
    "PowerTransformer": _add_power,
    "SimpleImputer": _add_imputer,
    "TargetEncoder": add_encoder,
    "TfidfTransformer": add_tfidf,
    "TfidfVectorizer": add_vectorizer,
    "TruncatedSVD": _add_projection,
    **dict.fromkeys(SCALERS, _add_scaler),
    **dict.fromkeys((*SELECTORS, "SelectPercentile", "SequentialFeatureSelector", "VarianceThreshold"), _add_selector),
}
