"""The reference dataset has its header only."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "train", 2, r"validation/reference.csv does not meet"


def change(project: Path) -> None:
    _edit.rows(project, _edit.REFERENCE, lambda rows: rows.head(0))
