"""Three of ten temperatures are missing."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "train", 1, r"temp .*expect_column_values_to_not_be_null"


def change(project: Path) -> None:
    _edit.rows(project, _edit.TRAIN, lambda rows: rows.assign(temp=rows["temp"].where(rows.index % 10 > 2)))
