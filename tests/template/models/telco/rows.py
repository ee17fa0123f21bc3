"""Customers of a telephone company, and whether they left: IBM's sample of fictitious customers, as it is published.

New customers have a blank where their total charges will be.
"""

from pathlib import Path

import pandas as pd

DATA = Path(__file__).parents[2] / "data" / "telco-churn.csv.gz"


def rows(_: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training data and the reference dataset."""
    found = pd.read_csv(DATA, dtype=str, keep_default_na=False, encoding="utf-8-sig").sample(frac=1, random_state=0)
    return found[:5500], found[5500:]
