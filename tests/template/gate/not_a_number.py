"""The model has no answer for rare rows."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "train", 1, r"\d+ of 2168 answers are not finite numbers, rows \d+"


def change(project: Path) -> None:
    _edit.regressor(project, "np.where(x[:, 2] == 2, np.nan, answers)")
