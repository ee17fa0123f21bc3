"""Where the rows come from."""

from pathlib import Path

import pandas as pd


def load(path: Path) -> pd.DataFrame:
    """Read rows with their target."""
    return pd.read_csv(path)
