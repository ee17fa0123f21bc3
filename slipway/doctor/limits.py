"""Limits of a number that hold next year too: beyond what was seen, at a round figure, or where the kind of number ends by itself."""

import math
from collections.abc import Mapping

Number = int | float
# Scales that whole numbers fill: months, hours, weekdays, days of a month, minutes, weeks, quarters, days of a year, percent.
SCALES = ((1, 12), (0, 11), (0, 23), (1, 24), (0, 6), (1, 7), (1, 31), (0, 59), (1, 52), (1, 53), (1, 4), (1, 365), (1, 366), (0, 100))
# A value that is largest by chance has fewer rows than this share of the mean; the last month of a year does not.
EVEN = 0.25
# How near to 0 and 1 shares come.
NEAR = 0.05
# The least room above the largest value.
ROOM = 1.25


def choose_limits(counts: Mapping[Number, int]) -> tuple[Number, Number]:
    """Return the lowest and the highest value to allow in a column with these values, and how often each is there."""
    low, high = min(counts), max(counts)
    whole = all(float(each).is_integer() for each in counts)
    if whole and (low, high) == (0, 1):
        return 0, 1
    if whole and fills_scale(counts, int(low), int(high)):
        return int(low), int(high)
    if not whole and 0 <= low <= NEAR and 1 - NEAR <= high <= 1:
        return 0, 1
    span = high - low
    above = round_up(max(high + span, ROOM * high)) if high > 0 else 0
    below = -round_up(max(span - low, -ROOM * low)) if low < 0 else 0
    return below, above


def fills_scale(counts: Mapping[Number, int], low: int, high: int) -> bool:
    """Tell whether whole numbers are those of a scale: all of them are there, none much more rarely than the others."""
    mean = sum(counts.values()) / len(counts)
    return (low, high) in SCALES and len(counts) == high - low + 1 and min(counts.values()) >= EVEN * mean


def round_up(value: Number) -> Number:
    """Return the next larger number with one digit that is not 0: 218 becomes 300, 0.37 becomes 0.4."""
    if isinstance(value, int) or value >= 1:
        digits = len(str(math.ceil(value))) - 1
        unit = int("1" + "0" * digits)
        return -(-math.ceil(value) // unit) * unit
    exponent = math.floor(math.log10(value))
    return float(f"{math.ceil(round(value / math.pow(10, exponent), 9))}e{exponent}")
