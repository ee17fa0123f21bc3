"""The two datasets as the doctor reads them: by the owner's `load`, and where that loses something by the load that is proposed."""

import importlib.util
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType

import pandas as pd

from model import data, features
from slipway.doctor import source
from slipway.doctor.finding import Finding, list_some, mend
from slipway.doctor.kinds import Kind, read_kind
from slipway.doctor.reading import Format, Raw, find_losses, read_raw
from slipway.errors import PipelineError
from slipway.owner import owner_step
from slipway.serving.declared import FEATURES
from slipway.serving.frames import Misfit, convert

LOST = "The model is trained on what `load` makes of the cells, but callers send the cells as they are written."

# What is left of letters that were read in another encoding.
UNREADABLE = re.compile("[\ufffd\x00]")


@dataclass(frozen=True)
class Dataset:
    """A file: its rows as `load` returns them, and as they are with the load that is proposed; why none could be loaded."""

    name: str
    path: Path
    raw: Raw | None
    rows: pd.DataFrame | None
    error: str = ""

    @cached_property
    def converted(self) -> tuple[pd.DataFrame, list[Misfit]]:
        """Return the rows by the declaration, and what does not fit it."""
        assert self.rows is not None
        return convert(self.rows)


def read_dataset(path: Path, load: ModuleType = data) -> Dataset:
    """Read a file by the owner's load, or by one that is proposed."""
    name = "/".join(path.parts[-2:])
    if not path.is_file():
        return Dataset(name, path, None, None, f"{name} cannot be loaded: there is no such file")
    try:
        return Dataset(name, path, read_raw(path), _run_load(load, path, name))
    except PipelineError as error:
        return Dataset(name, path, read_raw(path), None, str(error).partition("\n")[0].partition(" While: ")[0])


def _run_load(load: ModuleType, path: Path, name: str) -> pd.DataFrame:
    with owner_step("load", name, "./run doctor --model"):
        found = load.load(path)
        if not isinstance(found, pd.DataFrame):
            raise TypeError(f"load returned {type(found).__name__}")
        if not len(found):
            raise ValueError(f"{name} has no rows")
        twice = sorted({str(each) for each in found.columns[found.columns.duplicated()]})
        if twice:
            raise ValueError(f"several columns are called {', '.join(twice)}")
    return found.rename(columns=str).reset_index(drop=True)


@dataclass(frozen=True)
class Proposal:
    """What is to be changed at the end of `load`: why, the lines, and the file with them."""

    reasons: list[str]
    lines: list[str]
    path: Path

    def finding(self) -> Finding:
        """Return it with what to paste."""
        where = "at the end of load in model/data.py, in the place of its `return` (build/data.py is that file with it):"
        block = "\n".join([where, *(f"    {each}" for each in self.lines)])
        return mend("model/data.py", list_some(self.reasons, "; "), LOST, block)


def propose_load(datasets: Sequence[Dataset], build: Path) -> Proposal | None:
    """Return how `load` has to read the files where it does not, and write it to build/data.py."""
    raw = _merge(datasets)
    reasons = list(_find_reasons(datasets))
    form = Format(raw) if raw and reasons else None
    expression, steps = (form.format_call(), list(form.format_steps())) if form else (None, [])
    found = _write_load(reasons, expression, steps, build) if reasons else None
    load = import_file(found.path) if found else data
    for why, step in _find_steps([read_dataset(each.path, load) for each in datasets]):
        reasons.append(why)
        steps.append(step)
    return _write_load(reasons, expression, steps, build) if reasons and (expression or steps) else None


def _write_load(reasons: list[str], expression: str | None, steps: list[str], build: Path) -> Proposal:
    own = Path(str(data.__file__)).read_text(encoding="utf-8")
    lines = source.format_end(own, expression, steps)
    return Proposal(reasons, lines, source.write_draft(build, "data.py", source.replace_end(own, lines)))


