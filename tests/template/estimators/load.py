"""Run as a process of its own: load each model of a folder and have it answer; fit and store it once more; write both beside it."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from slipway.bundle import skops_file
from slipway.bundle.estimators import refuse_kind
from slipway.serving.answers import Answers, answer
from slipway.serving.pipeline import load_model
from tests.template.estimators import boosting, by_name, compositions
from tests.template.estimators.rows import TARGETS, Case, add_own_module

CASES = {**by_name.of_scikit_learn(), **compositions.CASES, **boosting.CASES}
MANY = 20


def path_of(name: str, folder: Path) -> Path:
    """Return where a case is stored, without a suffix."""
    return folder / str([*CASES].index(name))


def fit(case: Case) -> Any:
    """Return what a case makes, fitted."""
    made = case.build()
    refuse_kind(made, case.task, "target")
    return made.fit(case.rows, TARGETS[case.task])


def answers(model: Any, rows: pd.DataFrame, task: str) -> Answers:
    """Answer many rows, and the first of them alone, last."""
    return np.concatenate([answer(model, rows.head(MANY), task), answer(model, rows.head(1), task)])


def load_all(folder: Path) -> None:
    """Answer with each model, and make each again."""
    for name, case in CASES.items():
        path = path_of(name, folder)
        try:
            np.save(path.with_suffix(".after.npy"), answers(load_model(path.with_suffix(".skops")), case.rows, case.task))
            skops_file.save(fit(case), path.with_suffix(".again"))
        except Exception as error:  # whatever a model that was loaded raises; the test tells
            path.with_suffix(".error").write_text(f"{type(error).__name__}: {error}", encoding="utf-8")


if __name__ == "__main__":
    add_own_module()
    load_all(Path(sys.argv[1]))
