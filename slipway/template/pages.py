"""Links of a project's pages to pages that only the template has. Imported by the hook too: nothing but Python's own here."""

import posixpath
import re
from collections.abc import Callable

INDEX = "docs/README.md"
LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
GITHUB = re.compile(r"(?:https://|ssh://git@|git@)([^/:@]*github[^/:@]*)[:/](.+?)(?:\.git)?/?")


def link_pages(page: str, text: str, exists: Callable[[str], bool], url: str, version: str) -> str:
    """Return a page whose links to what the project does not have lead to a version of the template on GitHub.

    Where the template is elsewhere, they lead to the index, which says how to read its pages with git.
    """
    github = GITHUB.fullmatch(url)

    def link(found: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page), found[2]))
        if re.match(r"\w+:", found[2]) or exists(path):
            return found[0]
        if github and version:
            return f"[{found[1]}](https://{github[1]}/{github[2]}/blob/{version}/{path}{found[3] or ''})"
        return found[1] if page == INDEX else f"[{found[1]}]({posixpath.relpath(INDEX, posixpath.dirname(page))})"

    return LINK.sub(link, text)


def drop_links(text: str) -> str:
    """Return a page without its links: the same for a page of the template and for what a project got of it."""
    return LINK.sub(r"\1", text)
