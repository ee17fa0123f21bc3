"""What a data scientist brings: `model/`, `data/train.csv` and `validation/`, looked at in the order in which one thing needs the other."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.doctor.finding import MEND, UNSEEN, Finding, failed, good, list_some, mend
from slipway.errors import OwnerError, PipelineError
from slipway.owner import import_model
from slipway.project import Project

if TYPE_CHECKING:
    import pandas as pd

    from slipway.doctor.datasets import Dataset
    from slipway.rules import Rules

LEARNT = "Without it, nothing can be trained or judged."
SAME_KIND = "put rows with the same columns there that are not in data/train.csv, such as a fifth of your rows, chosen at random or by time"
LATER = "checked when the lines above are fixed: ./run doctor --model"


def check_model(project: Project) -> list[Finding]:
    """Return what is found; where the model cannot be imported that is all there is to say."""
    try:
        import_model("./run doctor --model")
    except OwnerError as error:
        return [mend("model/", f"cannot be imported: {error.where}: {error.found}", "Everything starts there.", error.fix)]
    found = [good("model/", "can be imported")]
    try:
        found.extend(_check_project(project))
    except PipelineError as error:
        found.append(mend("data", str(error).partition("\n")[0], LEARNT, "correct it, then ./run doctor"))
    except Exception as error:  # data is of more kinds than anybody thinks of, and the doctor is asked when something is wrong
        found.append(_describe_surprise(error))
    return found


def _describe_surprise(error: Exception) -> Finding:
    """Return that something was met which no check expects, with its place."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    where = f"{Path(place.filename).name}, line {place.lineno}"
    fix = "look for unusual cells or declarations; ./run train says where it ends"
    return mend("data and model", f"cannot be compared: {text} ({where})", LEARNT, fix)


def _check_project(project: Project) -> Iterator[Finding]:
    """Compare the owner's files: how rows are read, what is declared of them, then what needs both."""
    from slipway import rules
    from slipway.doctor import datasets

    judged_by = rules.load_rules(project)
    paths, build = (project.train_data, judged_by.reference), project.root / "build"
    as_loaded = [datasets.read_dataset(path) for path in paths]
    proposal = datasets.propose_load(as_loaded, build)
    found = [proposal.finding()] if proposal else []
    read = [datasets.read_dataset(path, datasets.import_file(proposal.path)) for path in paths] if proposal else as_loaded
    found += list(_check_rows(read, build))
    yield from found
    if any(each.state == MEND for each in found):
        yield Finding("expectations, estimator, behaviour, floors", UNSEEN, LATER)
    else:
        yield from _check_rest(project, judged_by, read)


def _check_rows(read: Sequence[Dataset], build: Any) -> Iterator[Finding]:
    yield from _describe_unread(read)
    train, reference = read
    if train.rows is None:
        return
    alike = [train]
    if reference.rows is not None:
        if lacking := [str(name) for name in train.rows if name not in reference.rows]:
            found = f"has no column {list_some(lacking)}, which data/train.csv has"
            yield mend("validation/reference.csv", found, "The gate judges on it.", SAME_KIND)
        else:
            alike.append(reference)
    yield from _check_declaration(alike, build)


def _describe_unread(read: Sequence[Dataset]) -> Iterator[Finding]:
    """Yield what is wrong with files that cannot be loaded, once where it is `load` that fails on both."""
    errors = {each.error: each.name for each in reversed(read) if each.rows is None}
    for error, name in reversed(errors.items()):
        what = "model/data.py" if error.startswith("model/data.py") else name
        yield mend(what, error.rstrip("."), LEARNT, "correct load in model/data.py, or put the rows into that file")


def _check_declaration(read: Sequence[Dataset], build: Any) -> Iterator[Finding]:
    from slipway.doctor import columns, constants

    converted = [each.converted for each in read]
    tables = [rows for rows, _ in converted]
    target, reasons, lines = constants.check_constants(tables)
    change = columns.propose_change(read, [misfits for _, misfits in converted], lines, target)
    change.reasons += reasons
    yield from columns.describe_change(change, " and ".join(str(len(each)) for each in tables) + " rows", build)


