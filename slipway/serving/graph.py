"""A compiled model: an ONNX graph in double precision, asked by ONNX Runtime. No scikit-learn, pandas or scipy is imported.

The graph takes two tensors: numbers as they come in, shape (n, features), and of each category its place among those that training knew.
Which features these are stands in the model's metadata.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.serving.answers import Answers
from slipway.serving.rows import Columns

# Read when ONNX Runtime is imported, which would else tell its makers what it is used for, and note in the home folder by whom.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

NUMBERS, CODES, OUTPUT, INPUTS = "numbers", "codes", "answers", "slipway.inputs"


@dataclass(frozen=True)
class Category:
    """A feature by the places of its values; `missing` is the place of what is missing. Any other value has the place after the last."""

    feature: str
    values: tuple[Any, ...]
    missing: int


def load_graph(content: bytes, task: str) -> Callable[[Columns], Answers]:
    """Return what answers columns as `slipway.serving.answers.answer` does; a row that the model cannot answer gets NaN.

    It raises ValueError for text in place of a number.
    """
    session = onnxruntime.InferenceSession(content, _build_options(), providers=["CPUExecutionProvider"])
    inputs = json.loads(session.get_modelmeta().custom_metadata_map[INPUTS])
    numbers: list[str] = inputs["numbers"]
    finders = [_build_finder(**each) for each in inputs["categories"]]
    wide = task == "multiclass"

    def answer(columns: Columns) -> Answers:
        feed: dict[str, NDArray[Any]] = {}
        if numbers:
            feed[NUMBERS] = _gather_numbers([columns[each] for each in numbers])
        if finders:
            feed[CODES] = np.array([find(columns) for find in finders], dtype=np.int64).T
        found: Answers = session.run(None, feed)[0]
        return found if wide else found[:, 0]

    return answer


def _build_options() -> Any:
    options = onnxruntime.SessionOptions()
    # One core answers; threads that wait for work would take it from the other processes.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def _gather_numbers(columns: list[NDArray[Any]]) -> NDArray[np.float64]:
    filled = np.empty((len(columns[0]), len(columns)))
    for place, column in enumerate(columns):
        filled[:, place] = column
    return filled


def _build_finder(feature: str, values: list[Any], missing: int) -> Callable[[Columns], list[int]]:
    places, unknown = {value: place for place, value in enumerate(values)}, len(values)
    places[None] = missing

    def find(columns: Columns) -> list[int]:
        # NaN, which equals nothing, is missing.
        return [places.get(value if value == value else None, unknown) for value in columns[feature].tolist()]

    return find
