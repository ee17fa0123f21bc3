"""From how many rows on trees are the sounder baseline of `./run adopt`: both cross-validated on parts of tables, of 50 to 5,000 rows."""

import argparse
import sys
import tempfile
import types
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import KFold, StratifiedKFold

from bench import results
from bench.adopt_tables import TABLES
from slipway.adopt.baseline import format_estimator, format_steps
from slipway.adopt.decide import NUMBER, read_values
from slipway.adopt.draft import Drafted, draft, run_load
from slipway.adopt.target import Options
from slipway.serving.frames import convert

SIZES = (50, 100, 200, 300, 500, 1000, 2000, 5000)
FOLDS = 5
# Parts of fewer rows differ more, so three of them are drawn.
FEW, TRIES = 200, 3
# A table and its columns to learn; of a column with both kinds of tasks the wanted one.
TASKS = (
    *((name, "target", "") for name in ("iris", "wine", "breast_cancer", "diabetes")),
    *(("telco churn", "Churn", ""), ("bike sharing", "cnt", ""), ("ames housing", "SalePrice", ""), ("telco churn", "tenure", "")),
    *(("bike sharing", "weathersit", "classification"), ("ames housing", "Foundation", "")),
)
KINDS = ("classes", "amounts")
HEAD = ("what is learnt, rows", "tables", "linear better", "gain by the linear model", "gain by trees")


@dataclass(frozen=True)
class Task:
    """A table, what is learnt of it, and the estimators that would be drafted."""

    drafted: Drafted
    rows: pd.DataFrame
    truth: Any
    regression: bool

    def build(self, linear: bool) -> Any:
        """Return the baseline of a kind, as it is drafted."""
        text, steps = format_estimator(self.drafted.decisions, self.drafted.target, linear), types.ModuleType("model.steps")
        module: dict[str, Any] = {}
        exec(format_steps(text), steps.__dict__)  # noqa: S102
        sys.modules["model.steps"] = steps
        exec(text, module)  # noqa: S102
        return module["build"]()


def read_task(name: str, target: str, task: str) -> Task:
    """Draft for a table, and read its rows as they are learnt from."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "model").mkdir()
        table, _, _ = TABLES[name](folder)
        drafted = draft(table, target, folder, lambda _, answers: answers[0], options=Options(task))
        rows = run_load((folder / "model" / "data.py").read_text(encoding="utf-8"), folder / "data" / "train.csv")
    read, regression = convert(rows)[0], drafted.target.task == "regression"
    read = read.assign(**{each.column: read_values(rows[each.column], each) for each in drafted.decisions if each.role == NUMBER})
    truth = pd.to_numeric(read[target]).to_numpy() if regression else pd.factorize(read[target], sort=True)[0]
    return Task(drafted, read[[each.column for each in drafted.decisions if each.is_feature]], truth, regression)


def gain(task: Task, chosen: Any, linear: bool) -> float:
    """Return by which share a baseline's loss is lower than that of a model that knows no feature, cross-validated on some rows."""
    rows, truth = task.rows.iloc[chosen], task.truth[chosen]
    folds = (KFold if task.regression else StratifiedKFold)(FOLDS, shuffle=True, random_state=0)
    ours, theirs, labels = 0.0, 0.0, np.unique(truth)
    for train, test in folds.split(rows, truth):
        fitted, weight = task.build(linear).fit(rows.iloc[train], truth[train]), len(test)
        if task.regression:
            ours += weight * mean_squared_error(truth[test], fitted.predict(rows.iloc[test]))
            theirs += weight * float(np.mean((truth[test] - truth[train].mean()) ** 2))
        else:
            shares = np.array([np.mean(truth[train] == each) for each in labels])
            ours += weight * log_loss(truth[test], fitted.predict_proba(rows.iloc[test]), labels=labels)
            theirs += weight * log_loss(truth[test], np.tile(shares, (weight, 1)), labels=labels)
    return 1 - ours / theirs


def draw(task: Task, size: int, number: int) -> Any:
    """Return some rows by chance, without the classes of which too few are among them."""
    chosen = np.random.default_rng(number).permutation(len(task.truth))[:size]
    if task.regression:
        return chosen
    counts = np.bincount(task.truth[chosen])
    return chosen[counts[task.truth[chosen]] >= FOLDS]


def compare(task: Task, sizes: list[int]) -> Iterator[tuple[int, float, float]]:
    """Yield the mean gain of the linear model and of trees, for each number of rows that a table has."""
    for size in sizes:
        if size <= len(task.truth):
            parts = [draw(task, size, number) for number in range(TRIES if size <= FEW else 1)]
            linear, trees = (mean(gain(task, part, linear) for part in parts) for linear in (True, False))
            yield size, linear, trees


def main() -> None:
    """Print the table, and write it down when all sizes were measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, action="append", help="this number of rows alone; nothing is written down then")
    sizes = parser.parse_args().size
    warnings.simplefilter("ignore")  # of words that no row to learn from had
    found: dict[str, list[tuple[float, float]]] = {f"{kind}, {size}": [] for kind in KINDS for size in sizes or SIZES}
    for each in TASKS:
        task = read_task(*each)
        for size, linear, trees in compare(task, sizes or list(SIZES)):
            found[f"{KINDS[task.regression]}, {size}"].append((linear, trees))
            print(f"{each[0]}, {each[1]}, {size} rows: linear {linear:.3f}, trees {trees:.3f}", flush=True)
    better = {name: sum(one > other for one, other in pairs) for name, pairs in found.items() if pairs}
    gains = {name: [f"{np.median(each):.2f}" for each in zip(*found[name], strict=True)] for name in better}
    print(results.markdown(HEAD, [[name, str(len(found[name])), str(number), *gains[name]] for name, number in better.items()]))
    if not sizes:
        results.write("adopt_baseline", {name: number / len(found[name]) for name, number in better.items()}, gains=found)


if __name__ == "__main__":
    main()
