"""The reference dataset is five days: not enough to tell."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "validate", 3, r"cannot tell\. About \d+ groups \(values of dteday\) would decide; there are 5\."
NOTE = r"The reference dataset \w+ is another than \w+, that of commit \w+"


def change(project: Path) -> None:
    _edit.text(project, "validation/expectations.json", '"min_value": 500', '"min_value": 100')
    _edit.rows(project, _edit.TRAIN, lambda rows: rows.sample(frac=0.1, random_state=1).sort_index())
    _edit.rows(project, _edit.REFERENCE, lambda rows: rows[rows["dteday"].isin(rows["dteday"].unique()[:5])])
