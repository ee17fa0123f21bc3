"""How the model must behave, whatever its figures say. The gate asks it these rows and rejects it if a case does not hold.

invariance  the answers to `rows` and to the same rows with `change` differ by at most `within`
direction   with `change` the answers are "higher" or "lower" (`expect`), by at least `by`
minimum     the answers to `rows` are `at_least` and `at_most` so much

Of a classification with more than two classes, `label` says whose probability is meant.
"""

from typing import Any

COMMUTE = {
    "season": 4,
    "yr": 1,
    "mnth": 10,
    "hr": 17,
    "holiday": 0,
    "weekday": 3,
    "workingday": 1,
    "weathersit": 1,
    "temp": 0.5,
    "atemp": 0.48,
    "hum": 0.5,
    "windspeed": 0.15,
}
NIGHT = {**COMMUTE, "hr": 3}

CASES: list[dict[str, Any]] = [
    {
        "name": "a gentle breeze more or less hardly matters",
        "kind": "invariance",
        "rows": [COMMUTE],
        "change": {"windspeed": 0.16},
        "within": 60,
    },
    {"name": "rain keeps people from riding home", "kind": "direction", "rows": [COMMUTE], "change": {"weathersit": 3}, "expect": "lower"},
    {"name": "people ride home in good weather", "kind": "minimum", "rows": [COMMUTE], "at_least": 200},
    {"name": "few ride at night", "kind": "minimum", "rows": [NIGHT], "at_most": 100},
]
