"""The model takes its time."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "build", 1, r"99 of 100 requests with one row are answered within \d\d\d ms, the budget in project.toml is 100 ms"


def change(project: Path) -> None:
    _edit.regressor(project, "time.sleep(0.2) or answers")
    _edit.text(project, "project.toml", "p99_ms = 1000", "p99_ms = 100")
