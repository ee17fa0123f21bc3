"""Output for people: lines on the terminal, and the job summary in a workflow."""

import os
import sys
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from slipway.errors import PipelineError

REASON = 120  # characters of a reason that are shown; the record has it whole
JOINERS = "\u200c\u200d"


def line(text: str) -> None:
    """Print a line and flush. Raises PipelineError where that has no room."""
    try:
        print(text, flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left of it would change the exit code
        raise PipelineError(f"The output cannot be written: {error}. Next: make room there, then ./run status.") from error


def warn(text: str) -> None:
    """Print a warning; the work goes on."""
    print(f"warning: {text}", file=sys.stderr, flush=True)


def report_warning(text: str) -> None:
    """Print a warning, in a workflow also on the run's page and in its summary; the work goes on."""
    warn(text)
    if "GITHUB_STEP_SUMMARY" in os.environ:
        with suppress(PipelineError):
            line(f"::warning::{one_line(text)}")
        summary(f"warning: {text}")


def one_line(text: str, most: int | None = None) -> str:
    """Return what a person wrote as one line, at most so long: each blank as one space, what is no letter as its number."""
    printable = "".join(each if _is_printable(each) else each.encode("unicode_escape").decode() for each in " ".join(str(text).split()))
    return printable if most is None or len(printable) <= most else printable[: most - 2].rstrip() + " …"


def _is_printable(character: str) -> bool:
    """Tell whether a character neither moves what is printed nor is half of one; what joins the parts of a letter does not."""
    return character in JOINERS or unicodedata.category(character) not in ("Cc", "Cf", "Cs")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with aligned columns, which reads well on a terminal too. No cell ends its row or its column."""
    cells = [[one_line(cell).replace("|", "\\|") for cell in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = [cells[0], ["-" * width for width in widths], *cells[1:]]
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in lines)


def open_in_browser(address: str) -> None:
    """Open a page in the browser. Where none can be opened, print the address of the page and go on."""
    if not _is_opened(address):
        line(f"No browser can be opened here. The page: {address}")


def _is_opened(address: str) -> bool:
    import webbrowser  # imported here: a rollback has no time for it

    # Without a screen Python would start a browser that runs in the terminal, if there is one, and wait for it.
    if sys.platform == "linux" and not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")):
        return False
    with suppress(webbrowser.Error, OSError, ValueError):  # such as a BROWSER that cannot be split into words
        return webbrowser.open(address)
    return False


def summary(markdown: str) -> None:
    """Append to the job summary where there is one. Where that has no room there is a warning: what it would say is done already."""
    try:
        append_to_workflow("GITHUB_STEP_SUMMARY", markdown + "\n\n")
    except OSError as error:
        warn(f"the summary was not written: {error}")


def output(name: str, value: str) -> None:
    """Pass a value to later steps of the workflow."""
    append_to_workflow("GITHUB_OUTPUT", f"{name}={value}\n")


def append_to_workflow(variable: str, text: str) -> None:
    """Append to the file that a variable of the workflow names."""
    if path := os.environ.get(variable):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
