"""The newest training row is older than the owner wants it."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "train", 1, r"dteday .*expect_column_max_to_be_between"


def change(project: Path) -> None:
    _edit.text(project, "validation/thresholds.toml", "[floors.r2]", '[freshness]\ncolumn = "dteday"\nmax_days = 45\n\n[floors.r2]')
