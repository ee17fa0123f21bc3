"""Whether two sets of answers are the same. Plain Python: a rollback asks this, and has no time to import numpy."""

import math
from typing import Any

# Recorded and repeated answers may differ by this much: other processors round differently in the last digits.
TOLERANCE = 1e-9


def distance(answers: Any, recorded: Any) -> float:
    """Return the largest difference between two sets of answers: infinite for other shapes, NaN where an answer is NaN or null."""
    left, right = plain(answers), plain(recorded)
    if not left or [shape(each) for each in left] != [shape(each) for each in right]:
        return math.inf
    differences = [abs(a - b) for one, other in zip(left, right, strict=True) for a, b in zip(row(one), row(other), strict=True)]
    return math.nan if any(map(math.isnan, differences)) else max(differences)


def plain(answers: Any) -> list[Any]:
    """Return answers as lists."""
    found: list[Any] = answers.tolist() if hasattr(answers, "tolist") else answers
    return found


def shape(answer: Any) -> int | None:
    """Return how many numbers an answer has, None for a number alone."""
    return len(answer) if isinstance(answer, list) else None


def row(answer: Any) -> list[float]:
    """Return an answer's numbers."""
    return [math.nan if each is None else float(each) for each in (answer if isinstance(answer, list) else [answer])]
