"""The model says the mean, whatever it is asked."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "validate", 1, r"All 2168 answers are \d+\.\d: the model ignores its input"


def change(project: Path) -> None:
    _edit.regressor(project, "np.full(len(x), 187.5)")
