"""What serves now has lost its model file."""

from pathlib import Path

VERB, CODE, REASON = "validate", 2, r"The service ended instead of becoming ready"


def change(project: Path) -> None:
    (project / "champion" / "release" / "model.onnx").unlink()
