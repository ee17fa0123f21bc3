"""The targets of the night were joined to the wrong nights; the mean over all hours hardly shows it."""

from pathlib import Path

import numpy as np
import pandas as pd

from tests.template.gate import _edit

VERB, CODE, REASON = "validate", 1, r"hr < 6: loss minus that of the champion"


def change(project: Path) -> None:
    random = np.random.default_rng(0)

    def joined(rows: pd.DataFrame) -> pd.DataFrame:
        night = rows["hr"] < 6
        return rows.assign(cnt=rows["cnt"].mask(night, pd.Series(random.permutation(rows.loc[night, "cnt"]), rows.index[night])))

    _edit.rows(project, _edit.TRAIN, joined)
