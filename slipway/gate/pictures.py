"""The numbers behind the pictures: few enough to travel with the verdict, whatever the size of the reference dataset."""

import numpy as np

from model import features
from slipway.gate.comparison import Sides
from slipway.gate.statistics import Values

POINTS = 400
STRETCHES = 60


def sample(sides: Sides) -> list[tuple[float, float, float | None]]:
    """Return truth, candidate and champion of rows at even distances; of a classification the class' number and a probability."""
    chosen = np.unique(np.linspace(0, len(sides.truth) - 1, POINTS).astype(int))
    truth = sides.truth[chosen]
    ours, theirs = (None if answers is None else said(answers[chosen], truth) for answers in (sides.ours, sides.theirs))
    assert ours is not None
    return [(float(truth[i]), float(ours[i]), None if theirs is None else float(theirs[i])) for i in range(len(chosen))]


def said(answers: Values, truth: Values) -> Values:
    """Return the number to draw for each row."""
    return answers if answers.ndim == 1 else answers[np.arange(len(answers)), truth]


def over_time(sides: Sides) -> list[tuple[str, float, float | None]]:
    """Return the mean losses of both sides in stretches of groups in their order, or of rows; each by its first group or row."""
    order = np.arange(len(sides.truth)) if sides.groups is None else sides.groups
    stretch = order * min(STRETCHES, order.max() + 1) // (order.max() + 1)
    sizes = np.bincount(stretch)
    means = [None if each is None else np.bincount(stretch, weights=sides.losses(each)) / sizes for each in (sides.ours, sides.theirs)]
    ours, theirs = means
    assert ours is not None
    first = np.unique(stretch, return_index=True)[1]
    names = [f"row {row}" for row in first] if features.GROUP is None else [str(each) for each in firsts(sides, stretch)]
    return [(names[i], float(ours[i]), None if theirs is None else float(theirs[i])) for i in range(len(sizes))]


def firsts(sides: Sides, stretch: "np.typing.NDArray[np.intp]") -> list[object]:
    """Return the first group of each stretch."""
    names: list[object] = sides.reference[features.GROUP].groupby(stretch).min().tolist()
    return names
