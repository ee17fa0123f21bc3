"""The service adds something of its own to what the model says."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "build", 1, r"The answers to the golden rows differ by [\d.]+ from those at training"


def change(project: Path) -> None:
    _edit.text(
        project,
        "slipway/serving/endpoint.py",
        "self.drift.add(asked, answers,",
        "answers = 1 + answers\n        self.drift.add(asked, answers,",
    )
