"""Between pandas and what the service works with. It is imported only where a DataFrame is needed: that costs memory and half a second."""

from typing import Any

import numpy as np
import pandas as pd

from service.declared import FEATURES
from service.rows import Columns


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON values, to the last digit; what is missing becomes null."""
    columns = [frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in frame.columns]
    return [dict(zip(map(str, frame.columns), values, strict=True)) for values in zip(*columns, strict=True)]


def columns(frame: pd.DataFrame) -> Columns:
    """Return the declared features of a frame, each as `service.rows.columns` makes it from a request."""
    found: Columns = {}
    for each in FEATURES:
        values = frame[each.name]
        if each.kind is float or (each.kind is int and each.optional):
            found[each.name] = values.to_numpy(np.float64, na_value=np.nan)
        elif each.kind in (int, bool) and not each.optional:
            found[each.name] = values.to_numpy(np.int64 if each.kind is int else np.bool_)
        else:
            found[each.name] = values.astype(object).where(values.notna(), None).to_numpy(object)
    return found


def frame(columns: Columns) -> pd.DataFrame:
    """Return what a pipeline was fitted on: words as pandas reads them, also where all of a column are missing."""
    words = {each.name for each in FEATURES if each.kind is str}
    return pd.DataFrame({name: pd.Series(values, dtype="str") if name in words else values for name, values in columns.items()})
