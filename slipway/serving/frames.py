"""Between pandas and what the service works with. It is imported only where a DataFrame is needed: that costs memory and half a second."""

from typing import Any

import pandas as pd

from slipway.serving.cells import format_number
from slipway.serving.declared import FEATURES
from slipway.serving.rows import Columns, Values, to_array


def to_cells(column: "pd.Series[Any]") -> list[Any]:
    """Return a column's cells as plain Python values; what is missing is None."""
    return column.astype(object).where(column.notna(), None).tolist()


def records(frame: pd.DataFrame) -> list[Values]:
    """Return rows as JSON values, to the last digit; what is missing becomes null."""
    columns = [[format_number(cell) for cell in to_cells(frame[name])] for name in frame.columns]
    return [dict(zip(map(str, frame.columns), values, strict=True)) for values in zip(*columns, strict=True)]


def columns(frame: pd.DataFrame) -> Columns:
    """Return the declared features of a converted frame, each as `slipway.serving.rows.columns` makes it from a request."""
    return {each.name: to_array(to_cells(frame[each.name]), each) for each in FEATURES}


def frame(columns: Columns) -> pd.DataFrame:
    """Return what a pipeline is fitted on and asked: text as pandas reads it, also where all of a column are missing."""
    words = {each.name for each in FEATURES if each.kind is str}
    return pd.DataFrame({name: pd.Series(values, dtype="str") if name in words else values for name, values in columns.items()})
