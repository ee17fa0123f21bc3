"""Houses of Ames, Iowa, and what they were sold for: De Cock, Journal of Statistics Education 19 (2011). Those of 2010 are held out."""

from pathlib import Path

import pandas as pd

DATA = Path(__file__).parents[2] / "data" / "ames-housing.csv.gz"


def rows(_: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training data and the reference dataset."""
    found = pd.read_csv(DATA, dtype=str, keep_default_na=False, encoding="utf-8-sig").sort_values(["YrSold", "MoSold"], kind="stable")
    newest = found["YrSold"] == "2010"
    return found[~newest], found[newest]
