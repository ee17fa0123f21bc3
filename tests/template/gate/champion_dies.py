"""What serves now ends in the middle of its answers."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "validate", 2, r"champion did not answer to the end: .*Next: \./run status"


def change(project: Path) -> None:
    _edit.text(
        project,
        "champion/slipway/serving/endpoint.py",
        "        answers = self.release.answer_rows(",
        "        __import__('os')._exit(1) if 1 < len(rows) < 500 else None\n        answers = self.release.answer_rows(",
    )
