"""Fisher's iris flowers, as scikit-learn ships them, with the names of their columns and species."""

from pathlib import Path

import pandas as pd
from sklearn.datasets import load_iris


def rows(_: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training data and the reference dataset."""
    iris = load_iris(as_frame=True)
    found = iris.data.assign(species=iris.target_names[iris.target]).sample(frac=1, random_state=0)
    return found[:100], found[100:]
