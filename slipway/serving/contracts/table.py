"""Rows from CSV."""

import csv
from io import StringIO
from itertools import islice
from typing import Any

from pydantic_core import from_json

from slipway.serving.declared import FEATURES, Feature
from slipway.serving.errors import Refused
from slipway.serving.rows import NAMES, Values

FEATURE = {each.name: each for each in FEATURES}


def rows(content: bytes, max_rows: int) -> list[Values]:
    """Parse rows, with a header that names the features or else in declared order. Raises Refused."""
    try:
        text = StringIO(content.decode("utf-8-sig"), newline="")
        lines = list(islice(csv.reader(text, strict=True), max_rows + 2))
    except (UnicodeDecodeError, csv.Error):
        raise Refused(422, "the request: this is no CSV in UTF-8.") from None
    header = NAMES
    # A header that is misspelt in part is one, and refused; nothing is guessed.
    if lines and not set(NAMES).isdisjoint(lines[0]):
        header = lines.pop(0)
        if sorted(header) != sorted(NAMES):
            raise Refused(422, f"the header: it has to name each of {', '.join(NAMES)} once.")
    if len(lines) > max_rows:
        raise Refused(413, f"More than {max_rows} rows in one request. Send them in several requests.")
    return [row(number, header, cells) for number, cells in enumerate(lines)]


def row(number: int, header: list[str], cells: list[str]) -> Values:
    """Parse a line. Raises Refused."""
    if len(cells) != len(header):
        raise Refused(422, f"row {number}: {len(header)} values are expected.")
    return {name: value(f"row {number}, {name}", FEATURE[name], cell) for name, cell in zip(header, cells, strict=True)}


def value(where: str, feature: Feature, cell: str) -> Any:
    """Read a cell as what its feature is; an empty one is missing. What is something else stays text. Raises Refused."""
    if cell == "":
        return None
    if feature.kind is object:
        raise Refused(422, f"{where}: this may be of several types, which CSV does not tell apart. Send JSON.")
    if feature.kind is str:
        return cell
    try:
        found = from_json((cell.lower() if feature.kind is bool else cell).encode(), allow_inf_nan=False)
    except ValueError:
        return cell
    fits = type(found) is feature.kind or (feature.kind is float and type(found) is int)
    return found if fits else cell
