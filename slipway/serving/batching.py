"""Zero-wait micro-batching: while the model answers, requests gather, and what has gathered is its next batch.

One call of a model costs hardly more for thirty rows than for one. Nobody waits for a batch to fill; a bounded number waits for the model.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from slipway.serving import metrics
from slipway.serving.answers import Answers
from slipway.serving.config import Config
from slipway.serving.errors import Shed
from slipway.serving.rows import Values

BATCH_ROWS = 256

log = logging.getLogger("service")
Answer = Callable[[list[Values]], Answers]


@dataclass
class Waiting:
    """A request in the queue; `until` is in the event loop's seconds."""

    rows: list[Values]
    answers: "asyncio.Future[Answers]"
    until: float


class Batcher:
    """The queue, and the one thread in which the model answers. All but `work` runs in the event loop."""

    def __init__(self, answer: Answer, config: Config) -> None:
        self.answer, self.config = answer, config
        self.waiting: deque[Waiting] = deque()
        self.thread = ThreadPoolExecutor(1, "model")
        self.working = False

    async def ask(self, rows: list[Values]) -> Answers:
        """Answer rows in a batch with others. Raises Shed when too many wait, or it waited for too long."""
        if len(self.waiting) >= self.config.max_waiting:
            raise Shed("queue")
        loop = asyncio.get_running_loop()
        waiting = Waiting(rows, loop.create_future(), loop.time() + self.config.max_wait_seconds)
        self.waiting.append(waiting)
        if self.working:
            metrics.QUEUE.set(len(self.waiting))
        else:
            self.next(loop)
        return await waiting.answers

    def next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give the model its next batch, if somebody waits."""
        batch = self.take(loop.time())
        metrics.QUEUE.set(len(self.waiting))
        self.working = bool(batch)
        if batch:
            self.thread.submit(self.work, batch, loop)

    def take(self, now: float) -> list[Waiting]:
        """Take from the queue what the next batch holds: the first, and those after it while there is room."""
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

    def work(self, batch: list[Waiting], loop: asyncio.AbstractEventLoop) -> None:
        """In the model's thread: answer a batch."""
        loop.call_soon_threadsafe(self.finish, batch, self.answered(batch), loop)

    def answered(self, batch: list[Waiting]) -> "list[Answers | Exception]":
        """Answer each request of a batch; where the model fails each by itself, so that one request does not fail its neighbours."""
        try:
            answers = self.answer([row for each in batch for row in each.rows])
        except Exception as error:  # whatever a model raises
            if len(batch) == 1:
                return [error]
            return [each for alone in batch for each in self.answered([alone])]
        found: list[Answers | Exception] = []
        start = 0
        for each in batch:
            found.append(answers[start : start + len(each.rows)])
            start += len(each.rows)
        return found

    def finish(self, batch: list[Waiting], found: "list[Answers | Exception]", loop: asyncio.AbstractEventLoop) -> None:
        """Hand the answers out, and go on."""
        for waiting, answers in zip(batch, found, strict=True):
            if waiting.answers.done():
                continue
            if isinstance(answers, Exception):
                waiting.answers.set_exception(answers)
            else:
                waiting.answers.set_result(answers)
        self.next(loop)
