"""A compiled model: an ONNX graph in double precision, asked by ONNX Runtime. No scikit-learn, pandas or scipy is imported.

The graph takes two tensors: numbers as they come in, shape (n, features), and of each category its place among those that training knew;
and of each text two more, its words. Which features these are stands in the model's metadata.
"""

import json
import os
from dataclasses import dataclass
from typing import Any

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


class Finder:
    """Finds the places of a feature's values."""

    def __init__(self, values: list[Any], missing: int) -> None:
        self.places, self.unknown = {value: place for place, value in enumerate(values)}, len(values)
        whole = sorted((int(value), place) for value, place in self.places.items() if _is_whole(value))
        self.whole, self.whole_places = np.array(whole, dtype=np.int64).reshape(-1, 2).T
        self.places[None] = missing

    def find(self, value: Any) -> int:
        """Return the place of a value. NaN, which equals nothing, is missing."""
        return self.places.get(value if value == value else None, self.unknown)

    def find_all(self, column: NDArray[Any]) -> Any:
        """Return the places of a column's values, shape (n,); those of whole numbers are searched for together."""
        if column.dtype != np.int64 or not self.whole.size:
            return [*map(self.find, column.tolist())]
        nearest = np.searchsorted(self.whole[1:], column, side="right")
        return np.where(self.whole[nearest] == column, self.whole_places[nearest], self.unknown)


class LoadedGraph:
    """A graph that answers as `slipway.serving.answers.answer` does; a row that the model cannot answer gets NaN.

    `answer_rows` answers a few rows as they come in, since to make columns of these would take as long as the graph; it is None where a
    graph needs columns. Both raise ValueError for text in place of a number.
    """

    def __init__(self, content: bytes, task: str) -> None:
        self.session = onnxruntime.InferenceSession(content, _build_options(), providers=["CPUExecutionProvider"])
        inputs = json.loads(self.session.get_modelmeta().custom_metadata_map[INPUTS])
        self.numbers: list[str] = inputs["numbers"]
        self.finders = [(each["feature"], Finder(each["values"], each["missing"])) for each in inputs["categories"]]
        self.derivers = [build_deriver(Derived(**each)) for each in inputs["derived"]]
        self.counters = [build_counter(Words(**each)) for each in inputs["words"]]
        self.row_size, self.word_size, self.wide = inputs["row_size"], inputs["word_size"], task == "multiclass"
        self.in_parts = bool(self.row_size or self.counters)
        self.answer_rows = None if self.derivers or self.in_parts else self._answer_rows

    def answer(self, columns: Columns) -> Answers:
        """Answer columns; shape (n,), or (n, classes) of a multiclass task."""
        feed: dict[str, NDArray[Any]] = {}
        for derive in self.derivers:
            columns = {**columns, **derive(columns)}
        if self.numbers:
            feed[NUMBERS] = _gather_numbers([columns[each] for each in self.numbers])
        if self.finders:
            feed[CODES] = np.array([finder.find_all(columns[feature]) for feature, finder in self.finders], dtype=np.int64).T
        for place, count in enumerate(self.counters):
            feed[f"{PLACES}{place}"], feed[f"{COUNTS}{place}"] = count(columns)
        return self._run_in_parts(feed) if self.in_parts else self._run(feed)

    def _answer_rows(self, rows: list[Values]) -> Answers:
        feed: dict[str, NDArray[Any]] = {}
        if self.numbers:
            feed[NUMBERS] = np.array([[row[name] for name in self.numbers] for row in rows], dtype=np.float64)
        if self.finders:
            feed[CODES] = np.array([[finder.find(row[feature]) for feature, finder in self.finders] for row in rows], dtype=np.int64)
        return self._run(feed)

    def _run_in_parts(self, feed: dict[str, NDArray[Any]]) -> Answers:
        most = max([self.row_size, *(self.word_size * feed[f"{COUNTS}{place}"].shape[1] for place in range(len(self.counters)))])
        part, rows = max(1, MOST_NUMBERS // max(most, 1)), len(next(iter(feed.values())))
        parts = [slice(first, first + part) for first in range(0, rows, part)]
        return np.concatenate([self._run({name: each[rows_of] for name, each in feed.items()}) for rows_of in parts])

    def _run(self, feed: dict[str, NDArray[Any]]) -> Answers:
        found: Answers = self.session.run(None, feed)[0]
        return found if self.wide else found[:, 0]


def _is_whole(value: Any) -> bool:
    # One that an int64 may equal.
    return isinstance(value, int | float) and float(value).is_integer() and abs(value) < 2**63


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
