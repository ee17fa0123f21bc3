"""A fitted scikit-learn pipeline as an ONNX graph in double precision, which answers as the pipeline does.

No kept library gives that: skl2onnx and onnxmltools compute trees, scalers of several columns and encoders in float32.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx

from slipway.bundle.graph.builder import Graph, NotCompiled, Raw, Table, name_class
from slipway.bundle.graph.estimators import add_estimator
from slipway.bundle.graph.steps import add_transformer, flatten_steps
from slipway.serving.graph import INPUTS
from slipway.serving.rows import Columns

__all__ = ["NotCompiled", "compile_pipeline", "list_modules"]


def compile_pipeline(pipeline: Any, columns: Sequence[str], task: str, sample: Columns | None = None) -> bytes:
    """Return the graph of a fitted pipeline for rows of these columns, as `slipway.serving.graph.LoadedGraph` takes it.

    `sample` is a row or two, on which functions in `model/` are tried that the pipeline applies to what comes in.

    The same pipeline gives the same bytes. Raises NotCompiled with the step and the option that has no form as a graph. The caller holds
    its answers against the pipeline's first.
    """
    try:
        *before, (last, estimator) = flatten_steps("", pipeline)
        _check_columns(before[0][1] if before else estimator, columns)
        graph, table = Graph(sample=sample or {}), _list_raw(columns)
        for place, (name, step) in enumerate(before):
            table = add_transformer(graph, name, step, table, None if place else columns)
        answers = add_estimator(graph, last, estimator, table, task)
        return graph.finish(graph.add("Gather", answers, np.array([1]), axis=1, width=1) if task == "binary" else answers)
    except NotCompiled:
        raise
    except Exception as error:  # whatever a pipeline of another version, or one that is not fitted, makes this raise
        raise NotCompiled(f"This pipeline cannot be read: {type(error).__name__}: {error}") from error


def list_modules(graph: bytes) -> list[str]:
    """Return the modules of `model/` whose functions a graph needs beside it."""
    properties = {each.key: each.value for each in onnx.load_from_string(graph).metadata_props}
    return sorted({each["function"].rpartition(".")[0] for each in json.loads(properties[INPUTS])["derived"]})


def _list_raw(columns: Sequence[str]) -> Table:
    return [Raw(each) for each in columns]


def _check_columns(first: Any, columns: Sequence[str]) -> None:
    fitted = getattr(first, "feature_names_in_", None)
    # A ColumnTransformer takes its columns by name, in any order.
    named = fitted is not None and (name_class(first) == "ColumnTransformer" or list(fitted) == list(columns))
    if not named and (fitted is not None or getattr(first, "n_features_in_", len(columns)) != len(columns)):
        raise NotCompiled(f"{type(first).__name__} was fitted with other columns than those declared.")
