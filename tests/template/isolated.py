"""Environments apart, for tools that do not belong into that of the project."""

import subprocess
import sys
from pathlib import Path


def python(requirements: Path, folder: Path, uv: str | Path = "uv") -> Path:
    """Make an environment with what a file names, and return its Python."""
    found = folder / "bin" / "python"
    if not found.is_file():
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", found, "--requirement", requirements], check=True)
    return found
