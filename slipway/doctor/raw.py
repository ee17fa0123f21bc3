"""The bytes of a text table: its encoding, its separator, and its cells as they are written."""

import codecs
import csv
import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

SEPARATORS = (",", ";", "\t", "|")
LINES = 50
BINARY = (b"PAR1", b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0", b"SQLite format 3", b"\x89HDF")


@dataclass(frozen=True)
class Raw:
    """A text table: how `read_csv` has to be called for it, and its cells as they are written."""

    encoding: str
    separator: str
    blanks: bool
    table: pd.DataFrame


def read_raw(path: Path) -> Raw | None:
    """Return a text table as it is written, None of a file that is none."""
    content = path.read_bytes()
    encoding = find_encoding(content)
    if encoding is None:
        return None
    text = content.decode(encoding).removeprefix("\ufeff")
    separator = find_separator(text)
    blanks = has_blanks(text, separator)
    try:
        table = pd.read_csv(io.StringIO(text), sep=separator, dtype=str, keep_default_na=False, skipinitialspace=blanks)
    except (ValueError, OverflowError):  # pandas' own errors of parsing are ValueErrors
        return None
    return Raw("utf-8" if encoding == "utf-8-sig" else encoding, separator, blanks, table) if len(table) else None


def find_encoding(content: bytes) -> str | None:
    """Return the encoding of a text, None where it is no text."""
    if content.startswith(BINARY):
        return None
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16" if can_decode(content, "utf-16") else None
    if content.count(0, 0, 1000) > 100:
        return next((each for each in ("utf-16-le", "utf-16-be") if looks_decoded(content, each)), None)
    if b"\0" in content:
        return None
    return next((each for each in ("utf-8-sig", "cp1252", "latin-1") if can_decode(content, each)), None)


def looks_decoded(content: bytes, encoding: str) -> bool:
    """Tell whether the first characters are those of a table in an encoding of two bytes."""
    return can_decode(content, encoding) and content[:1000].decode(encoding, "ignore").isascii()


def can_decode(content: bytes, encoding: str) -> bool:
    """Tell whether bytes are text in an encoding."""
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def find_separator(text: str) -> str:
    """Return what separates the cells: what makes the most columns, as many in all of the first lines."""
    return max(SEPARATORS, key=lambda each: count_columns(text, each))


def count_columns(text: str, separator: str) -> int:
    """Return how many columns the first lines have, 0 where they differ."""
    reader = csv.reader(io.StringIO(text[:1_000_000]), delimiter=separator)
    try:
        rows = [row for row, _ in zip(reader, range(LINES), strict=False) if row]
    except csv.Error:
        return 0
    widths = {len(row) for row in rows[:-1] or rows}
    return widths.pop() if len(widths) == 1 else 0


def has_blanks(text: str, separator: str) -> bool:
    """Tell whether a blank follows each separator, as people write lists."""
    rows = [line for line in text[:100_000].splitlines()[:LINES] if separator in line]
    return bool(rows) and all(line.count(separator) == line.count(f"{separator} ") for line in rows)
