"""The reference dataset has one value of the target."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "train", 2, r"2168 rows with 1 different values of cnt; at least 2 are needed"


def change(project: Path) -> None:
    _edit.rows(project, _edit.REFERENCE, lambda rows: rows.assign(cnt=100))
