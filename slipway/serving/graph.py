"""A compiled model: an ONNX graph in double precision, asked by ONNX Runtime. No scikit-learn, pandas or scipy is imported.

The graph takes two tensors: numbers as they come in, shape (n, features), and of each category its place among those that training knew;
and of each text two more, its words. Which features these are stands in the model's metadata.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipway.serving.answers import Answers
from slipway.serving.derived import Derived, build_deriver
from slipway.serving.rows import Columns, Values
from slipway.serving.words import Words, build_counter

# Read when ONNX Runtime is imported, which would else tell its makers what it is used for, and note in the home folder by whom.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

NUMBERS, CODES, OUTPUT, INPUTS = "numbers", "codes", "answers", "slipway.inputs"
# Of each text, by its number.
PLACES, COUNTS = "places", "counts"
# A tensor of so many numbers is 32 MB; where rows make a larger one they are asked in parts.
MOST_NUMBERS = 4_000_000


@dataclass(frozen=True)
class Category:
    """A feature by the places of its values; `missing` is the place of what is missing. Any other value has the place after the last."""

    feature: str
    values: tuple[Any, ...]
    missing: int


class Loaded(NamedTuple):
    """What answers columns, and what answers a few rows as they come in: to make columns of these would take as long as the graph."""

    answer: Callable[[Columns], Answers]
    answer_rows: Callable[[list[Values]], Answers] | None


def load_graph(content: bytes, task: str) -> Loaded:
    """Return what answers as `slipway.serving.answers.answer` does; a row that the model cannot answer gets NaN.

    It raises ValueError for text in place of a number.
    """
    session = onnxruntime.InferenceSession(content, _build_options(), providers=["CPUExecutionProvider"])
    inputs = json.loads(session.get_modelmeta().custom_metadata_map[INPUTS])
    numbers: list[str] = inputs["numbers"]
    finders = [(each["feature"], _build_finder(each["values"], each["missing"])) for each in inputs["categories"]]
    derivers = [build_deriver(Derived(**each)) for each in inputs["derived"]]
    counters = [build_counter(Words(**each)) for each in inputs["words"]]
    row_size, word_size = inputs["row_size"], inputs["word_size"]
    wide = task == "multiclass"

    def run(feed: dict[str, NDArray[Any]]) -> Answers:
        found: Answers = session.run(None, feed)[0]
        return found

    def ask(feed: dict[str, NDArray[Any]]) -> Answers:
        most = max([row_size, *(word_size * feed[f"{COUNTS}{place}"].shape[1] for place in range(len(counters)))])
        part, rows = max(1, MOST_NUMBERS // max(most, 1)), len(next(iter(feed.values())))
        if part >= rows:
            return run(feed)
        parts = [slice(first, first + part) for first in range(0, rows, part)]
        return np.concatenate([run({name: each[rows_of] for name, each in feed.items()}) for rows_of in parts])

    def answer_rows(rows: list[Values]) -> Answers:
        feed: dict[str, NDArray[Any]] = {}
        if numbers:
            feed[NUMBERS] = np.array([[row[name] for name in numbers] for row in rows], dtype=np.float64)
        if finders:
            feed[CODES] = np.array([[find(row[feature]) for feature, find in finders] for row in rows], dtype=np.int64)
        found = run(feed)
        return found if wide else found[:, 0]

    def answer(columns: Columns) -> Answers:
        feed: dict[str, NDArray[Any]] = {}
        for derive in derivers:
            columns = {**columns, **derive(columns)}
        if numbers:
            feed[NUMBERS] = _gather_numbers([columns[each] for each in numbers])
        if finders:
            feed[CODES] = np.array([[*map(find, columns[feature].tolist())] for feature, find in finders], dtype=np.int64).T
        for place, count in enumerate(counters):
            feed[f"{PLACES}{place}"], feed[f"{COUNTS}{place}"] = count(columns)
        found = ask(feed) if row_size or counters else run(feed)
        return found if wide else found[:, 0]

    return Loaded(answer, None if derivers or counters or row_size else answer_rows)


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


def _build_finder(values: list[Any], missing: int) -> Callable[[Any], int]:
    places, unknown = {value: place for place, value in enumerate(values)}, len(values)
    places[None] = missing

    def find(value: Any) -> int:
        # NaN, which equals nothing, is missing.
        return places.get(value if value == value else None, unknown)

    return find
