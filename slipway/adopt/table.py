"""Read the owner's table: CSV as any program writes it, or Parquet. A large one is sampled at even distances."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from slipway.doctor.reading import Raw, find_odd_row, parse_raw
from slipway.errors import PipelineError

# A file with more bytes is sampled: GitHub takes no file of more than 100 MB, and a fit on more would take minutes.
MOST_BYTES = 50_000_000
PARQUET = b"PAR1"
NESTED = ("STRUCT", "MAP", "UNION", "BLOB")
# Fewer rows leave nothing to judge on.
LEAST_ROWS = 30


@dataclass(frozen=True)
class Source:
    """A table as it is written, and what was done to get it."""

    raw: Raw
    notes: tuple[str, ...] = ()


def read_source(path: Path, most: int = MOST_BYTES) -> Source:
    """Read a table. Raises PipelineError for a file that is none, or has too few rows."""
    if not path.is_file():
        near = sorted(each.name for each in path.parent.glob("*") if each.suffix in (".csv", ".tsv", ".txt", ".parquet"))[:5]
        there = f"; {path.parent} has {', '.join(near)}" if near else ""
        raise PipelineError(f"{path} is no file{there}. Expected: a CSV or Parquet file. Next: ./run adopt FILE --target COLUMN.")
    with path.open("rb") as file:
        parquet = file.read(4) == PARQUET
    content, notes = _read_parquet(path, most) if parquet else _read_text(path, most)
    raw = parse_raw(content)
    whole = raw is not None and len(raw.table.columns) > 1 and isinstance(raw.table.index, pd.RangeIndex)
    if not whole and (odd := find_odd_row(content)):
        number, cells, names = odd
        where = f"{path}, line {number}" if len(content) == path.stat().st_size else f"{path}, a row"
        raise PipelineError(f"{where}: it has {cells} cells. Expected: {names}, as the line of column names has. Next: correct it.")
    if raw is None:
        raise PipelineError(f"{path} holds no table. Expected: CSV with a line of column names, or Parquet. Next: save it as CSV (UTF-8).")
    if len(raw.table) < LEAST_ROWS:
        raise PipelineError(
            f"{path} has {len(raw.table)} row{'s' * (len(raw.table) != 1)}. Expected: {LEAST_ROWS} at least, better some hundreds: "
            "a part is held back to judge on. Next: collect more rows."
        )
    return Source(raw, tuple(notes))


def _read_text(path: Path, most: int) -> tuple[bytes, list[str]]:
    size = path.stat().st_size
    if size <= most:
        return path.read_bytes(), []
    every = math.ceil(size / most)
    with path.open("rb") as file:
        content = b"".join(sample_lines(file, every))
    return content, [_describe_sample(size, every)]


def sample_lines(lines: Iterable[bytes], every: int) -> Iterator[bytes]:
    """Yield the header, and one in so many rows; a row whose quoted cell has several lines stays whole."""
    number, quoted = 0, False
    for line in lines:
        if number % every == 1 or number == 0 or every == 1:
            yield line
        quoted ^= bool(line.count(b'"') % 2)
        number += not quoted


def _read_parquet(path: Path, most: int) -> tuple[bytes, list[str]]:
    import duckdb  # imported here: few tables need it

    size = path.stat().st_size
    every = math.ceil(size / most)
    sql = "SELECT * EXCLUDE file_row_number FROM read_parquet($path, file_row_number = true) WHERE file_row_number % $every = 0"
    try:
        found = duckdb.execute(sql, {"path": str(path), "every": every}).df()
        types = duckdb.execute("DESCRIBE SELECT * FROM read_parquet($path)", {"path": str(path)}).fetchall()
    except duckdb.Error as error:
        raise PipelineError(f"{path} cannot be read as Parquet: {error}. Next: write it anew, or save it as CSV.") from error
    notes = ["Parquet: its rows are kept as CSV"] + [_describe_sample(size, every)] * (every > 1)
    nested = [name for name, kind, *_ in types if kind.endswith("]") or kind.startswith(NESTED)]
    notes += [f"{name}: left out, since a cell holds several values, or bytes: give each that matters a column" for name in nested]
    durations = [str(name) for name in found.select_dtypes("timedelta")]
    notes += [f"{name}: a duration, taken in seconds" for name in durations]
    found = found.assign(**{name: found[name].dt.total_seconds() for name in durations})
    return found.drop(columns=nested).to_csv(index=False).encode(), notes


def _describe_sample(size: int, every: int) -> str:
    return f"{size / 1e6:,.0f} MB: one row in {every} is taken, at even distances"


def find_target(raw: Raw, target: str) -> str:
    """Return the column of a name, as the table writes it. Raises PipelineError where there is none."""
    names = [str(each) for each in raw.table]
    found = {each.strip(): each for each in names}
    if target.strip() in found:
        return found[target.strip()]
    near = [each for each in names if each.lower() == target.lower()] or get_close_matches(target, names, n=3) or names[:8]
    raise PipelineError(f"There is no column {target!r}. Expected: one of {', '.join(map(repr, near))}. Next: --target with its name.")


def drop_rows(raw: Raw, wrong: "pd.Series[bool]") -> Raw:
    """Return a table without some of its rows."""
    return replace(raw, table=raw.table[~wrong.to_numpy()].reset_index(drop=True))


def write_rows(raw: Raw, rows: "pd.Series[bool]", path: Path) -> None:
    """Write some rows of a table in its own form: separator, encoding and cells stay as they were."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = raw.table[rows.to_numpy()].to_csv(sep=raw.separator, index=False, lineterminator="\n")
    path.write_bytes(text.encode(raw.encoding))
