"""The situations: what is written into the file, what is declared of it, and how it is loaded."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

ROWS, REFERENCE = 300, 100
Cells = Callable[[int], Any]
FEATURES = '''"""What the model takes."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

TASK = "binary"
TARGET = "churn"
GROUP: str | None = None
TARGET_RANGE: tuple[float, float] | None = None
SLICES: dict[str, tuple[float, ...] | None] = {"plan": None}
CONTRACT_VERSION = 1


class Row(BaseModel):
    """One customer."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

{fields}
'''
USUAL = """    plan: Literal["basic", "plus", "pro"]
    region: Literal["north", "south"] | str
    tenure: Annotated[int, Field(ge=0, le=200)]
    monthly: Annotated[float, Field(ge=0, le=500)]
"""
LOAD = '''"""Where rows come from."""

from pathlib import Path

import pandas as pd


def load(path: Path) -> pd.DataFrame:
    """Read rows."""
    {body}
'''


@dataclass(frozen=True)
class Situation:
    """`columns` are written beside the usual ones, `fields` declared beside `usual`, `constants` are other lines above Row.

    `body` is all of load where it is not the default, `written` are options of `to_csv`, `expected` is what the doctor has to print.
    """

    columns: dict[str, Cells] = field(default_factory=dict)
    fields: str = ""
    usual: str = USUAL
    constants: tuple[str, ...] = ()
    body: str = ""
    written: dict[str, Any] = field(default_factory=dict)
    edit: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows
    expected: str = ""

    def features(self) -> str:
        """Return model/features.py."""
        text = FEATURES.replace("{fields}", self.usual + self.fields)
        for line in self.constants:
            name = line.split()[0].rstrip(":")
            text = re.sub(rf"^{name}\b.*$", line, text, flags=re.MULTILINE)
        return text

    def rows(self, first: int, number: int) -> pd.DataFrame:
        """Return rows as they are written."""
        numbers = range(first, first + number)
        random = np.random.default_rng(first)
        tenure = [(36 + 7 * each) % 72 for each in numbers]
        usual = {
            "customer_id": [100000 + each for each in numbers],
            "plan": [("plus", "basic", "pro")[each % 3] for each in numbers],
            "region": [("north", "east", "south")[each % 3] for each in numbers],
            "tenure": tenure,
            "monthly": [round(18 + 100 * random.random(), 2) for _ in numbers],
            "churn": [int(each < 20 + 20 * random.random()) for each in tenure],
        }
        return self.edit(pd.DataFrame(usual | {name: [cell(each) for each in numbers] for name, cell in self.columns.items()}))


def gap(number: int, value: Any) -> Any:
    """Return a value with gaps."""
    return "" if number % 5 == 2 else value


def comma(value: float) -> str:
    """Return a number as it is written in Germany."""
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


AT = "2026-01-{day:02d}{mark}{hour:02d}:00:00{zone}"


def at(number: int, mark: str = "T", zone: str = "") -> str:
    """Return a time."""
    return AT.format(day=1 + number % 28, mark=mark, hour=number % 24, zone=zone)


def label(one: Any, zero: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Write the target with other labels."""
    return lambda rows: rows.assign(churn=[one if each else zero for each in rows["churn"]])


PLAIN = "return pd.read_csv(path)"
MORE = "    more: int"  # of which there is no column, so that all the others are proposed

