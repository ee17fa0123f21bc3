"""How the model must behave, whatever its figures say."""

from typing import Any

BLANK = {f"pixel_{row}_{column}": 0 for row in range(8) for column in range(8)}
# A stroke down the middle, and a ring.
ONE = {**BLANK, **{f"pixel_{row}_{column}": 15 for row in range(8) for column in (3, 4)}}
RING = [(0, 3), (0, 4), *((row, column) for row in range(1, 7) for column in (2, 5)), (7, 3), (7, 4)]
NULL = {**BLANK, **{f"pixel_{row}_{column}": 13 for row, column in RING}}

CASES: list[dict[str, Any]] = [
    {"name": "a ring is a nought", "kind": "minimum", "rows": [NULL], "label": 0, "at_least": 0.4},
    {"name": "a stroke is no nought", "kind": "minimum", "rows": [ONE], "label": 0, "at_most": 0.2},
]
