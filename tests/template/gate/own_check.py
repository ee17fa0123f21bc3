"""The project has a rule of its own, which the candidate does not hold."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "validate", 1, r"- On 2\d{3} rows it is not better than the champion everywhere\."


def change(project: Path) -> None:
    refusal = 'return [f"On {len(rows)} rows it is not better than the champion everywhere."] if champion is not None else []'
    _edit.text(project, "validation/checks.py", "    return []", f"    {refusal}")
