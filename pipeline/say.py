"""What people read: lines on the terminal, and the job summary in a workflow."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path


def line(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def warn(text: str) -> None:
    """Print a warning; the work goes on."""
    print(f"warning: {text}", file=sys.stderr, flush=True)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with aligned columns, which reads well on a terminal too."""
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join("| " + " | ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in lines)


def summary(markdown: str) -> None:
    """Append to the job summary where there is one."""
    append("GITHUB_STEP_SUMMARY", markdown + "\n\n")


def output(name: str, value: str) -> None:
    """Hand a value to the workflow's later steps where there are any."""
    append("GITHUB_OUTPUT", f"{name}={value}\n")


def append(variable: str, text: str) -> None:
    """Append to the file that a variable of the workflow names."""
    if path := os.environ.get(variable):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
