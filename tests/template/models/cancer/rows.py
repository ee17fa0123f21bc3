"""Breast Cancer Wisconsin (Diagnostic), as scikit-learn ships it; one value in fifty of one column is taken away."""

from pathlib import Path

import pandas as pd
from sklearn.datasets import load_breast_cancer

MEANS = ("radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity", "symmetry")


def rows(_: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training data and the reference dataset."""
    frame = load_breast_cancer(as_frame=True).frame
    found = pd.DataFrame({f"mean_{name}": frame[f"mean {name}"] for name in MEANS}).assign(benign=frame["target"])
    found = found.sample(frac=1, random_state=0)
    found.iloc[::50, MEANS.index("concavity")] = None
    return found[:400], found[400:]
