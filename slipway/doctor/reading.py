"""How a text table is written, what `load` in `model/data.py` loses of it or cannot read, and the lines that read it."""

import codecs
import csv
import io
import json
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from slipway.doctor.kinds import CODE, PLAIN, Numbers, choose_marks, read_kind, read_numbers
from slipway.doctor.source import quote
from slipway.serving.frames import BOOLEANS

WIDEST = 120
# pandas reads thousands' marks of one byte only.
ONE_BYTE = 128
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
    return parse_raw(path.read_bytes())


def parse_raw(content: bytes) -> Raw | None:
    """Return a text table from the bytes of its file, None of bytes that are none."""
    encoding = _find_encoding(content)
    if encoding is None:
        return None
    text = content.decode(encoding).removeprefix("\ufeff")
    separator = _find_separator(text)
    blanks = _has_blanks(text, separator)
    try:
        table = pd.read_csv(io.StringIO(text), sep=separator, dtype=str, keep_default_na=False, skipinitialspace=blanks)
    except (ValueError, OverflowError):  # pandas' own errors of parsing are ValueErrors
        return None
    return Raw("utf-8" if encoding == "utf-8-sig" else encoding, separator, blanks, table) if len(table) else None


def _find_encoding(content: bytes) -> str | None:
    """Return the encoding of a text, None where it is no text."""
    if content.startswith(BINARY):
        return None
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16" if _can_decode(content, "utf-16") else None
    if content.count(0, 0, 1000) > 100:
        return next((each for each in ("utf-16-le", "utf-16-be") if _looks_decoded(content, each)), None)
    if b"\0" in content:
        return None
    return next((each for each in ("utf-8-sig", "cp1252", "latin-1") if _can_decode(content, each)), None)


def _looks_decoded(content: bytes, encoding: str) -> bool:
    """Tell whether the first characters are those of a table in an encoding of two bytes."""
    return _can_decode(content, encoding) and content[:1000].decode(encoding, "ignore").isascii()


