"""A day was exported twice."""

from pathlib import Path

import pandas as pd

from tests.template.gate import _edit

VERB, CODE, REASON = "train", 1, r"expect_compound_columns_to_be_unique"


def change(project: Path) -> None:
    _edit.rows(project, _edit.TRAIN, lambda rows: pd.concat([rows, rows.tail(24)]))
