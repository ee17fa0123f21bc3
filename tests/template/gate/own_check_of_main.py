"""A change of the project's own rules: those of the branch that it goes to decide."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "validate", 0, r"it is better"
OPTIONS = ["--rules", "main"]
NOTE = r"This change alters validation/checks.py. The gate ignores that, and judges by the rules of \w+"


def change(project: Path) -> None:
    (project / "later.csv").replace(project / _edit.TRAIN)
    _edit.text(project, "validation/checks.py", "    return []", '    return ["Never."]')
