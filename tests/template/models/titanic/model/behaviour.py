"""How the model must behave, whatever its figures say."""

from typing import Any

BROWN = {
    "pclass": 1,
    "name": "Brown, Mrs. Ann",
    "sex": "female",
    "age": 44.0,
    "ticket": "PC 17",
    "fare": 27.7208,
    "cabin_known": True,
    "embarked": "C",
}
SAGE = {**BROWN, "pclass": 3, "name": "Sage, Mr. John", "sex": "male", "age": None, "ticket": "3101 12", "fare": 8.05, "cabin_known": None}

CASES: list[dict[str, Any]] = [
    {"name": "a lady of the first class is saved", "kind": "minimum", "rows": [BROWN], "at_least": 0.6},
    {"name": "a man of the third is not, his age not known", "kind": "minimum", "rows": [{**SAGE, "embarked": None}], "at_most": 0.4},
    {
        "name": "a title that nobody has is answered",
        "kind": "invariance",
        "rows": [SAGE],
        "change": {"name": "Sage, Rev. John"},
        "within": 0.5,
    },
]
