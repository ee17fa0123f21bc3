"""How the model must behave, whatever its figures say."""

from typing import Any

SMALL = {"sepal length (cm)": 5.1, "sepal width (cm)": 3.5, "petal length (cm)": 1.4, "petal width (cm)": 0.2}
LARGE = {"sepal length (cm)": 6.7, "sepal width (cm)": 3.3, "petal length (cm)": 5.7, "petal width (cm)": 2.5}

CASES: list[dict[str, Any]] = [
    {"name": "petals this small are a setosa's", "kind": "minimum", "rows": [SMALL], "label": "setosa", "at_least": 0.9},
    {"name": "petals this large are a virginica's", "kind": "minimum", "rows": [LARGE], "label": "virginica", "at_least": 0.8},
]
