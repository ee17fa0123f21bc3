"""The release is larger than the owner wants it."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "build", 1, r"The release has \d+ MB, the budget in project.toml is 0.1 MB"


def change(project: Path) -> None:
    _edit.text(project, "project.toml", "image_mb = 1000", "image_mb = 0.1")
