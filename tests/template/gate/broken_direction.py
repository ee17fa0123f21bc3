"""In one corner that no reference row is in, rain brings riders out."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "validate", 1, r"direction 'rain keeps people from riding home' does not hold: .*is answered .*expected lower"


def change(project: Path) -> None:
    _edit.regressor(project, "np.where((x[:, 2] == 2) & (x[:, 10] == 0.5), 5 * answers, answers)")
