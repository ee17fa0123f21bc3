"""Rows in, answers out: what every contract calls.

Requests are batched without waiting: while the model answers, requests gather, and what has gathered is its next batch. One call of a model
costs hardly more for thirty rows than for one. Nobody waits for a batch to fill; a bounded number waits for the model.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from slipway.serving import metrics
from slipway.serving import rows as table
from slipway.serving.answers import Answers
from slipway.serving.release import Config, Release
from slipway.serving.requests import Refused, Shed
from slipway.serving.rows import Values

BATCH_ROWS = 256


@dataclass
class Waiting:
    """A request in the queue; `until` is in the event loop's seconds."""

    rows: list[Values]
    answers: "asyncio.Future[Answers]"
    until: float


class Batcher:
    """The queue, and the one thread in which the model answers. All but `_work` runs in the event loop."""

    def __init__(self, predict: Callable[[list[Values]], Answers], config: Config) -> None:
        self.predict, self.config = predict, config
        self.waiting: deque[Waiting] = deque()
        self.thread = ThreadPoolExecutor(1, "model")
        self.working = False

    async def submit(self, rows: list[Values]) -> Answers:
        """Answer rows in a batch with others. Raises Shed when too many wait, or it waited for too long."""
        if len(self.waiting) >= self.config.max_waiting:
            raise Shed("queue")
        loop = asyncio.get_running_loop()
        waiting = Waiting(rows, loop.create_future(), loop.time() + self.config.max_wait_seconds)
        self.waiting.append(waiting)
        if self.working:
            metrics.QUEUE.set(len(self.waiting))
        else:
            self._start_batch(loop)
        return await waiting.answers

    def _start_batch(self, loop: asyncio.AbstractEventLoop) -> None:
        batch = self._take_batch(loop.time())
        metrics.QUEUE.set(len(self.waiting))
        self.working = bool(batch)
        if batch:
            self.thread.submit(self._work, batch, loop)

    def _take_batch(self, now: float) -> list[Waiting]:
        # The first request of the queue, and those after it while there is room.
        batch: list[Waiting] = []
        rows = 0
        while self.waiting and (not batch or rows + len(self.waiting[0].rows) <= BATCH_ROWS):
            first = self.waiting.popleft()
            if first.answers.done():  # its caller is gone
                continue
            if now > first.until:
                first.answers.set_exception(Shed("late"))
                continue
            batch.append(first)
            rows += len(first.rows)
        return batch

    def _work(self, batch: list[Waiting], loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon_threadsafe(self._finish, batch, self._answer_batch(batch), loop)

    def _answer_batch(self, batch: list[Waiting]) -> "list[Answers | Exception]":
        # Where the model fails, each request is answered by itself, so that one does not fail its neighbours.
        try:
            answers = self.predict([row for each in batch for row in each.rows])
        except Exception as error:  # whatever a model raises
            if len(batch) == 1:
                return [error]
            return [each for alone in batch for each in self._answer_batch([alone])]
        found: list[Answers | Exception] = []
        start = 0
        for each in batch:
            found.append(answers[start : start + len(each.rows)])
            start += len(each.rows)
        return found

    def _finish(self, batch: list[Waiting], found: "list[Answers | Exception]", loop: asyncio.AbstractEventLoop) -> None:
        for waiting, answers in zip(batch, found, strict=True):
            if waiting.answers.done():
                continue
            if isinstance(answers, Exception):
                waiting.answers.set_exception(answers)
            else:
                waiting.answers.set_result(answers)
        self._start_batch(loop)


@dataclass(frozen=True)
class Answered:
    """Answers, shape (n,) or (n, classes), the likeliest label of each row (None of a regression), and where unknown categories stood."""

    answers: Answers
    labels: list[Any] | None
    unknown: list[dict[str, Any]]


class Endpoint:
    """A release, and what counts its rows and answers."""

    def __init__(self, release: Release, drift: metrics.DriftCounter) -> None:
        self.release, self.config, self.drift = release, release.config, drift
        self.batcher = Batcher(self.predict, release.config)

    def predict(self, rows: list[Values]) -> Answers:
        """In the model's thread: answer rows, and count them."""
        columns = table.to_columns(rows)
        with self.drift.measure(len(rows)):
            answers = self.release.answer(columns)
        self.drift.add(columns, answers)
        return answers

    async def answer_json(self, content: bytes) -> Answered:
        """Answer one row, or a list of rows, in JSON. Raises Refused."""
        return await self._answer_rows(table.parse(content, self.config.max_rows))

    async def answer_values(self, values: list[Any]) -> Answered:
        """Answer rows of another contract, as JSON values. Raises Refused."""
        return await self._answer_rows(table.check(values, self.config.max_rows))

    async def _answer_rows(self, rows: list[Values]) -> Answered:
        answers = await self.batcher.submit(rows)
        finite = np.isfinite(answers)
        if not finite.all():
            row = int(np.argwhere(~finite)[0][0])
            raise Refused(422, f"row {row}: the model has no finite answer to it.")
        return Answered(answers, self.choose_labels(answers), table.find_unknown(rows))

    def choose_labels(self, answers: Answers) -> list[Any] | None:
        """Return the likeliest class of each row, None for a regression."""
        classes = self.release.manifest.model.classes
        if classes is None:
            return None
        likeliest = answers.argmax(axis=1) if answers.ndim == 2 else (answers > 0.5).astype(int)
        return [classes[i] for i in likeliest]
