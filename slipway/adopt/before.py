"""The model before: its file, and the column with its answers, where the owner has them. Without them it changes nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from slipway.adopt.decide import Decision
from slipway.adopt.expressions import NotTaken
from slipway.adopt.fitted import Fitted, read_fitted
from slipway.adopt.metrics import format_metrics
from slipway.adopt.own_steps import find_unwritten, read_parameters
from slipway.adopt.place import STEPS
from slipway.adopt.rebuild import draft_estimator
from slipway.adopt.seen import answer_by_model, decide_seen, find_misfit, match_columns, order_features
from slipway.adopt.table import find_target
from slipway.adopt.target import Ask, Target
from slipway.doctor.reading import Raw
from slipway.errors import PipelineError
from slipway.serving.trusted import BOOSTING

UNKNOWN = "The file does not name the columns that the model saw: adopt a table of these columns and the target alone."
BALANCED = re.compile(r"class_weight=\"balanced|auto_class_weights=\"Balanced\"")


@dataclass
class Before:
    """What is known of the model before, as far as there is one."""

    fitted: Fitted | None = None
    answers: str = ""
    notes: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)
    answers_raw: str = ""
    answers_column: str = ""
    needs: dict[str, list[str]] = field(default_factory=dict)
    ordered: bool = False

    def read_rows(self, rows: pd.DataFrame, target: str) -> None:
        """Take note of the rows, which a fitted model is not read by."""

    @property
    def title(self) -> str:
        """Return what is fitted anew."""
        return f"the {self.fitted.title} of {self.fitted.file}, fitted anew" if self.fitted else ""

    def find_answers(self, raw: Raw, target: str) -> None:
        """Find the column of its answers. Raises PipelineError where there is none, or it is the target."""
        if not self.answers:
            return
        try:
            self.answers_raw = find_target(raw, self.answers)
        except PipelineError as error:
            raise PipelineError(str(error).replace("Next: --target with", "Next: --answers with")) from error
        if self.answers_raw == target:
            raise PipelineError(f"{target!r} is the target and the answers. Expected: two columns. Next: --answers with the other one.")

    def choose_ask(self, ask: Ask) -> Ask:
        """Return what answers questions about the target."""
        return answer_by_model(self.fitted, ask) if self.fitted else ask

    def decide_columns(self, raw: Raw, rows: pd.DataFrame, target: str, task: str) -> list[Decision]:
        """Decide what each column is."""
        names = list(map(str, raw.table))
        self.answers_column = str(rows.columns[names.index(self.answers_raw)]) if self.answers_raw else ""
        self.fitted = self.fitted and match_columns(self.fitted, list(map(str, rows)))
        return decide_seen(rows, target, task, self.fitted, self.answers_column)

    def order_features(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Return the decisions in the order in which the model saw its columns."""
        return order_features(decisions, self.fitted)

    def draft_files(self, folder: Path, learn: Target) -> dict[str, str]:
        """Return the files of `model/` that are drafted from the model, nothing without one. Raises PipelineError."""
        if not self.fitted:
            return {}
        try:
            drafted = draft_estimator(self.fitted, read_parameters(folder / STEPS))
        except NotTaken as error:
            raise PipelineError(
                f"{self.fitted.file} holds {error}. Expected: a class that is there in the version installed here. "
                "Next: write the pipeline in model/estimator.py by hand."
            ) from error
        packages = [name for name in BOOSTING if f"from {name} import" in drafted.text]
        self.own = drafted.own
        self.notes += [*self.fitted.format_notes(), *drafted.notes]
        self.notes += [f"{name}: requirements/serve.in has to name it, as docs/your-model.md says" for name in packages]
        return {"estimator": drafted.text, "steps": "", "metrics": _format_metrics(learn, drafted.text)}

    def find_refusal(self, folder: Path, decisions: Sequence[Decision], learn: Target) -> str:
        """Say why the draft cannot be fitted, nothing where it can."""
        if not self.fitted:
            return ""
        return find_unwritten(folder, self.own) or find_misfit(self.fitted, decisions, learn.task, learn.column)

    @property
    def hint(self) -> str:
        """Say what to try where the draft cannot be fitted on the table."""
        unknown = self.fitted is not None and self.fitted.columns is None
        return f" {UNKNOWN}" if unknown else ""


def _format_metrics(learn: Target, estimator: str) -> str:
    poisson = 'loss="poisson"' in estimator or 'objective="poisson"' in estimator or 'objective="count:poisson"' in estimator
    text = format_metrics(learn, linear=not poisson)
    return text.replace("loss = losses.log_loss", "loss = losses.balanced_log_loss") if BALANCED.search(estimator) else text


def read_before(model: str, answers: str) -> Before:
    """Read what is known of the model before. Raises PipelineError for a file that is none."""
    return Before(read_fitted(Path(model)) if model else None, answers)
