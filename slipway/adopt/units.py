"""Numbers with a unit, such as `1.812,37 €` and `15 %`: the lines of `load` that leave the number."""

import re
from collections.abc import Iterator
from typing import Any

import pandas as pd

from slipway.doctor.kinds import MISSING, choose_marks, read_numbers
from slipway.doctor.source import quote

MONEY = r"[€$£¥]|EUR|USD|GBP|CHF|JPY"
UNITS = rf"{MONEY}|[%‰]|°[CF]|kg|g|t|km|m|cm|mm|m²|m2|km/h|mph|l|ml|h|min|s|ms|kWh?|MB|GB"
FORM = re.compile(rf"(?P<before>(?:{MONEY})\s?)?(?P<number>[+-]?\d[\d.,' \u00a0\u202f]*?)(?P<after>\s?(?:{UNITS}))?")


def find_units(rows: pd.DataFrame, separator: str) -> Iterator[tuple[str, str]]:
    """Yield what is done with each column of numbers with one unit, and the line that does it."""
    for name, column in rows.items():
        if not pd.api.types.is_numeric_dtype(column) and (found := _find_unit(column, separator)):
            unit, edits = found
            at = f"rows[{quote(str(name))}]"
            yield f"{name}: its numbers are taken without their unit, {unit!r}", f"{at} = {at}{edits}"


def _find_unit(column: "pd.Series[Any]", separator: str) -> tuple[str, str] | None:
    """Return the unit of all cells, and the calls that leave their numbers; None where they have none, or several."""
    cells = [each for each in map(str, column.dropna().unique()) if each.strip()]
    words = [each for each in cells if MISSING.fullmatch(each.strip())]
    found = [FORM.fullmatch(each.strip()) for each in cells if each not in words]
    parts = {(each["before"] or "", each["after"] or "") for each in found if each}
    if None in found or len(parts) != 1 or parts == {("", "")}:
        return None
    numbers = read_numbers(pd.Series([each["number"] for each in found if each]))
    marks = choose_marks([numbers], separator) if numbers else None
    if marks is None:
        return None
    [(before, after)] = parts
    decimal, thousands = marks
    gone = [each for each in (before.strip(), after.strip(), thousands) if each]
    edits = f'.replace([{", ".join(map(quote, words))}], "")' * bool(words)
    edits += "".join(f'.str.replace({quote(each)}, "", regex=False)' for each in gone)
    edits += '.str.replace(",", ".", regex=False)' * (decimal == ",") + ".str.strip()"
    return (before or after).strip(), edits
