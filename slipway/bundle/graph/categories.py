"""Encoders of categories: ordinal, one-hot and target."""

import copy
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.graph.builder import UNSET, Cell, Graph, NotCompiled, Raw, Table, make_dense
from slipway.serving.graph import CODES, Category

Matrix = NDArray[np.float64]
NOTHING = -1


def add_encoder(graph: Graph, name: str, encoder: Any, table: Table) -> Table:
    """Add an encoder as a table of what it answers to each category that it knows; what is refused is answered NaN. Raises NotCompiled.

    What is missing is looked up as the missing value of training, None or NaN.
    """
    precision = np.dtype(getattr(encoder, "dtype", float))
    if precision.kind not in "iub" and precision != np.float64:
        raise NotCompiled(f"{name} has dtype {precision}, not float64.")
    answers, unknown, owners = _ask_encoder(name, encoder)
    keys = [[None if each != each else each for each in categories.tolist()] for categories in encoder.categories_]
    if any(len(set(column)) != len(column) for column in keys):
        raise NotCompiled(f"{name} tells None from NaN.")
    codes, tables = [], []
    for place, (column, known) in enumerate(zip(table, keys, strict=True)):
        order = [spot for spot, each in enumerate(known) if each is not None]
        gap = [known.index(None)] if None in known else []
        codes.append(_add_codes(graph, column, [known[spot] for spot in order], bool(gap)))
        # In the order of the codes: the values, any other, what is missing.
        other = unknown if len(unknown) else np.zeros((1, len(owners)))
        tables.append(np.vstack([answers[order], other, answers[gap]])[:, owners == place])
    every = graph.add("Concat", *codes, axis=1, width=len(codes)) if len(codes) > 1 else codes[0]
    if not len(unknown):
        others = np.array([sum(each is not None for each in known) for known in keys], dtype=np.int64)
        graph.refuse(graph.add("Where", graph.add("Equal", every, others), np.array(np.nan), np.array(0.0)))
    return graph.split(_add_lookup(graph, every, tables, owners))


def _ask_encoder(name: str, encoder: Any) -> tuple[Matrix, Matrix, NDArray[np.int64]]:
    # Return the codes of each column's categories in their order, of unknown values (no row if refused), and whose column each is.
    plain, count = copy.copy(encoder), len(encoder.categories_)
    vars(plain).pop("feature_names_in_", None)
    table = np.empty((max(map(len, encoder.categories_)), count), dtype=object)
    for place, categories in enumerate(encoder.categories_):
        table[:, place] = (categories.tolist() + [categories.tolist()[0]] * len(table))[: len(table)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answers = make_dense(plain.transform(table))
        try:
            unknown = make_dense(plain.transform(np.full((1, count), object(), dtype=object)))
        except ValueError:
            unknown = answers[:0]
    names = plain.get_feature_names_out([f"{place}|" for place in range(count)])
    owners = np.array([int(each.split("|")[0]) for each in names], dtype=np.int64)
    if len(owners) != answers.shape[1]:
        raise NotCompiled(f"{name} names {len(owners)} columns, and makes {answers.shape[1]}.")
    return answers, unknown, owners


def _add_codes(graph: Graph, column: Raw | Cell, values: list[Any], gap: bool) -> str:
    """Return the places of a column among values, shape (n, 1): then that of any other value, and that of what is missing."""
    unknown, missing = len(values), len(values) + gap
    if isinstance(column, Raw):
        if column.fill is not UNSET:
            missing = values.index(column.fill) if column.fill in values else unknown
        code = graph.add_category(Category(column.feature, tuple(values), missing))
        return graph.add("Gather", CODES, np.array([code]), axis=1, width=1)
    rows, _ = graph.take_matrix([column])
    equal = graph.add("Cast", graph.add("Equal", rows, np.array(values, dtype=np.float64)), to=11)
    places = np.arange(unknown, dtype=np.float64)[:, None] - unknown
    found = graph.add("Add", graph.add("MatMul", equal, places), np.array(float(unknown)))
    found = graph.add("Where", graph.add("IsNaN", rows), np.array(float(missing)), found)
    return graph.add("Cast", found, to=7, width=1)


def _add_lookup(graph: Graph, codes: str, tables: list[Matrix], owners: NDArray[np.int64]) -> str:
    # The code of each output's own column, shape (n, outputs).
    spread = codes if np.array_equal(owners, np.arange(len(tables))) else graph.add("Gather", codes, owners, axis=1)
    if all(_is_one_hot(each) for each in tables) and (np.diff(owners) >= 0).all():
        return _add_one_hot(graph, spread, tables, owners)
    seen = np.zeros(len(tables), dtype=np.int64)
    columns = []
    for owner in owners:
        columns.append(tables[owner][:, seen[owner]])
        seen[owner] += 1
    starts = np.cumsum([0, *map(len, columns[:-1])]).astype(np.int64)
    return graph.add("Gather", np.concatenate(columns), graph.add("Add", spread, starts), axis=0, width=len(owners))


def _is_one_hot(table: Matrix) -> bool:
    return table.shape[1] > 1 and bool(((table == 0) | (table == 1)).all() and (table.sum(axis=1) <= 1).all())


def _add_one_hot(graph: Graph, spread: str, tables: list[Matrix], owners: NDArray[np.int64]) -> str:
    # Each code means the place of its 1 among its column's outputs, or none.
    marks = [np.where(each.sum(axis=1) > 0, each.argmax(axis=1), NOTHING) for each in tables]
    starts = np.cumsum([0, *map(len, marks[:-1])]).astype(np.int64)
    first = np.searchsorted(owners, np.arange(len(tables)))
    own = np.arange(len(owners)) - first[owners]
    found = graph.add("Gather", np.concatenate(marks), graph.add("Add", spread, starts[owners]), axis=0)
    return graph.add("Cast", graph.add("Equal", found, own), to=11, width=len(owners))
