"""Read a dataset and hold it against what is known of it."""

from pathlib import Path

import pandas as pd

from model import data, features
from pipeline.errors import DataRefused, PipelineError, SuiteRefused
from pipeline.project import Project
from pipeline.rules import Rules
from pipeline.say import table
from service.manifest import Manifest, sha256
from validation import expectations, gate, leak, report
from validation.expectations import Checked
from validation.report import Finding
from validation.suite import SuiteError


def read(path: Path) -> pd.DataFrame:
    """Read rows. Raises PipelineError."""
    try:
        return data.load(path)
    except (OSError, ValueError, KeyError) as error:
        raise PipelineError(f"{path} cannot be loaded: {error}. Put the rows there, or correct model/data.py.") from error


def training(project: Project, rules: Rules) -> pd.DataFrame:
    """Read the training data. Raises DataRefused when the expectations do not hold, PipelineError when it cannot tell."""
    rows = read(project.train_data)
    refuse(checked(rows, rules, new=True).findings, project.train_data, DataRefused)
    return rows


def reference(rules: Rules) -> pd.DataFrame:
    """Read the reference dataset. Raises PipelineError when it cannot judge anything."""
    rows = read(rules.reference)
    refuse(checked(rows, rules).findings, rules.reference, PipelineError)
    if unknown := [name for name in features.SLICES if name not in rows]:
        raise PipelineError(
            f"model/features.py has slices by {', '.join(unknown)}, which {rules.reference} does not have. Next: correct it."
        )
    groups = rows[features.GROUP].nunique() if features.GROUP else len(rows)
    if wrong := gate.few(rows[features.TARGET].tolist(), groups, features.TARGET):
        raise PipelineError(f"{rules.reference} can judge nothing: {wrong}. Next: put back the reference dataset, then ./run validate.")
    return rows


def checked(rows: pd.DataFrame, rules: Rules, new: bool = False) -> Checked:
    """Hold rows against the expectations; `new` rows also against the freshness that is asked for. Raises PipelineError."""
    try:
        return expectations.check(rows, rules.suite, rules.thresholds.freshness if new else None)
    except SuiteError as error:
        raise SuiteRefused(f"{rules.suite} cannot be used: {str(error).rstrip('.')}. Next: {error.remedy}.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PipelineError(f"{rules.suite} cannot be read as a suite of Great Expectations: {error}. Next: correct it.") from error


def refuse(findings: list[Finding], path: Path, refusal: type[PipelineError], then: str = "./run train") -> None:
    """Raise `refusal` with a table unless there are no findings."""
    if findings:
        first = findings[0]
        raise refusal(
            f"{'/'.join(path.parts[-2:])} is not the data that validation/expectations.json describes, "
            f"{first.column or 'as a whole'} for one ({first.observed[:80]}):\n{told(findings)}\n"
            f"Nothing was changed. Correct the data, or the expectations if the world has changed; then: {then}."
        )


def told(findings: list[Finding]) -> str:
    """Return findings as a table."""
    cells = [[each.column, each.expectation[:80], each.observed[:80], ", ".join(map(str, each.rows))] for each in findings]
    return table(["column", "expectation", "observed", "rows"], cells)


def examined(project: Project, rules: Rules, manifest: Manifest, held_out: pd.DataFrame) -> tuple[report.Data, list[str]]:
    """Look at what a candidate learnt from; returns that and what alone refuses the candidate. Raises PipelineError.

    An image that is judged again may have learnt from other data than lies here, if any does: that was looked at when it was first judged.
    """
    if not project.train_data.is_file() or sha256(project.train_data.read_bytes()) != manifest.data.sha256:
        return report.Data(expectations=0, findings=[], overlap=None), []
    rows = read(project.train_data)
    found = checked(rows, rules, new=True)
    seen = report.Data(expectations=found.expectations, findings=found.findings, overlap=None)
    if found.findings:
        return seen, [f"data/train.csv is not what the expectations describe: {each.column} {each.observed}" for each in found.findings]
    seen.overlap = leak.overlap(rows, held_out)
    return seen, leaks(rows, rules, seen.overlap, len(held_out), "data/train.csv")


def leaks(rows: pd.DataFrame, rules: Rules, overlap: list[int], held_out: int, name: str) -> list[str]:
    """Say which features give the target away, and which of the rows held out are among rows to learn from, in the file of a name."""
    shared = f"{len(overlap)} of {held_out} rows of the reference dataset are in {name} too: {gate.rows(overlap)}, from 0."
    return leak.disguised(rows, rules.thresholds.leak) + ([shared] if overlap else [])


def refuse_unfit(rows: pd.DataFrame, rules: Rules, file: Path, then: str) -> None:
    """Raise DataRefused, with what to type `then`, when rows of a file may not be learnt from."""
    refuse(checked(rows, rules, new=True).findings, file, DataRefused, then)
    held_out = reference(rules)
    if said := leaks(rows, rules, leak.overlap(rows, held_out), len(held_out), file.name):
        raise DataRefused(f"{file} may not be learnt from. {' '.join(said)} Nothing was changed. Next: correct the data, then {then}.")
