"""Requests that arrive while the model answers are its next batch; too many are turned away, and none fails its neighbours."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from slipway.serving.endpoint import BATCH_ROWS, Batcher
from slipway.serving.release import Config
from slipway.serving.requests import Shed

CONFIG = Config(
    max_rows=1000, max_body_bytes=1000, max_waiting=3, max_wait_seconds=60, drain_seconds=0, log_requests="refused", contracts=[]
)


class Model:
    """Answers rows with their own number, when it is let; keeps the sizes of its batches."""

    def __init__(self) -> None:
        self.free, self.batches = threading.Event(), list[int]()
        self.batcher = Batcher(self.answer, CONFIG)

    def answer(self, rows: Sequence[dict[str, Any]]) -> Any:
        """Answer, or fail on the row 13."""
        self.free.wait(60)
        self.batches.append(len(rows))
        if any(row["x"] == 13 for row in rows):
            raise ValueError("13")
        return np.array([row["x"] for row in rows], dtype=float)

    def ask(self, *numbers: int) -> "asyncio.Task[Any]":
        """Ask for rows with these numbers."""
        return asyncio.create_task(self.batcher.submit([{"x": number} for number in numbers]))


async def queued(model: Model, requests: int) -> None:
    """Wait until so many requests wait."""
    while len(model.batcher.waiting) < requests:
        await asyncio.sleep(0)


async def asked(model: Model, *requests: Sequence[int]) -> list[Any]:
    """Ask while the model is held up by a first request, which is left out of what is returned."""
    first = model.ask(0)
    while not model.batcher.working:
        await asyncio.sleep(0)
    tasks = [model.ask(*numbers) for numbers in requests]
    await queued(model, len(requests))
    model.free.set()
    await first
    found = await asyncio.gather(*tasks, return_exceptions=True)
    return [each if isinstance(each, BaseException) else each.tolist() for each in found]


def test_what_waits_is_answered_together_and_each_gets_its_own() -> None:
    model = Model()
    assert asyncio.run(asked(model, [1], [2, 3], [4])) == [[1], [2, 3], [4]]
    assert model.batches == [1, 4]


def test_a_batch_has_an_end_and_a_large_request_is_one() -> None:
    model, large = Model(), list(range(20, BATCH_ROWS + 30))
    assert asyncio.run(asked(model, [1], large, [2])) == [[1], large, [2]]
    assert model.batches == [1, 1, len(large), 1]


def test_one_request_does_not_fail_its_neighbours() -> None:
    model = Model()
    first, second, third = asyncio.run(asked(model, [1], [13], [2]))
    assert (first, third) == ([1], [2])
    assert isinstance(second, ValueError)


def test_who_comes_when_the_queue_is_full_is_turned_away() -> None:
    model = Model()

    async def flood() -> None:
        first = model.ask(0)
        while not model.batcher.working:
            await asyncio.sleep(0)
        tasks = [model.ask(number) for number in range(CONFIG.max_waiting)]
        await queued(model, CONFIG.max_waiting)
        with pytest.raises(Shed) as shed:
            await model.batcher.submit([{"x": 9}])
        assert (shed.value.reason, shed.value.status_code, shed.value.headers) == ("queue", 503, {"retry-after": "1"})
        model.free.set()
        assert len(await asyncio.gather(first, *tasks)) == 1 + CONFIG.max_waiting

    asyncio.run(flood())


def test_who_waited_for_too_long_is_told() -> None:
    model = Model()

    async def wait() -> None:
        first = model.ask(0)
        while not model.batcher.working:
            await asyncio.sleep(0)
        model.batcher.config = CONFIG.model_copy(update={"max_wait_seconds": 1e-9})
        late = model.ask(1)
        await queued(model, 1)
        model.free.set()
        await first
        with pytest.raises(Shed) as shed:
            await late
        assert shed.value.reason == "late"

    asyncio.run(wait())
    assert model.batches == [1]


def test_who_is_gone_is_not_answered() -> None:
    model = Model()

    async def leave() -> None:
        first = model.ask(0)
        while not model.batcher.working:
            await asyncio.sleep(0)
        gone, stays = model.ask(1), model.ask(2)
        await queued(model, 2)
        gone.cancel()
        model.free.set()
        assert (await asyncio.gather(first, stays))[1].tolist() == [2]

    asyncio.run(leave())
    assert model.batches == [1, 1]
