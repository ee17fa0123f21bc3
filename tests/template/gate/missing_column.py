"""A column was dropped from the training data."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "train", 1, r"hum .*there is no such column"


def change(project: Path) -> None:
    _edit.rows(project, _edit.TRAIN, lambda rows: rows.drop(columns="hum"))
