"""The targets were joined to the wrong rows: there is nothing to learn."""

from pathlib import Path

import numpy as np

from tests.template.gate import _edit

VERB, CODE, REASON = "validate", 1, r"Loss minus that of the champion.* it is worse"


def change(project: Path) -> None:
    random = np.random.default_rng(0)
    _edit.rows(project, _edit.TRAIN, lambda rows: rows.assign(cnt=random.permutation(rows["cnt"])))
