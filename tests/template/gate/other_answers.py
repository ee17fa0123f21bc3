"""The service adds something of its own to what the model says."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "build", 1, r"The release answers the golden rows 1 off the answers at training"


def change(project: Path) -> None:
    _edit.text(project, "slipway/serving/endpoint.py", "answers = self.release.answer(", "answers = 1 + self.release.answer(")
