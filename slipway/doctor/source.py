"""The owner's files as text: another end of `load`, other lines in `features.py`, first drafts of the other files."""

import ast
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from model import features
from slipway.gate.suite import find_columns
from slipway.serving.declared import Feature, read

DEFAULT_LOAD = '''"""Where the rows come from."""

from pathlib import Path

import pandas as pd


def load(path: Path) -> pd.DataFrame:
    """Read rows with their target: the training data or the reference dataset."""
    return pd.read_csv(path)
'''
NEW_FEATURES = '''"""The one declaration of what the model takes and answers. Requests, checks, losses and reports follow from it."""

from pydantic import BaseModel, ConfigDict

# "regression", "binary" or "multiclass"
TASK = "regression"
TARGET = ""
# For a binary task: the value of TARGET whose probability is answered, such as "yes". None: 1, or True.
POSITIVE: str | int | bool | None = None
# Rows that belong together are correlated, so the gate resamples them together. None: every row by itself.
GROUP: str | None = None
# The lowest and the highest possible answer. None: probabilities, or any number.
TARGET_RANGE: tuple[float, float] | None = None
# Slices in which a candidate must not be worse either: a column by its values (None), or cut before these numbers.
SLICES: dict[str, tuple[float, ...] | None] = {}
# Raise this number when a request that was valid before is no longer valid.
CONTRACT_VERSION = 1


class Row(BaseModel):
    """One row, as a caller describes it. `X | None` marks a value that may be missing."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
'''
NEW_BEHAVIOUR = '''\
"""How the model must behave, whatever its figures say. The gate asks it these rows and rejects it if a case does not hold.

invariance  the answers to `rows` and to the same rows with `change` differ by at most `within`
direction   with `change` the answers are "higher" or "lower" (`expect`), by at least `by`
minimum     the answers to `rows` are `at_least` and `at_most` so much

Of a classification with more than two classes, `label` says whose probability is meant.
"""

from typing import Any

TYPICAL: dict[str, Any] = {{
{fields}
}}

# Add what the model must know, such as
#     {{"name": "what is known", "kind": "minimum", "rows": [TYPICAL], "at_least": 0.5}},
CASES: list[dict[str, Any]] = []
'''
IMPORTS = {"typing": ("Annotated", "Literal"), "pydantic": ("Field",), "datetime": ("date", "datetime")}
# Of the cells that are there so many are expected next time.
ROOM = 0.9
LIMITS = {"minimum": "min_value", "maximum": "max_value", "exclusiveMinimum": "min_value", "exclusiveMaximum": "max_value"}
STRICT = {"exclusiveMinimum": "strict_min", "exclusiveMaximum": "strict_max"}


def quote(text: str) -> str:
    """Return a text as it is written in Python, on one line."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def write_draft(build: Path, name: str, text: str) -> Path:
    """Write a draft of one of the owner's files into the folder `build`; returns where."""
    build.mkdir(parents=True, exist_ok=True)
    path = build / name
    path.write_text(text, encoding="utf-8")
    return path


# --- model/data.py


def _find_last_return(source: str) -> ast.Return | None:
    """Return the last statement of `load` where that is its only `return`."""
    for each in ast.parse(source).body:
        if isinstance(each, ast.FunctionDef) and each.name == "load":
            returns = [node for node in ast.walk(each) if isinstance(node, ast.Return)]
            return returns[0] if len(returns) == 1 and returns[0] is each.body[-1] and returns[0].value else None
    return None


def format_end(source: str, expression: str | None, steps: Sequence[str]) -> list[str]:
    """Return the last lines of `load`: what it returns, or another expression, and the steps after that."""
    found = _find_last_return(source)
    own = ast.get_source_segment(source, found.value) if found and found.value else None
    first, *more = (expression or own or "pd.read_csv(path)").splitlines()
    if not steps:
        return [f"return {first}", *more]
    if (first, more) == ("rows", []):
        return [*steps, "return rows"]
    return [f"rows = {first}", *more, *steps, "return rows"]


def replace_end(source: str, lines: Sequence[str]) -> str:
    """Return `model/data.py` with other lines in the place of the last `return` of `load`."""
    found = _find_last_return(source)
    if found is None:
        source = DEFAULT_LOAD
        found = _find_last_return(source)
        assert found
    return _replace_lines(source, found.lineno, found.end_lineno or found.lineno, [" " * found.col_offset + each for each in lines])


def _replace_lines(source: str, first: int, last: int, lines: Sequence[str]) -> str:
    """Return a text with other lines in the place of those from `first` to `last`, counted from 1."""
    before = source.splitlines()
    return "\n".join([*before[: first - 1], *lines, *before[last:]]) + "\n"


# --- model/features.py


def _find_row(source: str) -> ast.ClassDef | None:
    return next((each for each in ast.parse(source).body if isinstance(each, ast.ClassDef) and each.name == "Row"), None)


