"""A virtual environment for each server, outside the repository; made once for each state of its list of requirements."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.results import ROOT

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway-bench"
LISTS = Path(__file__).with_name("requirements")
# What Slipway's image installs: the measured service has the same, and nothing more.
OWN = ROOT / "requirements" / "compiled.txt"


def listed(name: str) -> Path:
    """Return a server's list of requirements."""
    return OWN if name == "slipway" else LISTS / f"{name}.txt"


def ready(name: str) -> Path:
    """Return a server's Python, in its environment; makes that where it is not there yet."""
    wanted = hashlib.sha256(sys.version.encode() + listed(name).read_bytes()).hexdigest()
    folder = CACHE / f"{name}-{wanted[:12]}"
    python = folder / "bin" / "python"
    if not (folder / "made").exists():
        print(f"installing {name}, once ...", file=sys.stderr, flush=True)
        uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), "--requirement", str(listed(name))]
        subprocess.run(install, check=True)
        (folder / "made").touch()
    return python
