"""Whether the library in a project is the template's, byte by byte. Imported by the hook too: nothing but Python's own here."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

LIBRARY = "slipway"
SUFFIXES = (".css", ".html", ".md", ".py")


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