def edit_features(source: str, fields: dict[str, str], gone: Sequence[str], constants: dict[str, str]) -> str | None:
    """Return `model/features.py` with these fields and constants, each a line by its name, and without what is gone.

    None where class Row is not written there as such.
    """
    row = _find_row(source)
    if row is None:
        return None
    found = {each.target.id: each for each in row.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)}
    new = [f"    {line}" for name, line in fields.items() if name not in found]
    source = _replace_lines(source, row.end_lineno + 1, row.end_lineno, new) if row.end_lineno else source
    for name, node in sorted(found.items(), key=lambda each: -each[1].lineno):
        if name in fields or name in gone:
            lines = [f"    {fields[name]}"] if name in fields else []
            source = _replace_lines(source, node.lineno, node.end_lineno or node.lineno, lines)
    for name, line in constants.items():
        source = _set_constant(source, name, line)
    return _add_imports(source)


def _set_constant(source: str, name: str, line: str) -> str:
    """Return a module with another line for one of its constants, above class Row where there was none."""
    for each in ast.parse(source).body:
        targets = each.targets if isinstance(each, ast.Assign) else [each.target] if isinstance(each, ast.AnnAssign) else []
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return _replace_lines(source, each.lineno, each.end_lineno or each.lineno, [line])
    row = _find_row(source)
    at = min([row.lineno, *(each.lineno for each in row.decorator_list)]) if row else len(source.splitlines()) + 1
    return _replace_lines(source, at, at - 1, [line, "", ""])


def find_imports(source: str) -> list[str]:
    """Return the lines that import what a module uses of types and does not have."""
    tree = ast.parse(source)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    had = {alias.asname or alias.name for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names}
    lacking = {module: [name for name in names if name in used - had] for module, names in IMPORTS.items()}
    return [f"from {module} import {', '.join(names)}" for module, names in lacking.items() if names]


def _add_imports(source: str) -> str:
    lines = find_imports(source)
    first = next((each.lineno for each in ast.parse(source).body if isinstance(each, ast.Import | ast.ImportFrom)), None)
    return _replace_lines(source, first, first - 1, lines) if lines and first else source


# --- model/behaviour.py and validation/expectations.json


def format_behaviour(row: Mapping[str, Any]) -> str:
    """Return a `model/behaviour.py` that begins with a row of the data, as a caller may send it."""
    return NEW_BEHAVIOUR.format(fields="\n".join(f"    {name!r}: {value!r}," for name, value in row.items()))


def draft_suite(tables: Sequence[pd.DataFrame], declared: ModuleType = features) -> str:
    """Return expectations that hold for tables, by a declaration: a first draft, to be read."""
    expectations = [*_describe_table(declared), *(each for one in read(declared.Row) for each in _describe_feature(one, tables, declared))]
    lines = ",\n    ".join(json.dumps(each, ensure_ascii=False) for each in expectations)
    return f'{{\n  "name": "rows",\n  "expectations": [\n    {lines}\n  ]\n}}\n'


def _describe_table(declared: ModuleType) -> Iterator[dict[str, Any]]:
    """Yield what is expected of the columns as a whole, and of the target."""
    names = [each.name for each in read(declared.Row)] + [declared.TARGET, *([declared.GROUP] if declared.GROUP else [])]
    yield _expect("expect_table_columns_to_match_set", column_set=list(dict.fromkeys(names)), exact_match=False)
    yield _expect("expect_column_values_to_not_be_null", column=declared.TARGET)
    if declared.TARGET_RANGE and declared.TASK == "regression":
        low, high = declared.TARGET_RANGE
        yield _expect("expect_column_values_to_be_between", column=declared.TARGET, min_value=low, max_value=high)


def _describe_feature(feature: Feature, tables: Sequence[pd.DataFrame], declared: ModuleType) -> Iterator[dict[str, Any]]:
    schema = declared.Row.model_json_schema()["properties"][feature.name]
    limits: dict[str, Any] = next((each for each in schema.get("anyOf", [schema]) if LIMITS.keys() & each.keys()), {})
    if feature.categories and not feature.open:
        yield _expect("expect_column_values_to_be_in_set", column=feature.name, value_set=list(feature.categories))
    if limits and feature.kind in (int, float):
        bounds = {LIMITS[key]: value for key, value in limits.items() if key in LIMITS}
        strict = {STRICT[key]: True for key in limits if key in STRICT}
        yield _expect("expect_column_values_to_be_between", column=feature.name, **bounds, **strict)
    mostly = 1.0 if not feature.optional else _expect_share(feature.name, tables)
    if mostly:
        share = {"mostly": mostly} if feature.optional else {}
        yield _expect("expect_column_values_to_not_be_null", column=feature.name, **share)


def _expect_share(name: str, tables: Sequence[pd.DataFrame]) -> float:
    """Return how many of a feature's values have to be there, by how many are in the table with the fewest; 0 where that is nothing."""
    shares = [float(table[name].replace("", None).notna().mean()) for table in tables if name in table and len(table)]
    return math.floor(100 * ROOM * min(shares, default=0.0)) / 100


def _expect(kind: str, **arguments: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": arguments}


def find_absent(suite: Path, names: Sequence[str]) -> list[str]:
    """Return the columns that a suite names and a table does not have; none of what is no suite."""
    try:
        kwargs = [each["kwargs"] for each in json.loads(suite.read_text(encoding="utf-8-sig"))["expectations"]]
        named = [name for each in kwargs for name in (*find_columns(each), *(each.get("column_set") or ()))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return [name for name in dict.fromkeys(named) if name not in names]
