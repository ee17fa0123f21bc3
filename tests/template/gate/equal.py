"""The same, learnt from nearly the same rows: a retraining where nothing happened."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "validate", 0, r"inside the margin"


def change(project: Path) -> None:
    _edit.rows(project, _edit.TRAIN, lambda rows: rows.sample(frac=0.98, random_state=1).sort_index())
