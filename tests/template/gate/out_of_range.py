"""The model answers what cannot be: fewer than no riders."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "validate", 1, r"\d+ of 2168 answers are outside 0 to 2000 \(such as -"


def change(project: Path) -> None:
    _edit.regressor(project, "np.where(answers < 20, -answers, answers)")
