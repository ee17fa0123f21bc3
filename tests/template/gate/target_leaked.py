"""A feature is the target under another name, in the training data and in the reference dataset."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "validate", 1, r"windspeed alone explains (0.99\d|1.000) of cnt"


def change(project: Path) -> None:
    for name in (_edit.TRAIN, _edit.REFERENCE):
        _edit.rows(project, name, lambda rows: rows.assign(windspeed=rows["cnt"] / 1000))
