"""An ONNX graph in double precision while it is made, and the columns that flow through it."""

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from slipway.serving.derived import Derived
from slipway.serving.graph import CODES, COUNTS, INPUTS, NUMBERS, OUTPUT, PLACES, Category
from slipway.serving.rows import Columns
from slipway.serving.words import Words

# The newest that the locked ONNX Runtime holds; `TreeEnsemble` in double precision came with the fifth of ai.onnx.ml.
OPSETS = (("", 21), ("ai.onnx.ml", 5))
IR_VERSION = 10
UNSET = object()


class NotCompiled(Exception):
    """A pipeline with a part that cannot be compiled. The pipeline itself answers."""


@dataclass(frozen=True)
class Raw:
    """A feature as a request has it; `fill` stands for what is missing, where a step before filled that."""

    feature: str
    fill: Any = UNSET


@dataclass(frozen=True)
class Cell:
    """A column of a tensor of numbers, shape (n, width)."""

    tensor: str
    place: int


@dataclass(frozen=True)
class Bag:
    """Columns that are mostly 0, as two tensors of shape (n, most): of each row the places of the others, and their values.

    What is left over is 0 at place 0.
    """

    places: str
    values: str


Column = Raw | Cell
Table = list[Column]


@dataclass
class Graph:
    """Nodes and constants by names that count up, so that the same pipeline gives the same bytes."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[tuple[Any, ...], onnx.TensorProto] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)
    numbers: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    checked: dict[str, bool] = field(default_factory=dict)
    # Whether scikit-learn would hand on a sparse matrix, in which its trees take no missing numbers.
    sparse: bool = False
    categories: list[Category] = field(default_factory=list)
    words: list[Words] = field(default_factory=list)
    derived: list[Derived] = field(default_factory=list)
    # A row or two as they come in, on which functions of the owner's are tried; and whether a step gets one column by itself.
    sample: Columns = field(default_factory=dict)
    alone: bool = False
    bags: dict[str, Bag] = field(default_factory=dict)
    dense: dict[str, str] = field(default_factory=dict)
    # How many numbers a tensor has for a row, at most; and how many for a word of a row.
    row_size: int = 0
    word_size: int = 1

    def add(self, operator: str, *inputs: str | NDArray[Any], width: int = 0, **attributes: Any) -> str:
        """Add a node and return its output's name; arrays become constants. `width` is that of an output of shape (n, width)."""
        names = [each if isinstance(each, str) else self.add_constant(np.asarray(each)) for each in inputs]
        output = f"t{len(self.nodes)}"
        domain = "ai.onnx.ml" if operator == "TreeEnsemble" else ""
        self.nodes.append(helper.make_node(operator, names, [output], domain=domain, **attributes))
        self.widths[output] = width
        return output

    def add_two(self, operator: str, *inputs: str | NDArray[Any], **attributes: Any) -> tuple[str, str]:
        """Add a node with two outputs, and return their names."""
        first = self.add(operator, *inputs, **attributes)
        self.nodes[-1].output.append(f"{first}b")
        return first, f"{first}b"

    def add_constant(self, value: NDArray[Any]) -> str:
        """Add a constant, once for equal ones, and return its name."""
        value = np.ascontiguousarray(value)
        key = (value.dtype.str, value.shape, value.tobytes())
        if key not in self.constants:
            self.constants[key] = numpy_helper.from_array(value, f"c{len(self.constants)}")
        return str(self.constants[key].name)

    def add_number(self, feature: str) -> Cell:
        """Take a feature as a number."""
        if feature not in self.numbers:
            self.numbers.append(feature)
        return Cell(NUMBERS, self.numbers.index(feature))

    def add_category(self, category: Category) -> int:
        """Take a feature as the place of its value among categories; return the column of the codes."""
        if category not in self.categories:
            self.categories.append(category)
        return self.categories.index(category)

    def add_words(self, words: Words) -> Bag:
        """Take a feature as counts of words."""
        if words not in self.words:
            self.words.append(words)
        place = self.words.index(words)
        bag = Bag(f"{PLACES}{place}", f"{COUNTS}{place}")
        self.refuse(self.add("Mul", bag.values, np.array(0.0)))
        return bag

    def add_bag(self, bag: Bag, width: int) -> str:
        """Name a bag as a tensor of shape (n, width), which is made where a step asks for it."""
        name = f"bag{len(self.bags)}"
        self.bags[name], self.widths[name] = bag, width
        return name

    def in_bag(self, column: Column) -> bool:
        """Tell whether a column is one of a bag."""
        return isinstance(column, Cell) and column.tensor in self.bags

    def _make_dense(self, name: str) -> str:
        if name not in self.dense:
            bag, width = self.bags[name], self.widths[name]
            shape = self.add("Concat", self.add("Shape", bag.values, end=1), np.array([width]), axis=0)
            zeros = self.add("ConstantOfShape", shape, value=numpy_helper.from_array(np.zeros(1)))
            self.dense[name] = self.add("ScatterElements", zeros, bag.places, bag.values, axis=1, reduction="add", width=width)
            # What is no text is refused already.
            self.checked[self.dense[name]] = False
            self.note_size(width)
        return self.dense[name]

    def note_size(self, numbers: int) -> None:
        """Note that a tensor has so many numbers for a row; where many rows would make it too large, they are asked in parts."""
        self.row_size = max(self.row_size, numbers)

    def check_finite(self, table: Table, missing: bool) -> None:
        """Have rows refused whose numbers are not finite; counts of words are."""
        if plain := [each for each in table if not self.in_bag(each)]:
            self.refuse_infinite(self.take_matrix(plain)[0], missing)

    def take_matrix(self, table: Table) -> tuple[str, int]:
        """Return columns as one tensor of numbers, shape (n, width), and the width."""
        cells = [self.add_number(each.feature) if isinstance(each, Raw) else each for each in table]
        runs: list[list[Cell]] = []
        for cell in cells:
            if runs and runs[-1][0].tensor == cell.tensor:
                runs[-1].append(cell)
            else:
                runs.append([cell])
        parts = [self._take_cells(run) for run in runs]
        if not parts:
            raise NotCompiled("A step gets no columns.")
        joined = parts[0] if len(parts) == 1 else self.add("Concat", *parts, axis=1, width=len(cells))
        return joined, len(cells)

    def take_checked(self, table: Table, missing: bool) -> tuple[str, int]:
        """Return columns as one tensor of numbers, and its width; rows that are not finite are refused."""
        rows, width = self.take_matrix(table)
        self.refuse_infinite(rows, missing)
        return rows, width

    def _take_cells(self, run: list[Cell]) -> str:
        places = [each.place for each in run]
        tensor = self._make_dense(run[0].tensor) if self.in_bag(run[0]) else run[0].tensor
        # How many numbers come in is known at the end only.
        if tensor != NUMBERS and places == list(range(self.widths[tensor])):
            return tensor
        return self.add("Gather", tensor, np.array(places, np.int64), axis=1, width=len(places))

    def refuse(self, tensor: str) -> None:
        """Have a row answered NaN where a tensor, shape (n, width), which is else 0, has NaN."""
        self.refusals.append(self.add("ReduceSum", tensor, np.array([1]), keepdims=1, width=1))

    def refuse_infinite(self, tensor: str, missing: bool) -> None:
        """Have rows with infinite numbers refused, and those with missing ones unless they are allowed, as scikit-learn does."""
        if self.checked.get(tensor, True) and not (tensor in self.checked and missing):
            nothing = self.add("Mul", tensor, np.array(0.0))
            self.refuse(self.add("Where", self.add("IsNaN", tensor), np.array(0.0), nothing) if missing else nothing)
        self.checked[tensor] = missing

    def split(self, tensor: str) -> Table:
        """Return the columns of a tensor of shape (n, width)."""
        return [Cell(tensor, place) for place in range(self.widths[tensor])]

    def finish(self, answers: str) -> bytes:
        """Return the model as bytes; `answers` has the shape (n, width)."""
        width = self.widths[answers]
        for each in self.refusals:
            answers = self.add("Add", answers, each, width=width)
        self.nodes.append(helper.make_node("Identity", [answers], [OUTPUT]))
        inputs = [
            helper.make_tensor_value_info(name, kind, [None, columns])
            for name, kind, columns in ((NUMBERS, TensorProto.DOUBLE, len(self.numbers)), (CODES, TensorProto.INT64, len(self.categories)))
            if columns
        ]
        for place in range(len(self.words)):
            inputs.append(helper.make_tensor_value_info(f"{PLACES}{place}", TensorProto.INT64, [None, None]))
            inputs.append(helper.make_tensor_value_info(f"{COUNTS}{place}", TensorProto.DOUBLE, [None, None]))
        outputs = [helper.make_tensor_value_info(OUTPUT, TensorProto.DOUBLE, [None, width or None])]
        graph = helper.make_graph(self.nodes, "model", inputs, outputs, list(self.constants.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid(*each) for each in OPSETS], ir_version=IR_VERSION)
        model.producer_name, model.producer_version = "slipway", ""
        helper.set_model_props(model, {INPUTS: self._describe_inputs()})
        return bytes(model.SerializeToString(deterministic=True))

    def _describe_inputs(self) -> str:
        inputs = {
            "numbers": self.numbers,
            "categories": [vars(each) for each in self.categories],
            "derived": [vars(each) for each in self.derived],
            "words": [vars(each) for each in self.words],
            "row_size": self.row_size,
            "word_size": self.word_size,
        }
        return json.dumps(inputs, sort_keys=True, default=list)


def make_vector(value: Any, width: int) -> NDArray[np.float64]:
    """Return a fitted attribute as doubles, shape (width,)."""
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (width,)).copy()


def make_dense(value: Any) -> NDArray[np.float64]:
    """Return a matrix of scipy, or an array, as an array of doubles."""
    return np.asarray(value.toarray() if hasattr(value, "toarray") else value, dtype=np.float64)


def name_class(step: Any) -> str:
    """Return the name of scikit-learn's own classes, nothing for others: a subclass may do anything."""
    return type(step).__name__ if type(step).__module__.startswith("sklearn.") else ""
