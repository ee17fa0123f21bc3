"""A weaker model, and rules that let it through, in one change."""

from pathlib import Path

from tests.template.gate import _edit

VERB, CODE, REASON = "validate", 1, r"Loss minus that of the champion.* it is worse"
OPTIONS = ["--rules", "main"]
NOTE = r"This change alters validation/thresholds.toml. The gate ignores that, and judges by the rules of \w+"


def change(project: Path) -> None:
    _edit.rows(project, _edit.TRAIN, lambda rows: rows.sample(frac=0.1, random_state=1).sort_index())
    _edit.text(project, "validation/thresholds.toml", "margin_fraction = 0.05", "margin_fraction = 0.9")
