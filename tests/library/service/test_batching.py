"""Requests that arrive together, or while the model answers, are a batch; too many are turned away, and none fails its neighbours."""

import asyncio
import dataclasses
import json
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from slipway.serving import endpoint, metrics
from slipway.serving.answers import Answers
from slipway.serving.endpoint import BATCH_ROWS, NEWEST, SHORT_SECONDS, Batcher, Endpoint, Pace
from slipway.serving.metrics import DriftCounter
from slipway.serving.release import Config, Release
from slipway.serving.requests import Shed
from slipway.serving.rows import Columns
from tests.library.service.conftest import Golden, same

CONFIG = Config(
    max_rows=1000, max_body_bytes=1000, max_waiting=3, max_wait_seconds=60, drain_seconds=0, log_requests="refused", contracts=[]
)


class Model:
    """Answers rows with their own number, when it is let; keeps the sizes of its batches, and where each was answered."""

    def __init__(self, pace: Pace | None = None) -> None:
        self.free, self.batches, self.threads = threading.Event(), list[int](), list[str]()
        self.batcher = Batcher(self.answer, CONFIG, pace)

    def answer(self, rows: Sequence[dict[str, Any]]) -> Any:
        """Answer, or fail on the row 13."""
        self.free.wait(60)
        self.batches.append(len(rows))
        self.threads.append(threading.current_thread().name.partition("_")[0])
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


# --- in the event loop

HERE, THREAD = "MainThread", "model"


class Measured(Pace):
    """A pace by which so many rows are short, and more are not, whatever is measured."""

    def __init__(self, short: int) -> None:
        super().__init__()
        self.short, self.calls = short, list[int]()

    def add(self, rows: int, seconds: float) -> None:
        self.calls.append(rows)
        assert seconds >= 0

    def is_short(self, rows: int) -> bool:
        return rows <= self.short


async def ask_together(model: Model, *requests: Sequence[int]) -> list[Any]:
    """Ask in one turn of the event loop, of a model that answers at once."""
    model.free.set()
    found = await asyncio.gather(*(model.ask(*numbers) for numbers in requests), return_exceptions=True)
    return [each if isinstance(each, BaseException) else each.tolist() for each in found]


def read_depth() -> float:
    """Return how many requests wait, as published."""
    [family] = metrics.QUEUE.collect()
    return family.samples[0].value


def test_what_is_short_is_answered_where_it_arrives_and_what_arrives_together_is_one_batch() -> None:
    model = Model(Measured(9))
    assert asyncio.run(ask_together(model, [1], [2, 3], [4])) == [[1], [2, 3], [4]]
    assert (model.batches, model.threads) == ([4], [HERE])


def test_a_batch_that_is_not_short_goes_to_the_thread_though_each_of_its_requests_is() -> None:
    model = Model(Measured(2))
    assert asyncio.run(ask_together(model, [1], [2], [3])) == [[1], [2], [3]]
    assert (model.batches, model.threads) == ([3], [THREAD])


def test_while_the_thread_works_all_wait_and_are_then_answered_where_they_are_short() -> None:
    model = Model(Measured(2))

    async def wait() -> tuple[float, list[Any]]:
        long = model.ask(1, 2, 3)
        while not model.batcher.working:
            await asyncio.sleep(0)
        short = [model.ask(4), model.ask(5)]
        await queued(model, 2)
        depth = read_depth()
        model.free.set()
        return depth, [each.tolist() for each in await asyncio.gather(long, *short)]

    assert asyncio.run(wait()) == (2, [[1, 2, 3], [4], [5]])
    assert (model.batches, model.threads) == ([3, 2], [THREAD, HERE])
    assert read_depth() == 0


def test_more_than_a_batch_is_answered_in_several() -> None:
    model, large = Model(Measured(BATCH_ROWS)), [*range(20, BATCH_ROWS)]
    assert asyncio.run(ask_together(model, large, large, large)) == [large] * 3
    assert (model.batches, model.threads) == ([len(large)] * 3, [HERE] * 3)


def test_where_the_model_fails_each_is_answered_by_itself_in_the_thread() -> None:
    model = Model(Measured(9))
    first, second, third = asyncio.run(ask_together(model, [1], [13], [2]))
    assert (first, third) == ([1], [2])
    assert isinstance(second, ValueError)
    assert (model.batches[0], model.threads[0]) == (3, HERE)
    assert set(model.threads[1:]) == {THREAD}
    assert asyncio.run(ask_together(model, [4])) == [[4]]


def test_more_than_may_wait_in_one_turn_are_turned_away() -> None:
    model = Model(Measured(9))
    *answered, shed = asyncio.run(ask_together(model, *([number] for number in range(CONFIG.max_waiting + 1))))
    assert answered == [[number] for number in range(CONFIG.max_waiting)]
    assert isinstance(shed, Shed)


def test_who_is_gone_at_the_end_of_the_turn_is_not_answered() -> None:
    model = Model(Measured(9))
    model.free.set()

    async def leave() -> list[int]:
        gone = model.ask(1)
        await queued(model, 1)
        gone.cancel()
        await asyncio.wait([gone])
        answered: list[int] = (await model.ask(2)).tolist()
        return answered

    assert asyncio.run(leave()) == [2]
    assert model.batches == [1]


# --- the pace


def test_a_size_is_short_once_it_was_measured_to_be() -> None:
    pace = Pace()
    assert not pace.is_short(4)
    pace.add(4, SHORT_SECONDS / 2)
    assert [rows for rows in range(1, 10) if pace.is_short(rows)] == [4, 5, 6, 7]


def test_a_call_that_is_held_up_changes_little_and_what_has_become_slow_is_seen() -> None:
    pace = Pace()
    pace.add(1, SHORT_SECONDS / 10)
    pace.add(1, 1000 * SHORT_SECONDS)
    assert pace.is_short(1)
    for _ in range(round(3 / NEWEST)):
        pace.add(1, 2 * SHORT_SECONDS)
    assert not pace.is_short(1)
    for _ in range(round(3 / NEWEST)):
        pace.add(1, SHORT_SECONDS / 10)
    assert pace.is_short(1)


def test_what_is_not_measured_yet_goes_to_the_thread_where_it_is() -> None:
    model = Model(Pace())
    assert asyncio.run(ask_together(model, [1], [2, 3])) == [[1], [2, 3]]
    assert model.threads == [THREAD, THREAD]
    assert model.batcher.pace
    assert [*model.batcher.pace.seconds] == [1, 2]


@pytest.mark.parametrize(("path", "threads"), [("compiled", [THREAD, HERE]), ("pipeline", [THREAD, THREAD])])
def test_a_pipeline_is_never_asked_in_the_event_loop(
    path: str, threads: list[str], release: Release, golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "SHORT_SECONDS", 60)  # however slow this machine is
    asked, answer = list[str](), release.answering.answer

    def note(columns: Columns) -> Answers:
        asked.append(threading.current_thread().name.partition("_")[0])
        return answer(columns)

    noted = dataclasses.replace(release, answering=dataclasses.replace(release.answering, path=path, answer=note, answer_rows=None))
    found = Endpoint(noted, DriftCounter(release.watched))
    for row, expected in zip(golden["rows"][:2], golden["answers"], strict=False):
        answered = asyncio.run(found.answer_json(json.dumps(row).encode()))
        assert same(answered.answers, [expected])
    assert asked == threads
