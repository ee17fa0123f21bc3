"""What a project gets of its template, for updates and for the hook that makes a project: nothing but Python's own here."""

import hashlib
import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import Path

LIBRARY = "slipway"
SUFFIXES = (".css", ".html", ".md", ".py")
INDEX = "docs/README.md"
LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
GITHUB = re.compile(r"(?:https://|ssh://git@|git@)([^/:@]*github[^/:@]*)[:/](.+?)(?:\.git)?/?")


def hash_library(blobs: Mapping[str, str]) -> str:
    """Return one hash for the files of the library; `blobs` has git's name of each file's content by its path in the project."""
    return hashlib.sha256("".join(f"{path}\0{blob}\n" for path, blob in sorted(blobs.items())).encode()).hexdigest()


def read_library(root: Path) -> "dict[str, str]":
    """Return git's name of the content of each of the library's files, by its path in the project."""
    files = [path for path in (root / LIBRARY).rglob("*") if path.suffix in SUFFIXES and path.is_file()]
    return {path.relative_to(root).as_posix(): name_blob(path.read_bytes()) for path in files}


def name_blob(content: bytes) -> str:
    """Return git's name of a file's content: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324  # git's, not a safeguard


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
