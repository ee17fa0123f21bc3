"""How a fixture changes the project that it is given."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

TRAIN, REFERENCE = "data/train.csv", "validation/reference.csv"


def rows(project: Path, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change a dataset."""
    change(pd.read_csv(project / name)).to_csv(project / name, index=False)


def text(project: Path, name: str, old: str, new: str) -> None:
    """Replace a piece of a file, which must be there."""
    found = (project / name).read_text(encoding="utf-8")
    assert old in found, (name, old)
    (project / name).write_text(found.replace(old, new), encoding="utf-8")


def regressor(project: Path, answers: str) -> None:
    """Have the model say an expression of its honest `answers` and its encoded input: `x[:, 2]` is the weather, `x[:, 10]` humidity."""
    text(project, "model/estimator.py", '("regress", HistGradientBoostingRegressor(', '("regress", Faulty(')
    text(
        project,
        "model/estimator.py",
        "\n\ndef build()",
        f"""

class Faulty(HistGradientBoostingRegressor):
    def predict(self, x):
        answers = super().predict(x)
        return {answers}


def build()""",
    )
    text(project, "model/estimator.py", "from sklearn.compose", "import time\n\nimport numpy as np\nfrom sklearn.compose")