def _can_decode(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _find_separator(text: str) -> str:
    """Return what separates the cells: what makes the most columns, as many in all of the first lines."""
    return max(SEPARATORS, key=lambda each: _count_columns(text, each))


def _count_columns(text: str, separator: str) -> int:
    """Return how many columns the first lines have, 0 where they differ."""
    reader = csv.reader(io.StringIO(text[:1_000_000]), delimiter=separator)
    try:
        rows = [row for row, _ in zip(reader, range(LINES), strict=False) if row]
    except csv.Error:
        return 0
    widths = {len(row) for row in rows[:-1] or rows}
    return widths.pop() if len(widths) == 1 else 0


def _has_blanks(text: str, separator: str) -> bool:
    """Tell whether a blank follows each separator, as people write lists."""
    rows = [line for line in text[:100_000].splitlines()[:LINES] if separator in line]
    return bool(rows) and all(line.count(separator) == line.count(f"{separator} ") for line in rows)


def find_odd_row(content: bytes) -> tuple[int, int, int] | None:
    """Return the line of the first row with other than as many cells as there are column names, how many it has, and how many names."""
    encoding = _find_encoding(content)
    text = content.decode(encoding).removeprefix("\ufeff") if encoding else ""
    reader = csv.reader(io.StringIO(text), delimiter=max(SEPARATORS, key=text.partition("\n")[0].count))
    try:
        names = len(next(reader, ()))
        return next(((reader.line_num, len(row), names) for row in reader if row and len(row) != names), None) if names > 1 else None
    except csv.Error:
        return None


class Format:
    """How `read_csv` reads a file in full, by what is written in it; `texts` are columns that are text whatever they look like."""

    def __init__(self, raw: Raw, texts: Container[str] = ()) -> None:
        self.raw = raw
        found = {str(name): read_numbers(column) for name, column in raw.table.items() if str(name) not in texts}
        self.numbers: dict[str, Numbers] = {name: each for name, each in found.items() if each}
        self.marks = choose_marks(self.numbers.values(), raw.separator)
        self.words = {name: each.words for name, each in self.numbers.items() if each.words}

    @property
    def _by_column(self) -> list[str]:
        """The columns that no option of `read_csv` reads: their marks are not those of the others, or have more than one byte."""
        if self.marks is not None and all(ord(each) < ONE_BYTE for each in self.marks[1]):
            return []
        return [name for name, each in self.numbers.items() if not each.plain]

    @property
    def usual(self) -> bool:
        """Tell whether the default `load` reads all of it."""
        raw = self.raw
        return (raw.encoding, raw.separator, raw.blanks, self.marks) == ("utf-8", ",", False, PLAIN) and not self.words

    def _options(self) -> Iterator[str]:
        raw = self.raw
        yield from [f"sep={json.dumps(raw.separator)}"] * (raw.separator != ",")
        yield from [f'encoding="{raw.encoding}"'] * (raw.encoding != "utf-8")
        yield from ["skipinitialspace=True"] * raw.blanks
        if self.marks is None or self.marks == PLAIN or self._by_column:
            yield from ["dtype=str", "keep_default_na=False"]
            yield from [f"na_values={self._format_words()}"] * bool(self.words)
        else:
            yield from self._typed_options(*self.marks)

    def _typed_options(self, decimal: str, thousands: str) -> Iterator[str]:
        """Yield the options with which pandas makes numbers itself, and leaves the rest as text."""
        yield from [f"decimal={json.dumps(decimal)}"] * (decimal != ".")
        yield from [f"thousands={json.dumps(thousands)}"] * bool(thousands)
        yield "keep_default_na=False"
        yield f"na_values={self._format_words(always=True)}"
        texts = [name for name, column in self.raw.table.items() if name not in self.numbers and _would_change(column)]
        yield from [f"dtype={_format_keys(map(str, texts), 'str')}"] * bool(texts)

    def _format_words(self, always: bool = False) -> str:
        """Return what of the numbers is missing: a list where no text has these words, else by column."""
        words = list(dict.fromkeys(["", *self._blank_cells(), *self._list_words()]))
        if always and not self._held_by_texts(words[1:]):
            return json.dumps(words, ensure_ascii=False)
        if always:
            return _format_keys([*self.numbers], json.dumps(words, ensure_ascii=False))
        return _format_keys([*self.words], json.dumps(self._list_words(), ensure_ascii=False))

    def _list_words(self) -> list[str]:
        return list(dict.fromkeys(word for each in self.words.values() for word in each))

    def _blank_cells(self) -> list[str]:
        cells = {cell for name in self.numbers for cell in self.raw.table[name].unique()}
        return sorted(cell for cell in cells if cell and not cell.strip())

    def _held_by_texts(self, words: list[str]) -> bool:
        return any(column.isin(words).any() for name, column in self.raw.table.items() if name not in self.numbers)

    def format_call(self) -> str:
        """Return the call of `read_csv`, over several lines where it is long."""
        options = ["path", *self._options()]
        line = f"pd.read_csv({', '.join(options)})"
        return line if len(line) <= WIDEST else "pd.read_csv(\n    " + ",\n    ".join(options) + ",\n)"

    def format_steps(self) -> Iterator[str]:
        """Yield the lines for the columns that `read_csv` alone does not read."""
        by_marks: dict[tuple[str, str], list[str]] = {}
        for name in self._by_column:
            by_marks.setdefault(self.numbers[name].marks[0], []).append(name)
        for (decimal, thousands), names in by_marks.items():
            yield f"for name in {json.dumps(names, ensure_ascii=False)}:"
            marks = [f".str.replace({quote(thousands)}, {quote('')}, regex=False)"] * bool(thousands)
            marks += ['.str.replace(",", ".", regex=False)'] * (decimal == ",")
            yield f"    rows[name] = rows[name]{''.join(marks)}"


def _format_keys(names: Iterable[str], value: str) -> str:
    names = [*names]
    if len(names) > 2 and value != "str":
        return f"dict.fromkeys([{', '.join(map(quote, names))}], {value})"
    return "{" + ", ".join(f"{quote(name)}: {value}" for name in names) + "}"


def _would_change(column: "pd.Series[str]") -> bool:
    """Tell whether pandas would make numbers or booleans of a column of text."""
    cells = [each.strip() for each in column.unique() if each.strip()]
    bare = [each.replace(".", "").replace(",", "").replace(" ", "").replace("'", "") for each in cells]
    numbers = all(each.lstrip("+-").isdigit() or CODE.fullmatch(each) for each in bare)
    return bool(cells) and (numbers or all(each.lower() in BOOLEANS for each in cells))


def find_losses(raw: Raw, loaded: pd.DataFrame, texts: set[str]) -> Iterator[str]:
    """Say what `load` has made of cells that the file has: text read as numbers, words read as missing, numbers left as text.

    `texts` are the columns that are declared as text.
    """
    if len(loaded) != len(raw.table):
        return
    numbers = {name: column for name, column in raw.table.items() if name in loaded and isinstance(loaded[name], pd.Series)}
    for name, column in numbers.items():
        held, kind = loaded[name], read_kind([column])
        words = column[(held.isna() & (column.str.strip() != "")).to_numpy()]
        read = read_numbers(column)
        if len(words) and not (read and set(words) <= set(read.words)):
            some = ", ".join(map(repr, words.unique()[:3]))
            yield f"load read {some} as missing in {len(words)} rows of {name}"
        elif pd.api.types.is_numeric_dtype(held) and (name in texts or (kind.name == "text" and not read)):
            was = next((cell for cell in column if cell.strip() and cell != str(held.loc[column[column == cell].index[0]])), column.iloc[0])
            yield f"load made {'booleans' if held.dtype == bool else 'numbers'} of {name}, in which {was!r} is text"
        elif read and (not read.plain or read.words) and name not in texts and read_kind([held]).name in ("text", "mixed"):
            yield _describe_numbers(str(name), column, read)


def _describe_numbers(name: str, column: "pd.Series[str]", read: Numbers) -> str:
    if read.words and (read.plain or not read.marks):
        return f"{name} has {', '.join(map(repr, read.words[:3]))} among numbers"
    marked = (cell for cell in column if cell.strip() and not cell.strip().lstrip("+-").isdecimal() and cell not in read.words)
    some = max(marked, key=len, default=column.iloc[0])
    return f"{name} has numbers such as {some!r}"
