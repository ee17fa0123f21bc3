"""What serves now ends in the middle of its answers."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "validate", 2, r"champion could not be asked to the end: .*Next: \./run status"


def change(project: Path) -> None:
    _edit.text(
        project,
        "champion/service/app.py",
        "        rows = body if",
        "        os._exit(1) if isinstance(body, list) and len(body) < 500 else None\n        rows = body if",
    )
