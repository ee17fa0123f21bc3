"""Learnt from more: the rows up to the day before the reference dataset begins."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "validate", 0, r"it is better"


def change(project: Path) -> None:
    (project / "later.csv").replace(project / _edit.TRAIN)