def _check_rest(project: Project, judged_by: Rules, read: Sequence[Dataset]) -> Iterator[Finding]:
    from slipway.doctor import quick

    rows, reference = (each.converted[0] for each in read)
    yield _check_expectations(project, judged_by, [rows, reference])
    yield _check_reference(project, judged_by, rows, reference)
    finding, fitted = quick.check_fit(project, rows)
    yield finding
    yield quick.check_behaviour(fitted, rows, project.root / "build")
    yield quick.check_floors(fitted, judged_by)
    if fitted:
        yield quick.check_image(project, fitted)
        yield from quick.check_weights(fitted)


def _check_expectations(project: Project, judged_by: Rules, tables: Sequence[pd.DataFrame]) -> Finding:
    """Tell whether the expectations hold; a suite that would is written to build/ where they do not."""
    from slipway.doctor import source
    from slipway.gate import dataset

    what, draft = "expectations", "read build/expectations.json, which fits model/features.py and both files, and put it into validation/"
    absent = source.find_absent(judged_by.suite, list(map(str, tables[0])))
    try:
        broken = _describe_broken([dataset.check(rows, judged_by).findings for rows in tables], absent)
    except PipelineError as error:
        source.write_draft(project.root / "build", "expectations.json", source.draft_suite(tables))
        found, _, remedy = " ".join(str(error).split()).rpartition(" Next: ")
        why = "`train` and `validate` end here: they judge by all expectations or by none."
        return failed(what, found.rstrip("."), why, f"{remedy.rstrip('.')}; or {draft}")
    if not broken:
        return good(what, "hold for data/train.csv and validation/reference.csv")
    source.write_draft(project.root / "build", "expectations.json", source.draft_suite(tables))
    return mend(what, broken, "`train` rejects data that does not fit them.", f"correct the data; or {draft}")


def _describe_broken(checked: Sequence[Sequence[Any]], absent: Sequence[str]) -> str:
    names = ("data/train.csv", "validation/reference.csv")
    for name, broken in zip(names, checked, strict=False):
        if broken:
            first = broken[0]
            such = f"{first.expectation.partition(' ')[0]} of {first.column or 'all'}: {first.observed[:60]}"
            columns = f"they name {', '.join(absent)}, which are not columns; " if absent else ""
            return f"{columns}{len(broken)} do not hold for {name}, such as {such}"
    return ""


def _check_reference(project: Project, judged_by: Rules, rows: pd.DataFrame, reference: pd.DataFrame) -> Finding:
    """Tell whether the reference dataset can judge: its classes, how many rows and groups it has, and whether they were learnt from."""
    from model import features
    from slipway.gate import dataset, gate

    what = "reference dataset"
    try:
        dataset.read_truth(reference, dataset.read_classes(rows, project.train_data), judged_by.reference)
    except PipelineError as error:
        return mend(what, str(error).partition(" Next: ")[0], "The gate judges on it.", str(error).partition(" Next: ")[2])
    groups = reference[features.GROUP].nunique() if features.GROUP else len(reference)
    if few := gate.describe_too_few(reference[features.TARGET].tolist(), groups, features.TARGET):
        return mend(what, f"can judge nothing: {few}", "The gate judges on it.", "put more rows into validation/reference.csv")
    alike = dataset.find_overlap(rows, reference)
    if not alike:
        return good(what, "no row of it is in data/train.csv")
    if not dataset.exceeds_chance(rows, len(alike), len(reference)):
        return good(what, f"{len(alike)} of its rows equal rows in data/train.csv, no more than by chance")
    found = f"{len(alike)} of its rows are also in data/train.csv, such as {', '.join(map(str, alike[:5]))} (from 0)"
    return mend(what, found, "A model that has seen the answers looks better than it is.", "remove them from one of the two files")
