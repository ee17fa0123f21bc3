"""A column of numbers came as words."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "train", 1, r"hum .*expect_column_values_to_be_of_type"


def change(project: Path) -> None:
    _edit.rows(project, _edit.TRAIN, lambda rows: rows.assign(hum=rows["hum"].map("{:.0%}".format)))
