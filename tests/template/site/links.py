"""What the built pages link to: whether it is there, and whether a page asks another host for anything."""

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

# Elements whose address the browser fetches by itself; a link waits for a reader.
FETCHED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "link": "href",
    "object": "data",
}
NOT_FETCHED = {"canonical", "prev", "next", "alternate"}
IN_CSS = re.compile(r"(?:url\(|@import\s+)[\"']?(https?:)?//")


class Page(HTMLParser):
    """Reads a page's links, what it fetches, and its anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one element."""
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if FETCHED.get(tag) in values and values.get("rel") not in NOT_FETCHED:
            self.fetched.append(values[FETCHED[tag]])


def find_broken(html: Path) -> list[str]:
    """Return the links to a page, a file or an anchor of the site that is not there, a line each."""
    read = cache(Page)
    found = []
    for path in sorted(html.rglob("*.html")):
        # What is not found may be shown for any address, so its links begin at the root.
        for link in [*read(path).links, *read(path).fetched] if path.name != "404.html" else []:
            target, anchor = urldefrag(link)
            if urlsplit(target).scheme or target.startswith("//"):
                continue
            to = (path.parent / unquote(target)).resolve() if target else path
            to = to / "index.html" if to.is_dir() else to
            if not to.is_file() or (anchor and to.suffix == ".html" and unquote(anchor) not in read(to).anchors):
                found.append(f"{path.relative_to(html)}: {link}")
    return found


def find_foreign(html: Path) -> list[str]:
    """Return what the pages and styles fetch from another host, a line each."""
    pages = [(path, each) for path in sorted(html.rglob("*.html")) for each in Page(path).fetched]
    found = [f"{path.relative_to(html)}: {each}" for path, each in pages if re.match(r"(https?:)?//", each)]
    styles = [path for path in sorted(html.rglob("*.css")) if IN_CSS.search(path.read_text(encoding="utf-8"))]
    return found + [f"{path.relative_to(html)}: a style of another host" for path in styles]
