"""Rows in, answers out: what every contract calls.

Requests are batched without waiting: while the model answers, requests gather, and what has gathered is its next batch. One call of a model
costs hardly more for thirty rows than for one. Nobody waits for a batch to fill; a bounded number waits for the model.

The way to the model's thread and back costs more than a compiled model needs for a few rows, so these are answered in the event loop: what
arrives in one turn of it is a batch at its end.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from slipway.serving import metrics
from slipway.serving import rows as table
from slipway.serving.answers import Answers
from slipway.serving.release import Config, Release
from slipway.serving.requests import Refused, Shed
from slipway.serving.rows import Values

BATCH_ROWS = 256
# A batch that takes longer is answered in the model's thread: for so long nothing else moves in the event loop.
SHORT_SECONDS = 0.0005
# What the newest call weighs in the pace.
NEWEST = 1 / 8


class Pace:
    """How long a model takes, from its calls so far: for 1 row, for 2 or 3, for 4 to 7, and so on.

    It is measured in processor time, which does not grow while another thread runs, or while the machine has too much to do. A size that
    has not come yet is not short: it goes to the thread, and is measured there. So does what has become slow, until it is fast again.
    """

    def __init__(self) -> None:
        self.seconds: dict[int, float] = {}

    def add(self, rows: int, seconds: float) -> None:
        """Take a call into account. One that is held up by something else, as happens now and then, hardly changes what is usual."""
        size = rows.bit_length()
        usual = self.seconds.get(size, seconds)
        self.seconds[size] = usual + NEWEST * (min(seconds, usual + SHORT_SECONDS) - usual)

    def is_short(self, rows: int) -> bool:
        """Tell whether so many rows are to be answered in the event loop."""
        return self.seconds.get(rows.bit_length(), math.inf) <= SHORT_SECONDS


@dataclass
class Waiting:
    """A request in the queue; `until` is in the event loop's seconds."""

    rows: list[Values]
    answers: "asyncio.Future[Answers]"
    until: float


class Batcher:
    """The queue, and the one thread in which the model answers what is not short; with no pace, nothing is.

    All but `_work` runs in the event loop. The model never answers in both at once.
    """

    def __init__(self, predict: Callable[[list[Values]], Answers], config: Config, pace: Pace | None = None) -> None:
        self.predict, self.config, self.pace = predict, config, pace
        self.waiting: deque[Waiting] = deque()
        self.thread = ThreadPoolExecutor(1, "model")
        # Whether the thread works, and whether a batch begins at the end of this turn of the event loop.
        self.working = self.planned = False
        self.depth = 0

    async def submit(self, rows: list[Values]) -> Answers:
        """Answer rows in a batch with others. Raises Shed when too many wait, or it waited for too long."""
        if len(self.waiting) >= self.config.max_waiting:
            raise Shed("queue")
        loop = asyncio.get_running_loop()
        waiting = Waiting(rows, loop.create_future(), loop.time() + self.config.max_wait_seconds)
        self.waiting.append(waiting)
        if self.working:
            self._publish_depth()
        elif not self.planned:
            self._plan_batch(loop)
        return await waiting.answers

    def _plan_batch(self, loop: asyncio.AbstractEventLoop) -> None:
        # What goes to the thread goes at once: who comes meanwhile is the next batch.
        self.planned = self._is_short(len(self.waiting[0].rows))
        if self.planned:
            loop.call_soon(self._start_batch, loop)
        else:
            self._start_batch(loop)

    def _start_batch(self, loop: asyncio.AbstractEventLoop) -> None:
        self.planned = False
        batch = self._take_batch(loop.time())
        self._publish_depth()
        if not batch:
            return
        if self._is_short(sum(len(each.rows) for each in batch)):
            self._answer_here(batch, loop)
        else:
            self._answer_in_thread(batch, loop)

    def _is_short(self, rows: int) -> bool:
        return self.pace is not None and self.pace.is_short(rows)

    def _publish_depth(self) -> None:
        if len(self.waiting) != self.depth:
            self.depth = len(self.waiting)
            metrics.QUEUE.set(self.depth)

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

    def _answer_here(self, batch: list[Waiting], loop: asyncio.AbstractEventLoop) -> None:
        try:
            found = self._answer_together(batch)
        except Exception:  # whatever a model raises: to answer each request by itself is not short
            self._answer_in_thread(batch, loop)
        else:
            self._finish(batch, found, loop)

    def _answer_in_thread(self, batch: list[Waiting], loop: asyncio.AbstractEventLoop) -> None:
        self.working = True
        self.thread.submit(self._work, batch, loop)

    def _work(self, batch: list[Waiting], loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon_threadsafe(self._finish, batch, self._answer_each(batch), loop)

    def _answer_each(self, batch: list[Waiting]) -> "Sequence[Answers | Exception]":
        # Where the model fails, each request is answered by itself, so that one does not fail its neighbours.
        try:
            return self._answer_together(batch)
        except Exception as error:  # whatever a model raises
            if len(batch) == 1:
                return [error]
            return [each for alone in batch for each in self._answer_each([alone])]

    def _answer_together(self, batch: list[Waiting]) -> list[Answers]:
        rows = [row for each in batch for row in each.rows]
        start = time.thread_time()
        answers = self.predict(rows)
        if self.pace:
            self.pace.add(len(rows), time.thread_time() - start)
        ends = [*accumulate(len(each.rows) for each in batch)]
        return [answers[end - len(each.rows) : end] for each, end in zip(batch, ends, strict=True)]

    def _finish(self, batch: list[Waiting], found: "Sequence[Answers | Exception]", loop: asyncio.AbstractEventLoop) -> None:
        self.working = False
        for waiting, answers in zip(batch, found, strict=True):
            if waiting.answers.done():
                continue
            if isinstance(answers, Exception):
                waiting.answers.set_exception(answers)
            else:
                waiting.answers.set_result(answers)
        if self.waiting:
            self._plan_batch(loop)


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
        # A pipeline of the owner's may take any time, and anything that it waits for: it never holds up the event loop.
        self.batcher = Batcher(self.predict, release.config, Pace() if release.answering.path == "compiled" else None)

    def predict(self, rows: list[Values]) -> Answers:
        """Answer rows, and count them. The batcher calls it, in the event loop or in the model's thread."""
        asked = rows if len(rows) < metrics.FEW else table.to_columns(rows)
        start = time.perf_counter()
        answers = self.release.answer_rows(asked) if isinstance(asked, list) else self.release.answer(asked)
        self.drift.add(asked, answers, time.perf_counter() - start)
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
