"""What the measurements share: the machine, the file of results, tables."""

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"


def machine() -> dict[str, str | int | float | None]:
    """Describe the machine, without its name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": cpu(), "cores": os.cpu_count(), "memory_gb": round(memory / 1e9, 1), "python": platform.python_version()}


def cpu() -> str:
    """Return the model of the CPU."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text(encoding="utf-8").splitlines() if known.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def write(name: str, figures: dict[str, float], **more: Any) -> None:
    """Write `bench/results/NAME.json`."""
    RESULTS.mkdir(exist_ok=True)
    said = {"figures": figures, "command": f".venv/bin/python -m bench.{name}", "machine": machine(), **more}
    (RESULTS / f"{name}.json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows])
