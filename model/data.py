"""Where the rows come from."""

from pathlib import Path

import pandas as pd


def load(path: Path) -> pd.DataFrame:
    """Read rows with their target: the training data (`data/train.csv`) or the reference dataset (`validation/reference.csv`).

    Cells stay as they are written, and only an empty one is missing; what they mean is declared in `model/features.py`.
    """
    return pd.read_csv(path, dtype=str, keep_default_na=False)
