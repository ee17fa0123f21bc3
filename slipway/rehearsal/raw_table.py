"""A table as the text of its file: records and cells are cut out as bytes and put back, whatever encoding, separator and header it has.

What reads the file reads what comes of it too, since no value is written anew.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

SEPARATORS = (b",", b";", b"\t", b"|")
NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?")
LOOKED_AT = 200


@dataclass(frozen=True)
class RawTable:
    """What stands before the records, with the header; the records, each with its line end; and how a record is cut."""

    before: bytes
    names: Sequence[str]  # empty where there is no header
    records: Sequence[bytes]
    separator: bytes
    quoted: bool

    def content(self) -> bytes:
        """Return the file."""
        return self.before + b"".join(self.records)

    def column(self, number: int) -> list[bytes]:
        """Return the cells of a column. Raises IndexError where a record is shorter."""
        return [cut(each.rstrip(b"\r\n"), self.separator, self.quoted)[number] for each in self.records]

    def with_column(self, number: int, cells: Sequence[bytes]) -> "RawTable":
        """Return the table with other cells in a column."""
        return replace(self, records=[self.with_cell(each, number, cell) for each, cell in zip(self.records, cells, strict=True)])

    def with_cell(self, record: bytes, number: int, cell: bytes) -> bytes:
        """Return a record with another cell."""
        body = record.rstrip(b"\r\n")
        cells = cut(body, self.separator, self.quoted)
        return self.separator.join([*cells[:number], cell, *cells[number + 1 :]]) + record[len(body) :]

    def find(self, name: str, values: "pd.Series[Any]") -> int | None:
        """Return the number of the column that is read as one of this name with these values, None where that is not to be told."""
        if plain(name) in map(plain, self.names):
            return [*map(plain, self.names)].index(plain(name))
        if len(values) != len(self.records):
            return None
        try:  # under another name, or as other values: where equal cells are equal values, and others are others
            same = [number for number in range(width(self.records, self.separator, self.quoted)) if alike(self.column(number), values)]
        except IndexError:
            return None
        exactly = [number for number in same if equal(self.column(number), values)] if len(same) > 1 else same
        return exactly[0] if len(exactly) == 1 else None


def parse(content: bytes, rows: pd.DataFrame) -> RawTable | None:
    """Return the table that was read as these rows; None where the file is no text of lines."""
    if b"\0" in content:  # an archive, Parquet, or two bytes a letter
        return None
    known = {plain(str(name)) for name in rows}
    tables = [of_lines(lines(content, quoted), known, quoted) for quoted in (True, False)]
    # A quote may belong to the text: then each line is a record.
    return next((each for each in tables if len(each.records) == len(rows)), tables[0])


def of_lines(found: list[bytes], known: set[str], quoted: bool) -> RawTable:
    """Return the table of records: those that are as wide as most, and before them what is not, and the header."""
    some = found[:LOOKED_AT]
    separator = max(SEPARATORS, key=lambda each: agreeing(some, each, quoted))
    most = width(some, separator, quoted)
    first = next((number for number, each in enumerate(found) if len(cut(each, separator, quoted)) == most), 0)
    names = [named(each) for each in cut(found[first].rstrip(b"\r\n"), separator, quoted)] if found else []
    headed = bool(known & set(map(plain, names))) or not any(map(NUMBER.fullmatch, names))
    start = first + headed
    return RawTable(b"".join(found[:start]), names if headed else [], found[start:], separator, quoted)


def lines(content: bytes, quoted: bool) -> list[bytes]:
    """Cut into records: a line each, or more where a quoted cell has some; empty lines stay with the record before."""
    found, is_open = list[bytes](), False
    for line in content.splitlines(keepends=True):
        if found and (is_open or not line.rstrip(b"\r\n")):
            found[-1] += line
        else:
            found.append(line)
        is_open ^= quoted and line.count(b'"') % 2 == 1
    return found


def cut(record: bytes, separator: bytes, quoted: bool) -> list[bytes]:
    """Cut a record into its cells, as they are written."""
    cells, is_open = list[bytes](), False
    for part in record.split(separator):
        if is_open:
            cells[-1] += separator + part
        else:
            cells.append(part)
        is_open ^= quoted and part.count(b'"') % 2 == 1
    return cells


def width(records: Sequence[bytes], separator: bytes, quoted: bool) -> int:
    """Return how many cells most records have."""
    counts = Counter(len(cut(each, separator, quoted)) for each in records[:LOOKED_AT])
    return counts.most_common(1)[0][0] if counts else 0


def agreeing(records: Sequence[bytes], separator: bytes, quoted: bool) -> tuple[int, int]:
    """Return how many records have the same number of cells, more than one, and how many these are."""
    most = width(records, separator, quoted)
    return (sum(len(cut(each, separator, quoted)) == most for each in records) if most > 1 else 0), most


def named(cell: bytes) -> str:
    """Return a name of the header."""
    try:
        return cell.decode("utf-8-sig").strip().strip('"').strip()
    except UnicodeDecodeError:
        return cell.decode("cp1252", errors="replace").strip().strip('"').strip()


def plain(name: str) -> str:
    """Return a name by which it is found however its letters are composed."""
    return unicodedata.normalize("NFC", name)


def alike(cells: Sequence[bytes], values: "pd.Series[Any]") -> bool:
    """Tell whether each cell of a column stands for one value, and each value for one cell, of which there are some."""
    codes, found = pd.factorize(pd.Series([each.strip().strip(b'"') or None for each in cells], dtype=object))
    return len(found) > 1 and bool((codes == pd.factorize(values)[0]).all())


def equal(cells: Sequence[bytes], values: "pd.Series[Any]") -> bool:
    """Tell whether the cells of a column are these numbers, with a point or a comma."""
    if not pd.api.types.is_any_real_numeric_dtype(values):
        return False
    numbers = pd.to_numeric(pd.Series([each.strip(b' "').replace(b",", b".").decode("latin-1") for each in cells]), errors="coerce")
    return bool(np.allclose(numbers, values.astype(float), equal_nan=True))


def hundredfold(cell: bytes) -> bytes:
    """Return a number times 100, written as it was; what is no number stays."""
    text = cell.decode("latin-1")
    found = NUMBER.search(text)
    if not found or text.replace(found[0], "", 1).strip(' "'):
        return cell
    mark = "," if "," in found[0] else "."
    value = format(Decimal(found[0].replace(",", ".")) * 100, "f")
    return text.replace(found[0], value.replace(".", mark), 1).encode("latin-1")
