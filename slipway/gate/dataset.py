"""Read a dataset, and refuse it where it is not as expected, or would make a model look better than it is."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from model import data, features
from slipway import report
from slipway.errors import DataRefused, PipelineError, SuiteRefused
from slipway.gate import expectations, gate, scoring
from slipway.gate.expectations import Checked
from slipway.gate.losses import Values
from slipway.gate.suite import SuiteError
from slipway.owner import owner_step
from slipway.project import Project
from slipway.report import Finding
from slipway.rules import Rules
from slipway.say import table
from slipway.serving.frames import Misfit, convert
from slipway.serving.manifest import Manifest, sha256

SHOWN = 5
# So many rows are enough to find a feature that gives the target away.
ROWS = 5000


@dataclass(frozen=True)
class Table:
    """Rows of a file as the pipeline gets them in production, and the columns whose cells do not fit `model/features.py`."""

    path: Path
    rows: pd.DataFrame
    misfits: list[Misfit]

    @property
    def name(self) -> str:
        """The file's name with its folder's."""
        return "/".join(self.path.parts[-2:])

    def refuse_misfits(self, refusal: type[PipelineError] = DataRefused, then: str = "./run train") -> pd.DataFrame:
        """Return the rows. Raises `refusal` where some cells are not as declared."""
        if self.misfits:
            some = "; ".join(each.format() for each in self.misfits[:SHOWN])
            more = f"; and {len(self.misfits) - SHOWN} more columns" if len(self.misfits) > SHOWN else ""
            raise refusal(
                f"{self.name} does not fit model/features.py: {some}{more}. Nothing was changed. "
                f"Next: ./run doctor --model has the line for each column; then {then}."
            )
        return self.rows


def load(path: Path) -> Table:
    """Load rows by `model/data.py` and convert them by `model/features.py`. Raises PipelineError."""
    if not path.is_file():
        raise PipelineError(f"{path} cannot be loaded: there is no such file. Next: put the rows there, or correct the file's name.")
    with owner_step("load", "/".join(path.parts[-2:])):
        found = data.load(path)
        if not isinstance(found, pd.DataFrame):
            raise TypeError(f"load returned {type(found).__name__}")
    try:
        return Table(path, *convert(found))
    except (ValueError, OverflowError) as error:
        raise PipelineError(f"{path} cannot be read by model/features.py: {error}. Next: correct model/data.py or the file.") from error


def read(path: Path) -> pd.DataFrame:
    """Read rows that fit the declaration. Raises PipelineError."""
    return load(path).refuse_misfits(PipelineError)


def read_training(project: Project, rules: Rules) -> pd.DataFrame:
    """Read the training data. Raises DataRefused when it is not as expected or declared, PipelineError when it cannot tell."""
    return _refuse_unexpected(load(project.train_data), rules, DataRefused, new=True)


def read_reference(rules: Rules) -> pd.DataFrame:
    """Read the reference dataset. Raises PipelineError when it cannot judge anything."""
    rows = _refuse_unexpected(load(rules.reference), rules, PipelineError)
    if unknown := [name for name in features.SLICES if name not in rows]:
        raise PipelineError(
            f"model/features.py has slices by {', '.join(unknown)}, which {rules.reference} does not have. Next: correct it."
        )
    groups = rows[features.GROUP].nunique() if features.GROUP else len(rows)
    if wrong := gate.describe_too_few(rows[features.TARGET].tolist(), groups, features.TARGET):
        raise PipelineError(f"{rules.reference} can judge nothing: {wrong}. Next: put back the reference dataset, then ./run validate.")
    return rows


def read_classes(rows: pd.DataFrame, path: Path) -> list[Any] | None:
    """Return the target's classes in the order of the answers' columns, None of a regression. Raises PipelineError."""
    try:
        return scoring.order_classes(rows[features.TARGET], features.TASK, scoring.read_positive())
    except scoring.TargetError as error:
        raise PipelineError(f"{path.name}: {error}") from error


def read_truth(rows: pd.DataFrame, classes: Sequence[Any] | None, path: Path) -> Values:
    """Return what was true in the form of `slipway.gate.scoring`, shape (n,). Raises PipelineError."""
    try:
        return scoring.encode(rows[features.TARGET], classes)
    except scoring.TargetError as error:
        raise PipelineError(f"{path.name}: {error}") from error


def check(rows: pd.DataFrame, rules: Rules, new: bool = False) -> Checked:
    """Hold rows against the expectations; `new` rows also against the freshness that is asked for. Raises PipelineError."""
    try:
        return expectations.check(rows, rules.suite, rules.thresholds.freshness if new else None)
    except SuiteError as error:
        raise SuiteRefused(f"{rules.suite} cannot be used: {str(error).rstrip('.')}. Next: {error.remedy}.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PipelineError(f"{rules.suite} cannot be read as a suite of Great Expectations: {error}. Next: correct it.") from error


def _refuse_unexpected(
    found: Table, rules: Rules, refusal: type[PipelineError], then: str = "./run train", new: bool = False
) -> pd.DataFrame:
    """Return rows that are as expected and as declared. Raises `refusal` for others."""
    try:
        _refuse_findings(check(found.rows, rules, new).findings, found.path, refusal, then)
    except SuiteRefused:
        found.refuse_misfits(refusal, then)  # an expectation of numbers cannot be evaluated on a column that holds words
        raise
    return found.refuse_misfits(refusal, then)


def _refuse_findings(findings: list[Finding], path: Path, refusal: type[PipelineError], then: str = "./run train") -> None:
    if findings:
        first = findings[0]
        raise refusal(
            f"{'/'.join(path.parts[-2:])} does not meet validation/expectations.json, "
            f"{first.column or 'as a whole'} for one ({first.observed[:80]}):\n{_format_findings(findings)}\n"
            f"Nothing was changed. Correct the data, or the expectations if the world has changed; then: {then}."
        )


def _format_findings(findings: list[Finding]) -> str:
    cells = [[each.column, each.expectation[:80], each.observed[:80], ", ".join(map(str, each.rows))] for each in findings]
    return table(["column", "expectation", "observed", "rows"], cells)


def examine_training(project: Project, rules: Rules, manifest: Manifest, held_out: pd.DataFrame) -> tuple[report.Data, list[str]]:
    """Look at what a candidate learnt from; returns that and what alone refuses the candidate. Raises PipelineError.

    An image that is judged again may have learnt from other data than lies here, if any does: that was looked at when it was first judged.
    """
    if not project.train_data.is_file() or sha256(project.train_data.read_bytes()) != manifest.data.sha256:
        return report.Data(expectations=0, findings=[], overlap=None), []
    rows = load(project.train_data).rows
    found = check(rows, rules, new=True)
    seen = report.Data(expectations=found.expectations, findings=found.findings, overlap=None)
    if found.findings:
        return seen, [f"data/train.csv does not meet the expectations: {each.column} {each.observed}" for each in found.findings]
    seen.overlap = find_overlap(rows, held_out)
    return seen, _find_leaks(rows, rules, seen.overlap, held_out, "data/train.csv")


def _find_leaks(rows: pd.DataFrame, rules: Rules, overlap: list[int], held_out: pd.DataFrame, name: str) -> list[str]:
    """Say which features give the target away, and which of the rows held out are among rows to learn from, in the file of a name."""
    shared = f"{len(overlap)} of {len(held_out)} rows of the reference dataset are in {name} too: {gate.list_rows(overlap)}, from 0."
    return find_disguised(rows, rules.thresholds.leak) + ([shared] if exceeds_chance(rows, len(overlap), len(held_out)) else [])


def refuse_unfit(table: Table, rules: Rules, then: str) -> None:
    """Raise DataRefused, with what to type `then`, when a file may not be learnt from."""
    rows, file = _refuse_unexpected(table, rules, DataRefused, then, new=True), table.path
    held_out = read_reference(rules)
    read_truth(held_out, read_classes(rows, file), rules.reference)
    if leaks := _find_leaks(rows, rules, find_overlap(rows, held_out), held_out, file.name):
        raise DataRefused(f"{file} may not be trained on. {' '.join(leaks)} Nothing was changed. Next: correct the data, then {then}.")


def find_overlap(rows: pd.DataFrame, reference: pd.DataFrame) -> list[int]:
    """Return the numbers, from 0, of reference rows that are among other rows: same features, same target, same group."""
    return [int(row) for row in hash_rows(reference[list_columns()]).isin(hash_rows(rows[list_columns()])).to_numpy().nonzero()[0]]


def exceeds_chance(rows: pd.DataFrame, shared: int, reference: int) -> bool:
    """Tell whether so many of the reference rows are among the training rows that it cannot be by chance.

    Rows of few features are alike without having been copied, and then training rows are alike among themselves as often: each new row has
    that chance of a twin. Beyond the mean of that binomial distribution and three of its standard deviations it is no chance.
    """
    twins = float(hash_rows(rows[list_columns()]).duplicated(keep=False).mean())
    return shared > reference * twins + 3 * math.sqrt(reference * twins * (1 - twins))


def list_inputs() -> list[str]:
    """Return the declared features' columns."""
    return [str(info.validation_alias or info.alias or name) for name, info in features.Row.model_fields.items()]


