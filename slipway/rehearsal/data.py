"""The training data of a rehearsal: the owner's file, cut or changed in its text, so that the owner's `load` reads it like the whole.

Records and cells are cut out as bytes and put back, whatever encoding, separator and header the file has: no value is written anew.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model import features
from slipway.errors import PipelineError
from slipway.gate import dataset

# The first release learns from this share of the training data, the oldest rows; in the example, up to 2012-06.
EARLIER = 0.8549
SEPARATORS = (b",", b";", b"\t", b"|")
NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?")
SAMPLED = 200  # records, to find the separator


class LeftOut(Exception):
    """A step of the rehearsal that cannot be had from this file, and why."""


@dataclass(frozen=True)
class RawTable:
    """What stands before the records, with the header; the records, each with its line end; and how a record is cut."""

    before: bytes
    names: Sequence[str]  # normalised; empty where there is no header
    records: Sequence[bytes]
    separator: bytes
    quoted: bool

    def column(self, number: int) -> list[bytes]:
        """Return the cells of a column. Raises IndexError where a record is shorter."""
        return [_split_cells(each.rstrip(b"\r\n"), self.separator, self.quoted)[number] for each in self.records]

    def replace_column(self, number: int, cells: Sequence[bytes]) -> bytes:
        """Return the file with other cells in a column."""
        return self.before + b"".join(self._replace_cell(each, number, cell) for each, cell in zip(self.records, cells, strict=True))

    def _replace_cell(self, record: bytes, number: int, cell: bytes) -> bytes:
        body = record.rstrip(b"\r\n")
        cells = _split_cells(body, self.separator, self.quoted)
        return self.separator.join([*cells[:number], cell, *cells[number + 1 :]]) + record[len(body) :]

    def find(self, name: str, values: "pd.Series[Any]") -> int | None:
        """Return the number of the column that is read as one of this name with these values, None where that is not to be told."""
        if (normal := _normalise(name)) in self.names:
            return [*self.names].index(normal)
        if len(values) != len(self.records):
            return None
        try:  # under another name, or as other values: where equal cells are equal values, and others are others
            width = _count_cells(self.records, self.separator, self.quoted)
            same = [number for number in range(width) if _has_same_groups(self.column(number), values)]
        except IndexError:
            return None
        exactly = [number for number in same if _has_same_numbers(self.column(number), values)] if len(same) > 1 else same
        return exactly[0] if len(exactly) == 1 else None


@dataclass(frozen=True)
class Data:
    """The training data of the rehearsal, which each method writes; it is read back before anything is learnt from it."""

    path: Path
    whole: bytes
    rows: pd.DataFrame
    table: RawTable | None

    def write_all(self) -> int:
        """Write all rows, and return how many they are."""
        self.path.write_bytes(self.whole)
        return len(self.rows)

    def write_oldest(self) -> str:
        """Write the oldest rows, or about as many spread over all where the oldest lack a class, and say which. Raises LeftOut."""
        table = self._require_table()
        number = int(len(table.records) * EARLIER)
        spread = [each for place, each in enumerate(table.records) if place % 7]
        for records, which in ((table.records[:number], "the oldest {} rows"), (spread, "{} rows, six of each seven")):
            self.path.write_bytes(table.before + b"".join(records))
            found = self._read_back()
            if found is not None and 0 < len(found) < len(self.rows) and _find_classes(found) == _find_classes(self.rows):
                return which.format(len(found))
        self.write_all()
        raise LeftOut("model/data.py does not read a part of data/train.csv as a part")

    def write_other_unit(self) -> str:
        """Write all rows with one number times 100, and return its name. Raises LeftOut."""
        table, why = self._require_table(), "no feature is a number"
        for name in list_numbers(self.rows):
            place, why = table.find(name, self.rows[name]), f"{name} cannot be found in the text of data/train.csv"
            if place is None:
                continue
            self.path.write_bytes(table.replace_column(place, [multiply_cell(each) for each in table.column(place)]))
            found = self._read_back()
            if found is None or _is_hundredfold(self.rows[name], found[name]):
                return name
            why = f"model/data.py does not read {name} as it is written in data/train.csv"
        self.write_all()
        raise LeftOut(why)

    def write_shuffled(self) -> None:
        """Write all rows with their targets shuffled. Raises LeftOut."""
        table, target = self._require_table(), self.rows[features.TARGET]
        if (place := table.find(features.TARGET, target)) is not None:
            cells = table.column(place)
            order = np.random.default_rng(0).permutation(len(cells))
            self.path.write_bytes(table.replace_column(place, [cells[each] for each in order]))
            found = self._read_back()
            if found is not None and _is_shuffled(target, found[features.TARGET]):
                return
        self.write_all()
        raise LeftOut(f"the target {features.TARGET} is not in data/train.csv as model/data.py reads it")

    def _require_table(self) -> RawTable:
        if self.table is None or len(self.table.records) < 2:
            raise LeftOut("data/train.csv is no text with a row a line")
        return self.table

    def _read_back(self) -> pd.DataFrame | None:
        try:
            return dataset.read(self.path)
        except PipelineError:
            return None


def read_data(path: Path) -> Data:
    """Read the training data. Raises PipelineError."""
    rows, whole = dataset.read(path), path.read_bytes()
    return Data(path, whole, rows, parse_table(whole, rows))


def list_numbers(rows: pd.DataFrame) -> list[str]:
    """Return the features that are numbers and not all nought, those first that are most like a measurement: with fractions."""
    found = [name for name in dataset.list_inputs() if name in rows and pd.api.types.is_any_real_numeric_dtype(rows[name])]
    return sorted((name for name in found if rows[name].any()), key=lambda name: not pd.api.types.is_float_dtype(rows[name]))


def _find_classes(rows: pd.DataFrame) -> set[object]:
    return set() if features.TASK == "regression" else set(rows[features.TARGET].dropna())


def _is_hundredfold(before: "pd.Series[float]", after: "pd.Series[float]") -> bool:
    same = len(before) == len(after) and pd.api.types.is_any_real_numeric_dtype(after)
    return same and bool(np.allclose(after.astype(float), before.astype(float) * 100, equal_nan=True))


def _is_shuffled(before: "pd.Series[Any]", after: "pd.Series[Any]") -> bool:
    """Tell whether as many values are read, and others: where `load` leaves rows out, what these had may be among them."""
    return len(before) == len(after) and not bool((before.to_numpy() == after.to_numpy()).all())


def parse_table(content: bytes, rows: pd.DataFrame) -> RawTable | None:
    """Return the table that was read as these rows; None where the file is no text of lines."""
    if b"\0" in content:  # an archive, Parquet, or two bytes a letter
        return None
    known = {_normalise(str(name)) for name in rows}
    tables = [_build_table(_split_records(content, quoted), known, quoted) for quoted in (True, False)]
    # A quote may belong to the text: then each line is a record.
    return next((each for each in tables if len(each.records) == len(rows)), tables[0])


def _build_table(found: list[bytes], known: set[str], quoted: bool) -> RawTable:
    """Return the table of records: those that are as wide as most, and before them what is not, and the header."""
    some = found[:SAMPLED]
    separator = max(SEPARATORS, key=lambda each: _rank_separator(some, each, quoted))
    most = _count_cells(some, separator, quoted)
    first = next((number for number, each in enumerate(found) if len(_split_cells(each, separator, quoted)) == most), 0)
    names = [_read_name(each) for each in _split_cells(found[first].rstrip(b"\r\n"), separator, quoted)] if found else []
    headed = bool(known & {*names}) or not any(map(NUMBER.fullmatch, names))
    start = first + headed
    return RawTable(b"".join(found[:start]), names if headed else [], found[start:], separator, quoted)


def _split_records(content: bytes, quoted: bool) -> list[bytes]:
    """Split into records: a line each, or more where a quoted cell has some; empty lines stay with the record before."""
    found, is_open = list[bytes](), False
    for line in content.splitlines(keepends=True):
        if found and (is_open or not line.rstrip(b"\r\n")):
            found[-1] += line
        else:
            found.append(line)
        is_open ^= quoted and line.count(b'"') % 2 == 1
    return found


def _split_cells(record: bytes, separator: bytes, quoted: bool) -> list[bytes]:
    cells, is_open = list[bytes](), False
    for part in record.split(separator):
        if is_open:
            cells[-1] += separator + part
        else:
            cells.append(part)
        is_open ^= quoted and part.count(b'"') % 2 == 1
    return cells


def _count_cells(records: Sequence[bytes], separator: bytes, quoted: bool) -> int:
    counts = Counter(len(_split_cells(each, separator, quoted)) for each in records[:SAMPLED])
    return counts.most_common(1)[0][0] if counts else 0


def _rank_separator(records: Sequence[bytes], separator: bytes, quoted: bool) -> tuple[int, int]:
    """Return how many records have the same number of cells, more than one, and how many these are."""
    most = _count_cells(records, separator, quoted)
    return (sum(len(_split_cells(each, separator, quoted)) == most for each in records) if most > 1 else 0), most


def _read_name(cell: bytes) -> str:
    try:
        name = cell.decode("utf-8-sig")
    except UnicodeDecodeError:
        name = cell.decode("cp1252", errors="replace")
    return _normalise(name.strip().strip('"').strip())


def _normalise(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _has_same_groups(cells: Sequence[bytes], values: "pd.Series[Any]") -> bool:
    """Tell whether each cell of a column stands for one value, and each value for one cell, of which there are some."""
    codes, found = pd.factorize(pd.Series([each.strip().strip(b'"') or None for each in cells], dtype=object))
    return len(found) > 1 and bool((codes == pd.factorize(values)[0]).all())


def _has_same_numbers(cells: Sequence[bytes], values: "pd.Series[Any]") -> bool:
    """Tell whether the cells of a column are these numbers, with a point or a comma."""
    if not pd.api.types.is_any_real_numeric_dtype(values):
        return False
    numbers = pd.to_numeric(pd.Series([each.strip(b' "').replace(b",", b".").decode("latin-1") for each in cells]), errors="coerce")
    return bool(np.allclose(numbers, values.astype(float), equal_nan=True))


def multiply_cell(cell: bytes) -> bytes:
    """Return a number times 100, written as it was; what is no number stays."""
    text = cell.decode("latin-1")
    found = NUMBER.search(text)
    if not found or text.replace(found[0], "", 1).strip(' "'):
        return cell
    mark = "," if "," in found[0] else "."
    value = format(Decimal(found[0].replace(",", ".")) * 100, "f")
    return text.replace(found[0], value.replace(".", mark), 1).encode("latin-1")
