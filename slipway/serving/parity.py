"""Whether two sets of answers are the same. Plain Python: a rollback compares answers, and has no time to import numpy."""

import math
from typing import Any

# Recorded and repeated answers may differ by this much, those above 1 by this part of them: processors round the last digits differently.
TOLERANCE = 1e-9


def distance(answers: Any, recorded: Any) -> float:
    """Return the largest difference between two sets of answers, of those above 1 as a part of them.

    It is infinite for other shapes, and NaN where an answer is NaN or null.
    """
    left, right = ([_list_numbers(each) for each in _to_list(side)] for side in (answers, recorded))
    if not left or [shape for shape, _ in left] != [shape for shape, _ in right]:
        return math.inf
    differences = [
        abs(a - b) / max(1.0, abs(b)) for (_, one), (_, two) in zip(left, right, strict=True) for a, b in zip(one, two, strict=True)
    ]
    return math.nan if any(map(math.isnan, differences)) else max(differences)


def _to_list(answers: Any) -> Any:
    return answers.tolist() if hasattr(answers, "tolist") else answers


def _list_numbers(answer: Any) -> tuple[int | None, list[float]]:
    # An answer's shape, None for a number alone, and its numbers.
    shape = len(answer) if isinstance(answer, list) else None
    return shape, [math.nan if each is None else float(each) for each in (answer if isinstance(answer, list) else [answer])]
