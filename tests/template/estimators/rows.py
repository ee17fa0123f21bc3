"""Rows of numbers, words, text and gaps, a target for each task, and steps of the owner's."""

import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

Make = Callable[[], Any]
NUMBERS = ["a", "b", "c", "d"]
random = np.random.default_rng(0)
ROWS = pd.DataFrame(np.abs(random.normal(size=(60, 4))) + 0.1, columns=NUMBERS)
ROWS["town"] = random.choice(["Ulm", "Jena", "file", "__id__"], 60)
ROWS["note"] = random.choice(["a good file", "content of a bad one", "neither type nor shape", "good good", "bad bad"], 60)
ROWS["gap"] = ROWS["a"].where(random.random(60) > 0.2)
ROWS["whole"] = random.integers(0, 3, 60)
REGRESSION = ROWS["a"] * 2 + ROWS["b"] + (ROWS["town"] == "Ulm") + 0.1
BINARY = ((ROWS["a"] + random.normal(size=60) * 0.3 + ROWS["note"].str.contains("good")) > 1.2).astype(int)
MULTICLASS = pd.Series(np.digitize(ROWS["a"] + ROWS["b"], [1.2, 2]))
TARGETS = {"regression": REGRESSION, "binary": BINARY, "multiclass": MULTICLASS}


@dataclass(frozen=True)
class Case:
    """Something to fit, and on what."""

    make: Make
    task: str
    columns: tuple[str, ...] = tuple(NUMBERS)

    def build(self) -> Any:
        """Return it unfitted, with every seed fixed."""
        made = self.make()
        seeds = [name for name, value in made.get_params().items() if name.endswith("random_state") and value is None]
        return made.set_params(**dict.fromkeys(seeds, 0))

    @property
    def rows(self) -> pd.DataFrame:
        """What is learnt from."""
        return ROWS[list(self.columns)]


# --- a module of the owner's: `model.steps`


def double(values: Any) -> Any:
    """Return twice as much."""
    return values * 2


class Ratio(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A step of somebody's own, with attributes of many kinds."""

    def __init__(self, by: str = "b") -> None:
        self.by = by

    def fit(self, rows: Any, _: Any = None) -> "Ratio":
        """Remember what is needed."""
        self.means_ = {"file": float(rows[self.by].mean()), True: 1.0, False: 2.0}
        self.seen_ = {"file", "__id__", "content", "Ulm", "Jena"}
        self.table_ = ROWS.groupby("town")["a"].mean().to_dict()
        return self

    def transform(self, rows: Any) -> Any:
        """Divide."""
        return np.column_stack([rows["a"] / self.means_["file"], rows["b"] * self.means_[False], rows["c"] * len(self.seen_)])


def add_own_module() -> None:
    """Put what is above where a project has it."""
    module = types.ModuleType("model.steps")
    for each in (double, Ratio):
        each.__module__ = "model.steps"
        setattr(module, each.__name__, each)
    sys.modules["model.steps"] = module
