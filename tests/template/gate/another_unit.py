"""The temperature is in degrees, where it was a share of the highest."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "train", 1, r"temp .*expect_column_values_to_be_between"


def change(project: Path) -> None:
    _edit.rows(project, _edit.TRAIN, lambda rows: rows.assign(temp=rows["temp"] * 41))
