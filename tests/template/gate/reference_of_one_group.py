"""The reference dataset is a single day."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "train", 2, r"all its rows are of one group; at least 2 groups are needed"


def change(project: Path) -> None:
    _edit.text(project, "validation/expectations.json", '"min_value": 500', '"min_value": 10')
    _edit.rows(project, _edit.REFERENCE, lambda rows: rows.head(24))
