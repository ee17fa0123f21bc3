"""Columns that are mostly 0, taken together: as a bag again, or multiplied without a table of all of them."""

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.graph.builder import Bag, Cell, Graph, Table


def take_bag(graph: Graph, table: Table) -> Bag | None:
    """Return columns as a bag, if they are of one, each once."""
    cells = [each for each in table if isinstance(each, Cell)]
    names, places = {each.tensor for each in cells}, [each.place for each in cells]
    if len(cells) < len(table) or len(names) != 1 or not names <= {*graph.bags} or len({*places}) < len(places):
        return None
    name = names.pop()
    bag, width = graph.bags[name], graph.widths[name]
    if places == list(range(width)):
        return bag
    kept, moved = np.zeros(width), np.zeros(width, np.int64)
    kept[places], moved[places] = 1.0, np.arange(len(places))
    values = graph.add("Mul", bag.values, graph.add("Gather", kept, bag.places))
    return Bag(graph.add("Gather", moved, bag.places), values)


def multiply(graph: Graph, table: Table, weights: NDArray[np.float64]) -> str:
    """Return the product of columns and a matrix, shape (n, its columns). Rows that are not finite are refused."""
    names = {each.tensor: None for each in table if graph.in_bag(each) and isinstance(each, Cell)}
    plain = [place for place, each in enumerate(table) if not graph.in_bag(each)]
    width, parts = weights.shape[1], []
    if plain:
        rows, _ = graph.take_matrix([table[place] for place in plain])
        graph.refuse_infinite(rows, missing=False)
        parts.append(graph.add("MatMul", rows, weights[plain], width=width))
    for name in names:
        spread = np.zeros((graph.widths[name], width))
        for place, each in enumerate(table):
            if isinstance(each, Cell) and each.tensor == name:
                spread[each.place] += weights[place]
        parts.append(_multiply_bag(graph, graph.bags[name], spread))
    summed = parts[0]
    for part in parts[1:]:
        summed = graph.add("Add", summed, part, width=width)
    return summed


def _multiply_bag(graph: Graph, bag: Bag, weights: NDArray[np.float64]) -> str:
    # Only the rows of the matrix that a row has words for are looked at.
    width = weights.shape[1]
    graph.word_size = max(graph.word_size, width)
    taken = graph.add("Gather", weights, bag.places, axis=0)
    product = graph.add("MatMul", graph.add("Unsqueeze", bag.values, np.array([1])), taken)
    return graph.add("Squeeze", product, np.array([1]), width=width)