def list_columns() -> list[str]:
    """Return the columns of features, target and group."""
    return list(dict.fromkeys([*list_inputs(), features.TARGET, *([features.GROUP] if features.GROUP else [])]))


def hash_rows(rows: pd.DataFrame) -> "pd.Series[int]":
    """Return a number for each row's content; 1 and 1.0 are the same."""
    numbers = dict.fromkeys(rows.select_dtypes("number").columns, float)
    return pd.util.hash_pandas_object(rows.astype(numbers), index=False).reset_index(drop=True)


def find_disguised(rows: pd.DataFrame, limit: float) -> list[str]:
    """Say which features alone give the target away: a tree on nothing else explains more than a limit of rows it has not seen.

    The score is R2 for a regression, balanced accuracy for a classification.
    """
    sample = rows.sample(min(len(rows), ROWS), random_state=0)
    regression = features.TASK == "regression"
    found = {column: score_alone(sample[column], sample[features.TARGET], regression) for column in list_inputs()}
    return [
        f"{column} alone explains {score:.3f} of {features.TARGET}, more than the {limit:g} in validation/thresholds.toml: "
        "it probably reveals the target, or is known only afterwards."
        for column, score in found.items()
        if score > limit
    ]


def score_alone(values: "pd.Series[Any]", target: "pd.Series[Any]", regression: bool) -> float:
    """Return how well a tree on one column alone tells the target of rows it has not seen: R2, or balanced accuracy."""
    numbers = values if pd.api.types.is_numeric_dtype(values) else pd.Series(pd.factorize(values)[0], index=values.index)
    tree = (DecisionTreeRegressor if regression else DecisionTreeClassifier)(min_samples_leaf=5, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class with fewer rows than folds
        scores = cross_val_score(tree, numbers.to_frame(), target, cv=3, scoring="r2" if regression else "balanced_accuracy")
    return float(scores.mean())
