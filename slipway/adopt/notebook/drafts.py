"""What a notebook says of a table: the drafts of build() and its steps, which columns the model sees, and answers to what adopt asks."""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from slipway.adopt.decide import FEATURES, GROUP, LEFT_OUT, TARGET, Decision, keep_column
from slipway.adopt.notebook.cells import read_notebook
from slipway.adopt.notebook.learnt import Learnt, find_learnt
from slipway.adopt.notebook.predictors import is_classifier
from slipway.adopt.notebook.rebuild import Rebuilt, rebuild
from slipway.adopt.notebook.statements import follow
from slipway.adopt.notebook.values import TEXT, NotFollowed
from slipway.adopt.target import Ask
from slipway.doctor.kinds import read_kind
from slipway.errors import PipelineError


@dataclass(frozen=True)
class Read:
    """A notebook that was followed: its name, what it learns, the drafts, and whether it tells classes."""

    name: str
    learnt: Learnt
    drafts: Rebuilt
    classifies: bool

    def list_notes(self) -> list[str]:
        """Return sentences for people."""
        return [*self.learnt.notes, *self.drafts.notes]

    def answer(self, ask: Ask) -> Ask:
        """Return how questions are answered: by the notebook where it says so, else by the person."""

        def choose(question: str, answers: Sequence[str]) -> str:
            if list(answers) == ["classes", "amount"]:
                return "classes" if self.classifies else "amount"
            positive = self.learnt.target.positive
            return positive if positive is not None and positive in answers else ask(question, answers)

        return choose

    def choose_columns(self, decisions: Sequence[Decision], rows: pd.DataFrame) -> list[Decision]:
        """Return the decisions in the order of the notebook's columns: what it names is kept, what it does not use is left out."""
        found = {each.column: self._decide(each, rows) for each in decisions}
        for operation in self.learnt.rows.operations:
            for name in sorted(operation.reads & {each.column for each in found.values() if each.times}):
                if "to_datetime" not in ast.unparse(operation.node) and name not in self._read_times():
                    self.learnt.notes.append(f"{operation.place}: {name} reaches the model as 2026-01-31T15:00:00, whatever the file has")
        return [found[name] for name in sorted(found, key=self._rank)]

    def _read_times(self) -> set[str]:
        return {each.column for each in self.learnt.rows.operations if "to_datetime" in ast.unparse(each.node)}

    def _rank(self, name: str) -> int:
        return self.drafts.columns.index(name) if name in self.drafts.columns else len(self.drafts.columns)

    def _decide(self, decision: Decision, rows: pd.DataFrame) -> Decision:
        if decision.role == TARGET:
            return decision
        if decision.column not in self.drafts.columns:
            return decision.leave_out("the notebook does not use it") if decision.role in FEATURES else decision
        kept = replace(keep_column(rows[decision.column], decision), groups=decision.role == GROUP)
        if decision.role in (LEFT_OUT, GROUP) and decision.column not in self.drafts.explicit:
            return replace(decision, reason=f"{decision.reason}; the notebook has it, since it does not drop it")
        return kept if decision.role in FEATURES else replace(kept, reason=f"{kept.reason}; the notebook names it, else: {decision.reason}")


def read_drafts(path: Path, rows: pd.DataFrame, target: str) -> Read:
    """Follow a notebook for a table. Raises PipelineError where it has no model that can be rebuilt."""
    notebook = read_notebook(path)
    kinds = {str(name): name_type(rows[name]) for name in rows}
    at = follow(notebook, kinds, target)
    learnt = find_learnt(at, notebook, path)
    try:
        drafts = rebuild(learnt, at, re.sub(r"[^\w .()-]", "_", path.name))  # it stands in a docstring
    except NotFollowed as error:
        where = error.place or learnt.place
        raise PipelineError(
            f"{path}, {where}: {error.why}. Expected: an estimator that the text shows. Next: write it in one cell."
        ) from error
    return Read(path.name, learnt, drafts, is_classifier(at, learnt.model.node))


def name_type(column: "pd.Series[Any]") -> str:
    """Return the type that pandas gives a column when it reads the file."""
    kind = read_kind([column])
    if kind.name == "bool" and not kind.missing:
        return "bool"
    if kind.name != "number":
        return TEXT
    whole = all(float(each).is_integer() for each in kind.counts) and not kind.missing
    return "int64" if whole else "float64"
