"""Functions of the owner's, in `model/`, that a FunctionTransformer applies to what comes in: they are called before the graph."""

from typing import Any

from slipway.bundle.graph.builder import UNSET, Graph, NotCompiled, Raw, Table
from slipway.serving.derived import Derived, build_deriver


def is_own(function: Any) -> bool:
    """Tell whether a function stands in a file of `model/`, by its own name."""
    return str(getattr(function, "__module__", "")).startswith("model.") and hasattr(function, "__qualname__")


def add_own_function(graph: Graph, name: str, function: Any, table: Table) -> Table:
    """Add columns that a function of the owner's makes. Raises NotCompiled where it wants a DataFrame, or what another step has made."""
    path = f"{function.__module__}.{function.__qualname__}"
    features = [each.feature for each in table if isinstance(each, Raw) and each.fill is UNSET]
    if len(features) < len(table):
        raise NotCompiled(f"{name} applies {path} to what another step has made.")
    derived = Derived(path, tuple(features), graph.alone, f"{path} of {', '.join(features)}")
    try:
        made = build_deriver(derived)(graph.sample)
    except Exception as error:  # whatever a function of somebody's raises that wants a DataFrame
        raise NotCompiled(
            f"{name}: {path} takes no plain arrays ({type(error).__name__}: {str(error)[:100]}), which it gets without pandas."
        ) from error
    graph.derived.append(derived)
    graph.sample = {**graph.sample, **made}
    return [Raw(each) for each in made]
