"""Handwritten digits of 8 by 8 points, as scikit-learn ships them (UCI, "Optical recognition of handwritten digits")."""

from pathlib import Path

import pandas as pd
from sklearn.datasets import load_digits


def rows(_: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training data and the reference dataset."""
    found = load_digits(as_frame=True).frame.astype(int).rename(columns={"target": "digit"}).sample(frac=1, random_state=0)
    return found[:1300], found[1300:]
