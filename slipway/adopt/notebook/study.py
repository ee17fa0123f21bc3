"""The notebook in which a model was made, in the place of the model before: what `slipway.adopt.draft` asks of it."""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from slipway.adopt.before import Before
from slipway.adopt.decide import FEATURES, GROUP, LEFT_OUT, TARGET, Decision, keep_column
from slipway.adopt.metrics import format_metrics
from slipway.adopt.notebook.cells import read_notebook
from slipway.adopt.notebook.learnt import Learnt, find_learnt
from slipway.adopt.notebook.predictors import is_classifier
from slipway.adopt.notebook.rebuild import Rebuilt, rebuild
from slipway.adopt.notebook.statements import follow
from slipway.adopt.notebook.values import TEXT, NotFollowed
from slipway.adopt.searching import SEARCH
from slipway.adopt.target import Ask, Target
from slipway.doctor.kinds import read_kind
from slipway.doctor.reading import Raw
from slipway.errors import PipelineError


@dataclass
class Study:
    """A notebook, and the answers of the model before where the owner has them; what it learns is known with its rows."""

    path: Path
    before: Before
    notes: list[str] = field(default_factory=list)
    hint: str = ""
    learnt: Learnt = field(init=False)
    drafts: Rebuilt = field(init=False)
    classifies: bool = field(init=False)

    @property
    def title(self) -> str:
        """Return what is fitted."""
        return f"that of {self.path.name}, {self.learnt.place}"

    @property
    def answers_column(self) -> str:
        """Return the column with the answers of the model before."""
        return self.before.answers_column

    @property
    def needs(self) -> dict[str, list[str]]:
        """Return the packages that the drafts need, and the imports that are not installed."""
        return {"packages": self.drafts.packages, "lacking": self.drafts.lacking}

    @property
    def ordered(self) -> bool:
        """Tell whether the notebook splits the rows by time."""
        return self.learnt.ordered

    def find_answers(self, raw: Raw, target: str) -> None:
        """Find the column with the answers of the model before. Raises PipelineError."""
        self.before.find_answers(raw, target)

    def read_rows(self, rows: pd.DataFrame, target: str) -> None:
        """Follow the notebook for these rows. Raises PipelineError where it has no model that can be rebuilt."""
        notebook = read_notebook(self.path)
        at = follow(notebook, {str(name): name_type(rows[name]) for name in rows}, target)
        self.learnt = find_learnt(at, notebook, self.path)
        self.classifies = is_classifier(at, self.learnt.model.node)
        try:
            self.drafts = rebuild(self.learnt, at, re.sub(r"[^\w .()-]", "_", self.path.name))  # it stands in a docstring
        except NotFollowed as error:
            what = f"{self.path}, {error.place or self.learnt.place}: {error.why}"
            raise PipelineError(f"{what}. Expected: an estimator that the text shows. Next: write it in one cell.") from error

    def choose_ask(self, ask: Ask) -> Ask:
        """Return what answers questions about the target: the notebook where it says so, else the person."""

        def choose(question: str, answers: Sequence[str]) -> str:
            if list(answers) == ["classes", "amount"]:
                return "classes" if self.classifies else "amount"
            positive = self.learnt.target.positive
            return positive if positive is not None and positive in answers else ask(question, answers)

        return choose

    def decide_columns(self, raw: Raw, rows: pd.DataFrame, target: str, task: str) -> list[Decision]:
        """Decide what each column is, in the order of the table: what the notebook names is kept, what it does not use is left out."""
        decisions = [self._decide(each, rows) for each in self.before.decide_columns(raw, rows, target, task)]
        times, read = {each.column for each in decisions if each.times}, self._read_times()
        for operation in self.learnt.rows.operations:
            for name in sorted(operation.reads & times - read if "to_datetime" not in ast.unparse(operation.node) else ()):
                self.learnt.notes.append(f"{operation.place}: {name} reaches the model as 2026-01-31T15:00:00, whatever the file has")
        return decisions

    def _read_times(self) -> set[str]:
        return {each.column for each in self.learnt.rows.operations if "to_datetime" in ast.unparse(each.node)}

    def _rank(self, decision: Decision) -> int:
        columns = self.drafts.columns
        return columns.index(decision.column) if decision.column in columns else len(columns)

    def _decide(self, decision: Decision, rows: pd.DataFrame) -> Decision:
        if decision.role == TARGET:
            return decision
        if decision.column not in self.drafts.columns:
            return decision.leave_out("the notebook does not use it") if decision.role in FEATURES else decision
        kept = replace(keep_column(rows[decision.column], decision), groups=decision.role == GROUP)
        if decision.role in (LEFT_OUT, GROUP) and decision.column not in self.drafts.explicit:
            return replace(decision, reason=f"{decision.reason}; the notebook has it, since it does not drop it")
        return kept if decision.role in FEATURES else replace(kept, reason=f"{kept.reason}; the notebook names it, else: {decision.reason}")

    def order_features(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Return the decisions in the order in which the notebook has its columns."""
        return sorted(decisions, key=self._rank)

    def draft_files(self, folder: Path, learn: Target) -> dict[str, str]:
        """Return the files of `model/` that are drafted from the notebook; its search is written into `pipeline/`."""
        if self.drafts.search:
            (folder / SEARCH).parent.mkdir(exist_ok=True)
            (folder / SEARCH).write_text(self.drafts.search, encoding="utf-8")
        self.notes += [*self.learnt.notes, *self.drafts.notes]
        metrics = format_metrics(learn, linear=True, loss=self.learnt.loss)
        return {"estimator": self.drafts.estimator, "steps": self.drafts.steps, "metrics": metrics}

    def find_refusal(self, folder: Path, decisions: Sequence[Decision], learn: Target) -> str:
        """Say why the draft cannot be fitted: it learns classes, or amounts, and the column holds the other."""
        del folder, decisions
        if self.classifies == (learn.task != "regression"):
            return ""
        tells = "classes" if self.classifies else "numbers"
        return (
            f"The estimator of {self.path.name}, {self.learnt.place}, tells {tells}, and {learn.column} is learnt as {learn.task}. "
            f"Expected: a column of {tells}. Next: --target with that column, or compute it in the table"
        )


def name_type(column: "pd.Series[Any]") -> str:
    """Return the type that pandas gives a column when it reads the file."""
    kind = read_kind([column])
    if kind.name == "bool" and not kind.missing:
        return "bool"
    if kind.name != "number":
        return TEXT
    whole = all(float(each).is_integer() for each in kind.counts) and not kind.missing
    return "int64" if whole else "float64"


def read_study(notebook: str, model: str, answers: str) -> Study:
    """Return the notebook to be read. Raises PipelineError where a fitted model is named, too."""
    if model:
        raise PipelineError(
            f"--notebook {notebook} and --model {model} both say what is fitted. Expected: one. Next: the model, if it is newer."
        )
    return Study(Path(notebook), Before(None, answers))
