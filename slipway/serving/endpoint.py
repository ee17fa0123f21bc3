"""What every contract calls: rows in, answers out."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from slipway.serving import rows as given
from slipway.serving.answers import Answers
from slipway.serving.batching import Batcher
from slipway.serving.errors import Refused
from slipway.serving.release import Release
from slipway.serving.rows import Values
from slipway.serving.watch import Watch


@dataclass(frozen=True)
class Answered:
    """Answers, shape (n,) or (n, classes), the likeliest label of each row (None of a regression), and where unknown categories stood."""

    answers: Answers
    labels: list[Any] | None
    unknown: list[dict[str, Any]]


class Endpoint:
    """A release that is asked."""

    def __init__(self, release: Release, watch: Watch) -> None:
        self.release, self.config, self.watch = release, release.config, watch
        self.batcher = Batcher(self.predict, release.config)

    def predict(self, rows: list[Values]) -> Answers:
        """In the model's thread: answer rows, and count them."""
        columns = given.columns(rows)
        with self.watch.timed(len(rows)):
            answers = self.release.answer(columns)
        self.watch.seen(columns, answers)
        return answers

    async def ask_json(self, content: bytes) -> Answered:
        """Answer one row, or a list of rows, in JSON. Raises Refused."""
        return await self.ask(given.parse(content, self.config.max_rows))

    async def ask_values(self, values: list[Any]) -> Answered:
        """Answer rows that another contract has taken apart, as JSON values. Raises Refused."""
        return await self.ask(given.check(values, self.config.max_rows))

    async def ask(self, rows: list[Values]) -> Answered:
        """Answer rows that were checked. Raises Refused."""
        answers = await self.batcher.ask(rows)
        finite = np.isfinite(answers)
        if not finite.all():
            row = int(np.argwhere(~finite)[0][0])
            raise Refused(422, f"row {row}: the model has no finite answer to it.")
        return Answered(answers, self.labels(answers), given.unknown(rows))

    def labels(self, answers: Answers) -> list[Any] | None:
        """Return the likeliest class of each row, None for a regression."""
        classes = self.release.manifest.model.classes
        if classes is None:
            return None
        likeliest = answers.argmax(axis=1) if answers.ndim == 2 else (answers > 0.5).astype(int)
        return [classes[i] for i in likeliest]
