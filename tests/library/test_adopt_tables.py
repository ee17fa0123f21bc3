"""Whole tables with every kind of column: each draft is valid, its declaration takes all rows, and a second adopt changes nothing.

A few tables in the usual run; `ADOPT_TABLES=300 pytest tests/library/test_adopt_tables.py` makes so many.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from slipway.cli import ROOT
from tests.library.test_adopt import make_rows

EXAMPLES = int(os.environ.get("ADOPT_TABLES", "4"))
Draw = np.random.Generator
Adopt = Callable[..., tuple[int, str]]


@dataclass(frozen=True)
class Rows:
    """What cells are made from: so many rows, chance, and a hidden number a row that the target hangs on."""

    number: int
    draw: Draw
    hidden: Any

    def choose(self, words: Sequence[Any]) -> list[Any]:
        """Return one of some words a row, by the hidden number and by chance."""
        return [words[int(each)] for each in np.clip((self.hidden + self.draw.normal(0, 0.3, self.number)) * len(words), 0, len(words) - 1)]

    def times(self, form: str, step: str = "7h") -> list[str]:
        """Return times in the order of the rows."""
        return list(pd.date_range("2024-11-28 05:30", periods=self.number, freq=step).strftime(form))

    def amounts(self, low: float, high: float, digits: int) -> Any:
        """Return numbers by the hidden one."""
        return (low + (high - low) * (self.hidden + self.draw.uniform(0, 0.2, self.number))).round(digits)


def write_german(values: Any) -> list[str]:
    """Write numbers with a decimal comma and points for thousands."""
    return [f"{each:,.2f}".translate(str.maketrans(",.", ".,")) for each in values]


WORDS = ["late", "good", "broken", "fast", "call", "never", "again", "größer", "it's", 'a "so-called"', "1,5", "x;y"]
CELLS: dict[str, Callable[[Rows], Any]] = {
    "running": lambda rows: range(1000, 1000 + rows.number),
    "row_id": lambda rows: rows.draw.permutation(rows.number * 40)[: rows.number],
    "uuid": lambda rows: [rows.draw.bytes(8).hex() for _ in range(rows.number)],
    "customer_id": lambda rows: [f"C{each:04d}" for each in rows.draw.integers(0, rows.number // 4, rows.number)],
    "constant": lambda rows: ["EUR"] * rows.number,
    "nothing": lambda rows: [""] * rows.number,
    "day": lambda rows: rows.times("%Y-%m-%d", "9h"),
    "at": lambda rows: rows.times("%Y-%m-%d %H:%M:%S"),
    "zoned": lambda rows: rows.times("%Y-%m-%dT%H:%M:%SZ"),
    "german day": lambda rows: rows.times("%d.%m.%Y", "31h"),
    "American time": lambda rows: rows.times("%m/%d/%Y %I:%M %p"),
    "week": lambda rows: rows.times("%G-W%V"),
    "month": lambda rows: rows.times("%Y-%m"),
    "clock": lambda rows: rows.times("%H:%M"),
    "zip": lambda rows: [f"{each:05d}" for each in rows.draw.integers(900, 1060, rows.number)],
    "postal_code": lambda rows: rows.draw.integers(10_000, 10_040, rows.number),
    "part": lambda rows: [f"{each}E{each % 7}" for each in rows.draw.integers(1, 30, rows.number)],
    "plan": lambda rows: rows.choose(["basic", "plus", "pro"]),
    "country": lambda rows: rows.choose(["NA", "DE", "ZA", "None"]),
    "many": lambda rows: [f"kind {each}" for each in rows.draw.integers(0, 60, rows.number)],
    "rare": lambda rows: ["usual"] * (rows.number - 2) + ["seldom", "once"],
    "signs": lambda rows: rows.choose(WORDS),
    "lines": lambda rows: rows.choose(["one\ntwo", "three", 'f"our', " five "]),
    "grade": lambda rows: rows.draw.integers(1, 6, rows.number),
    "area": lambda rows: rows.amounts(10, 400, 1),
    "change": lambda rows: rows.amounts(-5, 5, 3),
    "large": lambda rows: rows.amounts(1e11, 9e14, 0).astype(np.int64),
    "tiny": lambda rows: [f"{each:.3e}" for each in rows.amounts(1e-9, 5e-7, 12)],
    "share": lambda rows: rows.draw.uniform(0, 1, rows.number).round(3),
    "percent": lambda rows: [f"{each:.0f}%" for each in rows.amounts(0, 80, 0)],
    "price": lambda rows: [f"€ {each:.2f}" for each in rows.amounts(1, 80, 2)],
    "sum": lambda rows: write_german(rows.amounts(500, 90_000, 2)),
    "gaps": lambda rows: [each if rows.draw.random() > 0.3 else "" for each in rows.amounts(0, 80, 2)],
    "k.A.": lambda rows: [each if rows.draw.random() > 0.1 else "k.A." for each in rows.amounts(3, 9, 1)],
    "mostly nothing": lambda rows: [7 + number if number % 90 == 5 else "" for number in range(rows.number)],
    "new": lambda rows: rows.draw.choice(["True", "False", ""], rows.number),
    "paid": lambda rows: rows.draw.choice(["yes", "no"], rows.number),
    "neu": lambda rows: rows.draw.choice(["ja", "nein", ""], rows.number),
    "flag": lambda rows: rows.draw.integers(0, 2, rows.number),
    "note": lambda rows: [" ".join(rows.draw.choice(WORDS, 6)) for _ in range(rows.number)],
    "long": lambda rows: [" ".join(rows.draw.choice(WORDS, 300)) for _ in range(rows.number)],
    "json": lambda rows: [json.dumps({"a": {"b": [int(each)]}}) for each in rows.draw.integers(0, 99, rows.number)],
    "mail": lambda rows: [f"k{each}@example.org" for each in range(rows.number)],
    "phone": lambda rows: [f"+49 30 {each}" for each in rows.draw.integers(1_000_000, 9_999_999, rows.number)],
    "Last Name": lambda rows: [f"{a}{b}" for a, b in zip(rows.choose(WORDS), rows.draw.integers(0, 99, rows.number), strict=True)],
    "order_no": lambda rows: [f"{each}/{each % 10}" for each in rows.draw.integers(0, rows.number // 3, rows.number)],
    "weight": lambda rows: [f"{each:.1f} kg" if number % 9 else "-" for number, each in enumerate(rows.amounts(1, 90, 1))],
    "mixed": lambda rows: [each if number % 3 else f"about {each}" for number, each in enumerate(rows.amounts(1, 90, 0))],
    "infinite": lambda rows: [each if number % 40 else "inf" for number, each in enumerate(rows.amounts(1, 90, 1))],
    "digits": lambda rows: [str(each) * 3 for each in rows.draw.integers(10**9, 10**10, rows.number)],
    "Swiss": lambda rows: [f"{each:,.2f}".replace(",", "'") for each in rows.amounts(500, 90_000, 2)],
    "blank": lambda rows: rows.choose([" ", "a", "b "]),
    "old": lambda rows: [f"{1000 + each}-01-01" for each in rows.draw.integers(0, 900, rows.number)],
    "short year": lambda rows: rows.times("%d.%m.%y", "50h"),
    "emoji": lambda rows: rows.choose(["👍", "👎🏽", "e\u0301"]),
    "leak": lambda rows: rows.hidden,
}
TARGETS: dict[str, Callable[[Rows], Any]] = {
    "0 or 1": lambda rows: (rows.hidden > 0.6).astype(int),
    "true or false": lambda rows: np.where(rows.hidden > 0.5, "true", "false"),
    "ja or nein": lambda rows: np.where(rows.hidden > 0.7, "ja", "nein"),
    "1 or 2": lambda rows: np.where(rows.hidden > 0.4, 2, 1),
    "words": lambda rows: rows.choose(["low", "middle", "high"]),
    "numbers": lambda rows: rows.choose([0, 1, 2, 3]),
    "a rare class": lambda rows: [*rows.choose(["A", "B"])[3:], "C", "C", "C"],
    "amounts": lambda rows: rows.amounts(100, 900, 2),
    "counts": lambda rows: rows.draw.poisson(9 * rows.hidden),
    "losses": lambda rows: rows.amounts(-3e6, 2e6, 0),
    "shares": lambda rows: rows.hidden.round(4),
    "German amounts": lambda rows: write_german(rows.amounts(100, 9000, 2)),
    "chance": lambda rows: rows.draw.normal(size=rows.number).round(3),
}
HEADERS = [
    "1",
    "TARGET",
    "Literal",
    "gro\u0308ße",
    "a\nb",
    "été",
    "{x}",
    "%s",
    "C:\\x",
    "copy",
    "class",
    "1st Flr (m²)",
    " padded ",
    "größe",
]
HEADERS += ['a "b"', "model_year", "Field", "datetime", "x.1", "__init__", "rows", "a,b", "ß"]


@st.composite
def make_tables(draw: st.DrawFn) -> tuple[pd.DataFrame, str, dict[str, Any], int]:
    """Return a table, its target, how it is written, and from how many rows on trees are fitted."""
    number, chance = draw(st.integers(150, 300)), np.random.default_rng(draw(st.integers(0, 2**32)))
    rows = Rows(number, chance, chance.random(number))
    kinds = draw(st.lists(st.sampled_from(list(CELLS)), min_size=3, max_size=9, unique=True))
    table = {name: list(CELLS[name](rows)) for name in kinds} | {"area": list(CELLS["area"](rows))}
    target = draw(st.sampled_from(list(TARGETS)))
    table["outcome"] = list(TARGETS[target](rows))
    if draw(st.booleans()):
        table["outcome"] = ["" if each % 23 == 4 else cell for each, cell in enumerate(table["outcome"])]
    names = draw(st.permutations(list(table)))
    headers = draw(st.lists(st.sampled_from(HEADERS), max_size=3, unique=True))
    renamed = dict(zip([each for each in names if each != "outcome"], headers, strict=False))
    found = pd.DataFrame({renamed.get(name, name): table[name] for name in names}, dtype=object)
    if draw(st.booleans()):
        found = pd.concat([found, found.iloc[:: draw(st.integers(2, 9))]])
    if draw(st.booleans()):
        found = found.sample(frac=1, random_state=0)
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    written = {"sep": draw(st.sampled_from([",", ";", "\t"])), "encoding": encoding, "quoting": quoting}
    return found, "outcome", written, draw(st.sampled_from([100, 500]))


def make_project(root: Path) -> None:
    """Make the parts of a project that adopt reads."""
    for name in ("model", "validation", "service", "requirements"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("project.toml", "pyproject.toml"):
        shutil.copy(ROOT / name, root / name)


@pytest.fixture(scope="module")
def adopt() -> Iterator[Adopt]:
    """Adopts a table in a project; returns the exit code and what is printed."""
    command = [sys.executable, "-m", "tests.library.adopt_apart"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin
        assert server.stdout

        def call(**asked: Any) -> tuple[int, str]:
            assert server.stdin
            assert server.stdout
            server.stdin.write(json.dumps(asked) + "\n")
            server.stdin.flush()
            code, printed = json.loads(server.stdout.readline())
            return int(code), str(printed)

        yield call
        server.stdin.close()


def test_what_a_person_has_edited_stays(adopt: Adopt, tmp_path: Path) -> None:
    root, path = tmp_path / "project", tmp_path / "table.csv"
    make_project(root)
    make_rows(150).drop(columns=["note", "doubled"]).to_csv(path, index=False)
    asked = {"root": str(root), "table": str(path), "target": "amount", "few_rows": 500}
    assert adopt(**asked, force=True)[0] == 0
    estimator = root / "model" / "estimator.py"
    drafted = {each: each.read_bytes() for each in root.rglob("*") if each.is_file() and "build" not in each.parts}
    estimator.write_bytes(drafted[estimator] + b"\n# by a person\n")
    edited = {**drafted, estimator: estimator.read_bytes()}
    code, printed = adopt(**asked)
    assert code, printed
    assert "PipelineError: model/estimator.py: you edited these since the project was made or adopted" in printed
    code, printed = adopt(**asked, force=True, dry_run=True)
    assert code == 0, printed
    assert "they would change model/estimator.py." in printed
    assert {each: each.read_bytes() for each in edited} == edited
    assert adopt(**asked, force=True)[0] == 0
    assert {each: each.read_bytes() for each in drafted} == drafted  # the same table again, and nothing is other than before


@given(made=make_tables())
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES < 10,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_a_draft_of_any_table_is_valid(
    made: tuple[pd.DataFrame, str, dict[str, Any], int], adopt: Adopt, tmp_path_factory: pytest.TempPathFactory
) -> None:
    table, target, written, few_rows = made
    folder = tmp_path_factory.mktemp("tables")
    root, path = folder / "project", folder / "table.csv"
    make_project(root)
    table.to_csv(path, index=False, errors="replace", **written)
    asked = {"root": str(root), "table": str(path), "target": target, "few_rows": few_rows}
    code, printed = adopt(**asked, force=True)
    if "No column is left to tell outcome by" in printed:
        return
    assert code == 0, f"{path}\n{printed}"
    code, printed = adopt(**asked, force=False, dry_run=True)
    assert code == 0, f"{path}\n{printed}"
    assert "they would change nothing" in printed, f"{path}\n{printed}"
    shutil.rmtree(folder)