def import_file(path: Path) -> ModuleType:
    """Import a file that the doctor wrote."""
    spec = importlib.util.spec_from_file_location(f"drafted_{path.stem}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _merge(datasets: Sequence[Dataset]) -> Raw | None:
    """Return both files as one text table, the first alone where the other has another form."""
    found = [each.raw for each in datasets if each.raw]
    if not found:
        return None
    first, *others = found
    alike = [each for each in others if each.separator == first.separator and set(each.table) & set(first.table)]
    encoding = next((each.encoding for each in (first, *alike) if each.encoding != "utf-8"), "utf-8")
    blanks = first.blanks and all(each.blanks for each in alike)
    return Raw(encoding, first.separator, blanks, pd.concat([first.table, *(each.table for each in alike)], ignore_index=True))


def _find_reasons(datasets: Sequence[Dataset]) -> Iterator[str]:
    texts = {each.name for each in FEATURES if each.kind is str and each.time is None}
    seen = set[str]()
    for each in datasets:
        if each.raw is None:
            continue
        for reason in _find_file_reasons(each, each.raw, texts):
            alike = re.sub(r"'.*?'|\d+", "", reason.replace(each.name, ""))
            if alike not in seen:
                seen.add(alike)
                yield reason if each is datasets[0] else f"{each.name}: {reason}"


def _find_file_reasons(dataset: Dataset, raw: Raw, texts: set[str]) -> Iterator[str]:
    if dataset.rows is None:
        if not Format(raw).usual:
            yield f"{dataset.error.rstrip('.')}; the file is a table in {raw.encoding}, separated by {raw.separator!r}"
    elif len(dataset.rows.columns) == 1 < len(raw.table.columns):
        yield f"load finds one column, and {dataset.name} has {len(raw.table.columns)}, separated by {raw.separator!r}"
    elif raw.encoding != "utf-8" and set(raw.table) - set(dataset.rows) and UNREADABLE.search("".join(map(str, dataset.rows))):
        yield f"load reads letters wrongly, since {dataset.name} is in {raw.encoding}"
    else:
        yield from find_losses(raw, dataset.rows, texts)


def _find_steps(datasets: Sequence[Dataset]) -> Iterator[tuple[str, str]]:
    """Yield what `load` has to do with the rows after reading them, each with why."""
    tables = [each.rows for each in datasets if each.rows is not None]
    if not tables:
        return
    declared = {each.name for each in FEATURES}
    names = list(map(str, tables[0].columns))
    yield from find_header_steps([name for name in names if name not in declared])
    fitting = set(declared) - {misfit.column for each in datasets if each.rows is not None for misfit in each.converted[1]}
    for name in names:
        if name not in fitting:
            yield from _find_column_steps(name, read_kind([table[name] for table in tables if name in table]))
    yield from _find_target_steps(tables)


def find_header_steps(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what `load` has to do with names of columns that differ from what people read, each with why."""
    if decomposed := [name for name in names if unicodedata.normalize("NFC", name) != name]:
        why = f"the header has {', '.join(decomposed[:3])} in decomposed form, which looks the same as the usual one and is another name"
        yield why, 'rows.columns = rows.columns.str.normalize("NFC")'
    if blank := [name for name in names if name.strip() != name]:
        yield f"the header has blanks around {', '.join(map(repr, blank[:3]))}", "rows.columns = rows.columns.str.strip()"


def _find_column_steps(name: str, kind: Kind) -> Iterator[tuple[str, str]]:
    at = _format_column(name)
    if kind.typed and kind.name == "zoned":
        yield f"{name} has times with a zone, which requests do not have", f'{at} = {at}.dt.tz_convert("UTC").dt.tz_localize(None)'
    if kind.name == "infinite":
        yield f"{name} has infinite values, which no request can have", f'{at} = {at}.replace([float("inf"), float("-inf")], None)'
    if kind.name in ("mixed", "large"):
        several = f"several types in one column ({', '.join(kind.types)})"
        why = f"{name} holds {several if kind.name == 'mixed' else 'whole numbers of more than 64 bits, which are codes'}"
        yield why, f'{at} = {at}.map(str, na_action="ignore")'


def _format_column(name: str) -> str:
    plain = name.isprintable() and not set(name) & set('"\\')
    return f'rows["{name}"]' if plain else f"rows[{name!r}]"


def _find_target_steps(tables: Sequence[pd.DataFrame]) -> Iterator[tuple[str, str]]:
    name = features.TARGET
    if not isinstance(name, str) or not all(name in table for table in tables):
        return
    kinds = [read_kind([table[name]]) for table in tables]
    if missing := sum(kind.missing for kind in kinds if kind.counts):
        at = _format_column(name)
        yield f"{missing} rows have no {name}", f'rows = rows[{at}.notna() & ({at} != "")]'
