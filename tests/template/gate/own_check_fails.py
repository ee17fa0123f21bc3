"""The project's own rule ends in an error."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = (
    "validate",
    2,
    r"validation/checks\.py, line \d+, in check: KeyError: 'rain'\. While: checking the answers",
)


def change(project: Path) -> None:
    _edit.text(project, "validation/checks.py", "    return []", '    return [str(rows["rain"].mean())]')
