"""The notebook in which a model was made, in the place of the model before: what `slipway.adopt.draft` asks of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from slipway.adopt.before import Before
from slipway.adopt.decide import Decision
from slipway.adopt.metrics import format_metrics
from slipway.adopt.notebook.drafts import Read, read_drafts
from slipway.adopt.searching import SEARCH
from slipway.adopt.target import Ask, Target
from slipway.doctor.reading import Raw
from slipway.errors import PipelineError


@dataclass
class Study:
    """A notebook, and the answers of the model before where the owner has them; `found` once its rows are known."""

    path: Path
    before: Before
    found: Read | None = None
    notes: list[str] = field(default_factory=list)
    hint: str = ""
    ordered_features: list[Decision] = field(default_factory=list)

    @property
    def read(self) -> Read:
        """Return what the notebook says of the rows."""
        assert self.found
        return self.found

    @property
    def title(self) -> str:
        """Return what is fitted."""
        return f"that of {self.read.name}, {self.read.learnt.place}"

    @property
    def answers_column(self) -> str:
        """Return the column with the answers of the model before."""
        return self.before.answers_column

    @property
    def needs(self) -> dict[str, list[str]]:
        """Return the packages that the drafts need, and the imports that are not installed."""
        return {"packages": self.read.drafts.packages, "lacking": self.read.drafts.lacking}

    @property
    def ordered(self) -> bool:
        """Tell whether the notebook splits the rows by time."""
        return self.read.learnt.ordered

    def find_answers(self, raw: Raw, target: str) -> None:
        """Find the column with the answers of the model before. Raises PipelineError."""
        self.before.find_answers(raw, target)

    def read_rows(self, rows: pd.DataFrame, target: str) -> None:
        """Follow the notebook for these rows. Raises PipelineError."""
        self.found = read_drafts(self.path, rows, target)

    def choose_ask(self, ask: Ask) -> Ask:
        """Return what answers questions about the target."""
        return self.read.answer(ask)

    def decide_columns(self, raw: Raw, rows: pd.DataFrame, target: str, task: str) -> list[Decision]:
        """Decide what each column is, in the order of the table."""
        decisions = self.before.decide_columns(raw, rows, target, task)
        self.ordered_features = self.read.choose_columns(decisions, rows)
        found = {each.column: each for each in self.ordered_features}
        return [found[each.column] for each in decisions]

    def order_features(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Return the decisions in the order in which the notebook has its columns."""
        assert len(decisions) == len(self.ordered_features)
        return self.ordered_features

    def draft_files(self, folder: Path, learn: Target) -> dict[str, str]:
        """Return the files of `model/` that are drafted from the notebook; its search is written into `pipeline/`."""
        drafts = self.read.drafts
        if drafts.search:
            (folder / SEARCH).parent.mkdir(exist_ok=True)
            (folder / SEARCH).write_text(drafts.search, encoding="utf-8")
        self.notes += self.read.list_notes()
        loss = self.read.learnt.loss
        return {"estimator": drafts.estimator, "steps": drafts.steps, "metrics": format_metrics(learn, linear=True, loss=loss)}

    def find_refusal(self, folder: Path, decisions: Sequence[Decision], learn: Target) -> str:
        """Say why the draft cannot be fitted: it learns classes, or amounts, and the column holds the other."""
        del folder, decisions
        if self.read.classifies == (learn.task != "regression"):
            return ""
        tells = "classes" if self.read.classifies else "numbers"
        return (
            f"The estimator of {self.read.name}, {self.read.learnt.place}, tells {tells}, and {learn.column} is learnt as {learn.task}. "
            f"Expected: a column of {tells}. Next: --target with that column, or compute it in the table"
        )


def read_study(notebook: str, model: str, answers: str) -> Study:
    """Return the notebook to be read. Raises PipelineError where a fitted model is named, too."""
    if model:
        raise PipelineError(
            f"--notebook {notebook} and --model {model} both say what is fitted. Expected: one. Next: the model, if it is newer."
        )
    return Study(Path(notebook), Before(None, answers))
