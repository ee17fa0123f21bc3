"""How the model must behave, whatever its figures say."""

from typing import Any

PRIZE = {"message": "WINNER!! You have won a £1000 prize. Call 0800123456 now, claim code B12"}
DINNER = {"message": "Can you bring the file to mum tonight?"}

CASES: list[dict[str, Any]] = [
    {"name": "a prize is spam", "kind": "minimum", "rows": [PRIZE], "at_least": 0.8},
    {"name": "dinner is none", "kind": "minimum", "rows": [DINNER, {"message": ""}], "at_most": 0.5},
    {
        "name": "who is asked does not matter",
        "kind": "invariance",
        "rows": [DINNER],
        "change": {"message": "Can you bring the file to Anna tonight?"},
        "within": 0.1,
    },
]
