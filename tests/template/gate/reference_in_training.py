"""Rows that the model is judged on were learnt from."""

from pathlib import Path

import pandas as pd

from tests.template.gate import _edit

VERB, CODE, REASON = "validate", 1, r"48 of 2168 rows of the reference dataset are in data/train.csv too: rows 0, 1, 2, 3, 4 and others"


def change(project: Path) -> None:
    reference = pd.read_csv(project / _edit.REFERENCE)
    _edit.rows(project, _edit.TRAIN, lambda rows: pd.concat([rows, reference.head(48)]))
