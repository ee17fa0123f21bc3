"""Where the rows come from."""

from pathlib import Path

import pandas as pd


def load(path: Path) -> pd.DataFrame:
    """Read rows with their target: the training data (`data/train.csv`) or the reference dataset (`validation/reference.csv`)."""
    return pd.read_csv(path)
