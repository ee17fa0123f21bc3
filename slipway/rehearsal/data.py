"""What a rehearsal learns from: the owner's file, cut or changed in its text, so that the owner's `load` reads it like the whole."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model import features
from slipway.errors import PipelineError
from slipway.gate import dataset
from slipway.rehearsal import raw_table
from slipway.rehearsal.raw_table import RawTable

# The first release learns from this share of the training data, the oldest rows; in the example, up to 2012-06.
EARLIER = 0.8549


class LeftOut(Exception):
    """A step of the rehearsal that cannot be had from this file, and why."""


@dataclass(frozen=True)
class Data:
    """The training data of the rehearsal, which each method writes; it is read back before anything is learnt from it."""

    path: Path
    whole: bytes
    rows: pd.DataFrame
    table: RawTable | None

    def all(self) -> int:
        """Write all rows, and return how many they are."""
        self.path.write_bytes(self.whole)
        return len(self.rows)

    def earlier(self) -> str:
        """Write the oldest rows, or about as many spread over all where the oldest lack a class, and say which. Raises LeftOut."""
        table = self.text()
        number = int(len(table.records) * EARLIER)
        spread = [each for place, each in enumerate(table.records) if place % 7]
        for records, which in ((table.records[:number], "the oldest {} rows"), (spread, "{} rows, six of each seven")):
            self.path.write_bytes(table.before + b"".join(records))
            found = self.read()
            if found is not None and 0 < len(found) < len(self.rows) and classes(found) == classes(self.rows):
                return which.format(len(found))
        self.all()
        raise LeftOut("model/data.py does not read a part of data/train.csv as a part")

    def other_unit(self) -> str:
        """Write all rows with one number times 100, and return its name. Raises LeftOut."""
        table, why = self.text(), "no feature is a number"
        for name in numbers(self.rows):
            place, why = table.find(name, self.rows[name]), f"{name} cannot be found in the text of data/train.csv"
            if place is None:
                continue
            self.path.write_bytes(table.with_column(place, [raw_table.hundredfold(each) for each in table.column(place)]).content())
            found = self.read()
            if found is None or hundredfold(self.rows[name], found[name]):
                return name
            why = f"model/data.py does not read {name} as it is written in data/train.csv"
        self.all()
        raise LeftOut(why)

    def nothing_learnt(self) -> None:
        """Write all rows with their targets shuffled. Raises LeftOut."""
        table, target = self.text(), self.rows[features.TARGET]
        if (place := table.find(features.TARGET, target)) is not None:
            cells = table.column(place)
            order = np.random.default_rng(0).permutation(len(cells))
            self.path.write_bytes(table.with_column(place, [cells[each] for each in order]).content())
            found = self.read()
            if found is not None and shuffled(target, found[features.TARGET]):
                return
        self.all()
        raise LeftOut(f"the target {features.TARGET} is not in data/train.csv as model/data.py reads it")

    def text(self) -> RawTable:
        """Return the file's text as a table. Raises LeftOut."""
        if self.table is None or len(self.table.records) < 2:
            raise LeftOut("data/train.csv is no text with a row a line")
        return self.table

    def read(self) -> pd.DataFrame | None:
        """Return what is read of what was written, None where it is refused."""
        try:
            return dataset.read(self.path)
        except PipelineError:
            return None


def begin(path: Path) -> Data:
    """Read the training data. Raises PipelineError."""
    rows, whole = dataset.read(path), path.read_bytes()
    return Data(path, whole, rows, raw_table.parse(whole, rows))


def numbers(rows: pd.DataFrame) -> list[str]:
    """Return the features that are numbers and not all nought, those first that are most like a measurement: with fractions."""
    found = [name for name in dataset.list_inputs() if name in rows and pd.api.types.is_any_real_numeric_dtype(rows[name])]
    return sorted((name for name in found if rows[name].any()), key=lambda name: not pd.api.types.is_float_dtype(rows[name]))


def classes(rows: pd.DataFrame) -> set[object]:
    """Return the classes of the target, none of a regression."""
    return set() if features.TASK == "regression" else set(rows[features.TARGET].dropna())


def hundredfold(before: "pd.Series[float]", after: "pd.Series[float]") -> bool:
    """Tell whether values are those of before times 100."""
    same = len(before) == len(after) and pd.api.types.is_any_real_numeric_dtype(after)
    return same and bool(np.allclose(after.astype(float), before.astype(float) * 100, equal_nan=True))


def shuffled(before: "pd.Series[Any]", after: "pd.Series[Any]") -> bool:
    """Tell whether as many values are read, and others: where `load` leaves rows out, what these had may be among them."""
    return len(before) == len(after) and not bool((before.to_numpy() == after.to_numpy()).all())
