"""The pages of the site, from those of the repository: each link to another file leads to GitHub."""

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

# A block of code, in which nothing is a link; or a link or a picture: its words, its target, and the place in that.
LINK = re.compile(r"^(?P<fence>```|~~~).*?^(?P=fence)|(!?\[(?:[^\[\]]|\[[^\]]*\])*\])\(([^)#\s]*)(#[^)\s]*)?\)", re.MULTILINE | re.DOTALL)
# The pages that only the site has, the index among them.
OWN = "docs/site/"
# What a project receives links to its own README, which a reader of the template finds here.
PROJECT_README = "{{cookiecutter.project_slug}}/README.md"


class BrokenLink(Exception):
    """A link that leads nowhere."""


def list_pages(root: Path) -> dict[str, str]:
    """Return pages and pictures by their path in the repository, and where each is on the site."""
    found = sorted(path.relative_to(root).as_posix() for path in (root / "docs").rglob("*.*") if path.is_file())
    places = {name: name.removeprefix(OWN).removeprefix("docs/") for name in found}
    return places | {"docs/README.md": "index.md"}  # an index of the same pages, for whom reads them on GitHub


def write_pages(root: Path, into: Path, github: str, ref: str) -> None:
    """Write the pages where the site is built. Raises BrokenLink."""
    places = list_pages(root)
    for name, place in places.items():
        if name == "docs/README.md":
            continue
        (into / place).parent.mkdir(parents=True, exist_ok=True)
        content = (root / name).read_bytes()
        if place.endswith(".md"):
            content = relink(root, name, content.decode(), places, f"{github}/blob/{ref}").encode()
        (into / place).write_bytes(content)


def relink(root: Path, name: str, text: str, places: Mapping[str, str], elsewhere: str) -> str:
    """Return a page with its links as the site needs them. Raises BrokenLink."""

    def replace(found: re.Match[str]) -> str:
        words, target, anchor = found[2], found[3], found[4] or ""
        if not target or re.match(r"\w+:", target):
            return found[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        if path in places:
            return f"{words}({posixpath.relpath(places[path], posixpath.dirname(places[name]) or '.')}{anchor})"
        path = PROJECT_README if path == "README.md" and anchor else path
        if path.startswith("..") or not has_place(root / path, anchor):
            raise BrokenLink(
                f"{name} links to {target}{anchor}, which is not there. Expected: a file of this repository, or a heading of it. "
                "Next: correct the link."
            )
        return f"{words}({elsewhere}/{quote(path)}{anchor})"

    return LINK.sub(replace, text)


def has_place(path: Path, anchor: str) -> bool:
    """Tell whether a file or a folder is there, and in a page the heading that an anchor names."""
    if path.suffix != ".md" or not anchor or not path.is_file():
        return path.exists()
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return anchor.removeprefix("#") in {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
