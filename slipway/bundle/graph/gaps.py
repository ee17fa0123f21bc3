"""What is missing: filled in, or marked."""

from typing import Any

import numpy as np

from slipway.bundle.graph.builder import UNSET, Cell, Graph, NotCompiled, Raw, Table, make_vector
from slipway.serving.graph import CODES, Category


def add_imputer(graph: Graph, name: str, step: Any, table: Table) -> Table:
    """Add an imputer of numbers or words. Raises NotCompiled."""
    if not (isinstance(step.missing_values, float) and np.isnan(step.missing_values)):
        raise NotCompiled(f"{name} has missing_values other than NaN.")
    fill: list[Any] = step.statistics_.tolist()
    if any(each is None or each != each for each in fill):
        raise NotCompiled(f"{name} has a column without any value.")
    marked = step.indicator_.features_.tolist() if step.add_indicator else []
    if all(isinstance(each, int | float) for each in fill):
        rows, width = graph.take_checked(table, missing=True)
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


def add_gaps(graph: Graph, name: str, step: Any, table: Table) -> Table:
    """Add a column for each that may be missing; one that never was is refused where the step refuses it."""
    rows, width = graph.take_checked(table, missing=True)
    if not (isinstance(step.missing_values, float) and np.isnan(step.missing_values)):
        raise NotCompiled(f"{name} has missing_values other than NaN.")
    gaps = graph.split(graph.add("Cast", graph.add("IsNaN", rows), to=11, width=width))
    others = np.setdiff1d(np.arange(width), step.features_)
    if step.features == "missing-only" and step.error_on_new and len(others):
        graph.refuse(graph.add("Mul", graph.add("Gather", rows, others, axis=1), np.array(0.0)))
    return [gaps[place] for place in step.features_.tolist()]