SITUATIONS = {
    "whole numbers with gaps": Situation({"calls": lambda n: gap(n, n % 40)}, "    calls: Annotated[int, Field(ge=0, le=50)] | None"),
    "whole numbers written 36.0": Situation(edit=lambda rows: rows.assign(tenure=rows["tenure"].map("{:.1f}".format))),
    "many features": Situation({f"s_{each:03d}": lambda n: n * 7919 % 997 / 99 for each in range(60)}, MORE, expected="s_059: Annotated"),
    "long text": Situation(
        {"source": lambda n: " ".join(["alpha", "beta", "giga"][each * (n + 1) % 3] for each in range(600))},
        "    source: Annotated[str, Field(max_length=20000)]",
    ),
    "brackets in text": Situation(
        {"source": lambda n: '{"a": {"b": [' + str(n) + "]}} " * 20}, MORE, expected="source: Annotated[str, Field(max_length="
    ),
    "labels 1 and 2": Situation(edit=label(2, 1), expected="POSITIVE: str | int | bool | None = 1"),
    "labels Yes and No": Situation(edit=label("Yes", "No"), expected='POSITIVE: str | int | bool | None = "Yes"'),
    "labels True and False": Situation(edit=label("True", "False")),
    "NA is a country": Situation(
        {"country": lambda n: ("NA", "DE", "ZA")[n % 3]},
        '    country: Literal["DE", "ZA"] | str | None',
        body=PLAIN,
        expected="load read 'NA' as missing in 100 rows of country",
    ),
    "NA is a country, undeclared": Situation(
        {"country": lambda n: ("NA", "DE", "ZA")[n % 3]}, MORE, expected='country: Literal["DE", "NA", "ZA"] | str'
    ),
    "a week": Situation(
        {"week": lambda n: f"2026-W{1 + n % 9:02d}"}, "    week: date", expected="week: Annotated[str, Field(max_length=20)]"
    ),
    "a time with a blank": Situation({"at": lambda n: at(n, " ")}, "    at: datetime"),
    "a time with a zone": Situation({"at": lambda n: at(n, zone="Z")}, "    at: datetime", expected="at: Annotated[str, Field(max_length="),
    "a time with a zone, read as one": Situation(
        {"at": lambda n: at(n, zone="+02:00")},
        "    at: datetime",
        body='return pd.read_csv(path, parse_dates=["at"])',
        expected='rows["at"] = rows["at"].dt.tz_convert("UTC").dt.tz_localize(None)',
    ),
    "parsed dates": Situation({"at": lambda n: at(n, " ")}, "    at: datetime", body='return pd.read_csv(path, parse_dates=["at"])'),
    "parsed dates of a column that is not declared": Situation(
        {"at": lambda n: at(n, " ")}, MORE, body='return pd.read_csv(path, parse_dates=["at"])', expected="at: datetime"
    ),
    "several types in one column": Situation(
        {"code": lambda n: "n/k" if n % 4 == 0 else n % 9},
        "    code: Annotated[int, Field(ge=0, le=80)]",
        body="f = pd.read_csv(path)\n    f['code'] = [int(v) if v.isdigit() else v for v in f['code']]\n    return f",
        expected="code has 'n/k' among numbers",
    ),
    "several types in one column, and no numbers": Situation(
        {"code": lambda n: "A7" if n % 4 == 0 else n % 9},
        "    code: Annotated[int, Field(ge=0, le=80)]",
        body="f = pd.read_csv(path)\n    f['code'] = [int(v) if v.isdigit() else v for v in f['code']]\n    return f",
        expected="code holds several types in one column (int, str)",
    ),
    "Int64 with gaps": Situation(
        {"calls": lambda n: gap(n, n % 40)},
        "    calls: Annotated[int, Field(ge=0, le=80)] | None",
        body="return pd.read_csv(path).convert_dtypes()",
    ),
    "booleans with gaps": Situation({"auto": lambda n: gap(n, n % 2 == 0)}, "    auto: float", expected="auto: bool | None"),
    "booleans with gaps, undeclared": Situation({"auto": lambda n: gap(n, n % 2 == 0)}, MORE, expected="auto: bool | None"),
    "columns called as what pydantic has": Situation(
        {"copy": lambda n: n / 7, "json": lambda n: n % 9, "model_year": lambda n: n % 20, "_x": lambda n: n / 3, "class": lambda n: n / 9},
        MORE,
        expected='the_model_year: Annotated[int, Field(ge=0, le=40, alias="model_year")]',
    ),
    "decimal commas": Situation(
        edit=lambda rows: rows.assign(monthly=rows["monthly"].map(comma)),
        body='return pd.read_csv(path, sep=";")',
        written={"sep": ";", "encoding": "utf-8-sig"},
        expected='return pd.read_csv(path, sep=";", decimal=",", ',
    ),
    "an alias, and a load that renames": Situation(
        {"Total (EUR)": lambda n: n * 1.5},
        '    total_spend: Annotated[float, Field(ge=0, alias="Total (EUR)")]',
        body='return pd.read_csv(path).rename(columns={"Total (EUR)": "total_spend"})',
        expected="declared, and no columns: Total (EUR)",
    ),
    "an alias": Situation({"Total (EUR)": lambda n: n * 1.5}, '    total: Annotated[float, Field(ge=0, alias="Total (EUR)")]'),
    "an alias, and limits that do not hold": Situation(
        {"Total (EUR)": lambda n: n * 1.5},
        '    total: Annotated[float, Field(ge=0, le=9, alias="Total (EUR)")]',
        expected='total: Annotated[float, Field(ge=0, le=2000, alias="Total (EUR)")]',
    ),
    "a decomposed header": Situation(
        {"gro\u0308\u00dfe": lambda n: n * 1.5},
        "    gr\u00f6\u00dfe: Annotated[float, Field(ge=0)]",
        expected='rows.columns = rows.columns.str.normalize("NFC")',
    ),
    # --- how a file may be written
    "German, by the default load": Situation(
        {"plz": lambda n: f"{n:05d}", "umsatz": lambda n: comma(1234.5 * n), "stra\u00dfe": lambda n: gap(n, f"Gr\u00fcner Weg {n}")},
        MORE,
        edit=lambda rows: rows.assign(monthly=rows["monthly"].map(comma)),
        written={"sep": ";", "encoding": "cp1252"},
        expected='dtype={"plz": str}',
    ),
    "UTF-16 and tabs": Situation(
        {"town": lambda n: ("K\u00f6ln", "Mainz")[n % 2]},
        written={"sep": "\t", "encoding": "utf-16"},
        expected='sep="\\t", encoding="utf-16"',
    ),
    "thousands' marks": Situation({"spend": lambda n: f"{1000 * n:,}.50"}, MORE, expected='thousands=","'),
    "blanks among thousands": Situation(
        {"spend": lambda n: f"{1000 * n:,}".replace(",", "\u202f")}, MORE, expected='.str.replace("\\u202f", "", regex=False)'
    ),
    "words among numbers": Situation(
        {"a": lambda n: "?" if n % 7 == 0 else n / 3, "b": lambda n: "n/a" if n % 9 == 0 else n % 50, "c": lambda n: ("NA", "x")[n % 2]},
        MORE,
        expected='na_values={"a": ["?", "n/a"], "b": ["?", "n/a"]}',
    ),
    "blanks among numbers": Situation({"spend": lambda n: " " if n % 7 == 0 else n / 3}, MORE, expected="Field(ge=0, le=300)] | None"),
    "blanks after commas": Situation(
        edit=lambda rows: rows.assign(plan=" " + rows["plan"]).rename(columns={"plan": " plan"}), expected="rows.columns.str.strip()"
    ),
    "codes that a plain load makes numbers of": Situation(
        {"plz": lambda n: f"{n:05d}", "part": lambda n: f"{n % 30}E5"},
        "    plz: Annotated[str, Field(max_length=20)]\n    part: Annotated[str, Field(max_length=20)]",
        body=PLAIN,
        expected="load made numbers of plz, in which '00000' is text",
    ),
    "infinite values": Situation(
        {"ratio": lambda n: "inf" if n % 9 == 0 else n / 3}, "    ratio: float", body=PLAIN, expected="ratio has infinite values"
    ),
    # --- what is declared above Row
    "rows without a target": Situation(
        edit=lambda rows: rows.assign(churn=[gap(number, each) for number, each in enumerate(rows["churn"])]),
        expected="80 rows have no churn",
    ),
    "a task that is not taken": Situation(constants=('TASK = "anomaly"',), expected='TASK = "binary"'),
    "a task of more classes": Situation(constants=('TASK = "binary"', 'TARGET = "region"'), usual=MORE, expected='TASK = "multiclass"'),
    "several targets": Situation(constants=('TARGET = ["churn", "plan"]',), expected='TARGET = "churn"'),
    "slices of what is not there": Situation(
        constants=('SLICES = {"town": None, "plan": (1, 2), "tenure": (12,)}',), expected='= {"plan": None, "tenure": (12,)}'
    ),
    "a group that is not there": Situation(constants=('GROUP = "day"',), expected="GROUP: str | None = None"),
    "a range that the target leaves": Situation(
        usual="    tenure: int",
        constants=('TASK = "regression"', 'TARGET = "monthly"', "TARGET_RANGE = (20, 80)", "SLICES = {}"),
        expected="TARGET_RANGE: tuple[float, float] | None = (0, 300)",
    ),
    "no features": Situation(usual="", expected="plan: Literal"),
    "nothing of the example": Situation(usual=MORE, constants=('TARGET = "cnt"', 'TASK = "regression"'), expected='TARGET = "churn"'),
}
