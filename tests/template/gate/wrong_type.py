"""A column of numbers came as words."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "train", 1, r"row 0, hum: Input should be a valid number, found '81%'"


def change(project: Path) -> None:
    _edit.rows(project, _edit.TRAIN, lambda rows: rows.assign(hum=rows["hum"].map("{:.0%}".format)))
