"""How the model must behave, whatever its figures say."""

from typing import Any

EVENING = {"at": "2012-10-03T17:00:00", "note": "clear, few clouds, 20 degrees", "wind": 0.1, "free": False}

CASES: list[dict[str, Any]] = [
    {"name": "at night few ride", "kind": "direction", "rows": [EVENING], "change": {"at": "2012-10-03T03:00:00"}, "expect": "lower"},
    {"name": "rain keeps people at home", "kind": "direction", "rows": [EVENING], "change": {"note": "heavy rain"}, "expect": "lower"},
    {"name": "without a note it still answers", "kind": "minimum", "rows": [{**EVENING, "note": None}], "at_least": 50},
]
