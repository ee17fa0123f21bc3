"""How the model must behave, whatever its figures say."""

from typing import Any

SMALL = {
    "mean_radius": 11.0,
    "mean_texture": 15.0,
    "mean_perimeter": 70.0,
    "mean_area": 380.0,
    "mean_smoothness": 0.09,
    "mean_compactness": 0.06,
    "mean_concavity": None,
    "mean_symmetry": 0.17,
}
CASES: list[dict[str, Any]] = [
    {"name": "small and even is benign", "kind": "minimum", "rows": [SMALL], "at_least": 0.8},
    {
        "name": "large is less so",
        "kind": "direction",
        "rows": [SMALL],
        "change": {"mean_radius": 22.0, "mean_area": 1500.0},
        "expect": "lower",
        "by": 0.1,
    },
]
