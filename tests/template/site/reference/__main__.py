"""Writes docs/reference/*.md anew, from the code.

.venv/bin/python -m tests.template.site.reference
"""

from collections.abc import Callable
from pathlib import Path

from tests.template.site.reference import errors, files, metrics, settings, verbs

ROOT = Path(__file__).resolve().parents[4]
FOLDER = ROOT / "docs" / "reference"
HEAD = "<!-- Written by tests/template/site/reference from the code. Do not edit: .venv/bin/python -m tests.template.site.reference -->\n"
PAGES: dict[str, Callable[[Path], str]] = {
    "verbs": verbs.write,
    "settings": settings.write,
    "files": files.write,
    "metrics": metrics.write,
    "errors": errors.write,
}


def write_page(name: str) -> str:
    """Return a page as it should be now."""
    return f"{HEAD}{PAGES[name](ROOT).rstrip()}\n"


def main() -> None:
    """Write all pages."""
    for name in PAGES:
        (FOLDER / f"{name}.md").write_text(write_page(name), encoding="utf-8")


if __name__ == "__main__":
    main()
