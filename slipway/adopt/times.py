"""Times in a column, as people and programs write them, and how `load` turns them into the one form of requests."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from slipway.doctor.draft import Draft, add_alias
from slipway.doctor.kinds import Kind
from slipway.doctor.source import quote

ISO_DAY, ISO, ZONED = "date", "datetime", "zoned"
DAYS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%b-%Y", "%d %b %Y")
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
SHAPE = re.compile(r"\d{1,4}[./ -](\d{1,2}|[A-Za-z]{3})[./ -]\d{2,4}( \d{1,2}:\d{2}(:\d{2})?( [AaPp][Mm])?)?")


@dataclass(frozen=True)
class Times:
    """A column of times: the first and the last, whether each is a day, and the form that is not the one of requests."""

    first: pd.Timestamp
    last: pd.Timestamp
    daily: bool
    form: str = ""
    # Another form in which all of it could be read, with the month before the day.
    other: str = ""

    def describe(self) -> str:
        """Return it as a reason."""
        written = f", written {self.form}" if self.form and self.form != ZONED else ", in UTC" if self.form else ""
        doubt = f"; it may as well be {self.other}, then correct model/data.py" if self.other else ""
        return f"{'days' if self.daily else 'times'} from {self.first:%Y-%m-%d} to {self.last:%Y-%m-%d}{written}{doubt}"

    def declare(self, draft: Draft, missing: bool) -> str:
        """Return its type in class Row."""
        return add_alias(("date" if self.daily else "datetime") + " | None" * missing, draft.alias)

    def format_step(self, name: str) -> list[str]:
        """Return the lines of `load` that make it what a request has, none where it is that."""
        at = f"rows[{quote(name)}]"
        if not self.form:
            return []
        if self.form == ZONED:
            return [f"{at} = pd.to_datetime({at}, utc=True).dt.tz_localize(None)"]
        return [f'{at} = pd.to_datetime({at}.replace("", None), format="{self.form}")']


def read_times(kind: Kind) -> Times | None:
    """Return the times in a column, None where it holds something else."""
    cells = pd.Series(list(kind.counts))
    if kind.name in (ISO_DAY, ISO, ZONED):
        found = pd.to_datetime(cells, utc=True, format="ISO8601").dt.tz_localize(None)
        return _describe(found, kind.name == ISO_DAY, ZONED if kind.name == ZONED else "")
    if kind.name != "text" or not all(SHAPE.fullmatch(str(cell).strip()) for cell in kind.counts):
        return None
    forms = find_forms(map(str, kind.counts))
    if not forms:
        return None
    form, *others = forms
    daily = "%H" not in form and "%I" not in form
    return _describe(pd.to_datetime(cells, format=form), daily, form, next(iter(others), ""))


def _describe(found: "pd.Series[Any]", daily: bool, form: str, other: str = "") -> Times | None:
    return Times(found.min(), found.max(), daily, form, other) if found.nunique() > 1 else None


def find_forms(cells: Iterable[str]) -> list[str]:
    """Return the forms in which all cells are times, those with the day before the month first."""
    cells = list(cells)
    forms = (day + clock for day in DAYS for clock in CLOCKS)
    return [form for form in forms if all(_fits(cell, form) for cell in cells)]


def _fits(cell: str, form: str) -> bool:
    try:
        datetime.strptime(cell, form)
    except ValueError:
        return False
    return True
