"""What every page of the project has: frame, sections, tables."""

import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template

FRAME = Path(__file__).with_name("page.html")


class Html(str):
    """Text that is HTML already."""


def frame(title: str, body: str) -> str:
    """Return a page that needs nothing from outside."""
    style = FRAME.with_suffix(".css").read_text(encoding="utf-8")
    return Template(FRAME.read_text(encoding="utf-8")).substitute(title=escape(title), style=style, body=body)


def html(text: object) -> str:
    """Return text as HTML, what is between backticks as code; what is HTML already stays as it is."""
    return text if isinstance(text, Html) else re.sub("`([^`]+)`", r"<code>\1</code>", escape(str(text)))


def section(title: str, *parts: str) -> str:
    """Return a section with its heading."""
    return "\n".join([f"<section><h2>{escape(title)}</h2>", *filter(None, parts), "</section>"])


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph; of the kind "read" it says how to read a picture."""
    return f'<p class="{kind}">{html(text)}</p>' if kind else f"<p>{html(text)}</p>"


def listed(texts: Sequence[str], kind: str) -> str:
    """Return texts as a list, nothing where there are none."""
    return f'<ul class="{kind}">' + "".join(f"<li>{html(text)}</li>" for text in texts) + "</ul>" if texts else ""


def table(headings: Sequence[str], cells: Iterable[Sequence[object]]) -> str:
    """Return a table that scrolls by itself where it is too wide."""
    top = "<tr>" + "".join(f"<th>{escape(each)}</th>" for each in headings) + "</tr>" if headings else ""
    return f'<div class="wide"><table>{top}{rows(cells)}</table></div>'


def rows(cells: Iterable[Sequence[object]]) -> str:
    """Return table rows."""
    return "\n".join("<tr>" + "".join(f"<td>{html(cell)}</td>" for cell in row) + "</tr>" for row in cells)
