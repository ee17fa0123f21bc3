"""What is counted: values and answers by bins of the training data, calls of the model, and what is turned away; and what is logged."""

import asyncio
import dataclasses
import json
import logging
import math
import re
import threading
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from slipway.serving import app, bins, metrics
from slipway.serving.__main__ import Json
from slipway.serving.access import MARK
from slipway.serving.answers import Answers
from slipway.serving.bins import Bins, Watched
from slipway.serving.metrics import DriftCounter, add_sums
from slipway.serving.observe import Drain
from slipway.serving.release import Release
from slipway.serving.rows import Columns, to_columns
from tests.library.service.conftest import COLUMNS, MAX_WAITING, SECRET, Client, Golden, Row
from tests.library.service.test_access import KEYS, give

NUMBERS = np.arange(1000, dtype=np.float64)
NAN = math.nan


def counts(found: Bins, *values: Any) -> dict[str, int]:
    """Return how many of some values fall into which bin, without those into which none does."""
    column = np.array(values, dtype=np.float64 if found.edges else object)
    return {name: count for name, count in zip(found.names, found.count(column).tolist(), strict=True) if count}


# --- bins


def test_many_numbers_are_cut_at_the_deciles() -> None:
    found = bins.fit_bins(NUMBERS)
    assert found.edges == pytest.approx([0, 99.9, 199.8, 299.7, 399.6, 499.5, 599.4, 699.3, 799.2, 899.1, 999])
    assert found.names == [*(f"q{number}" for number in range(10)), "below", "above", "missing"]
    assert found.shares == pytest.approx([0.1] * 10 + [0] * 3)
    assert counts(found, 0, 50, 100, 999, -0.1, 999.1, NAN) == {"q0": 2, "q1": 1, "q9": 1, "below": 1, "above": 1, "missing": 1}


def test_an_edge_that_many_values_share_is_there_once() -> None:
    found = bins.fit_bins(np.concatenate([np.zeros(800), np.arange(200)]))
    assert found.edges is not None
    assert len(found.edges) == len(set(found.edges))
    assert sum(found.shares) == pytest.approx(1)


def test_few_numbers_are_told_apart() -> None:
    found = bins.fit_bins(np.array([1, 2, 2, 3], dtype=np.int64))
    assert (found.names, found.shares) == (["1", "2", "3", "other", "missing"], [0.25, 0.5, 0.25, 0, 0])
    assert counts(found, 2, 2, 4, None) == {"2": 2, "other": 1, "missing": 1}


def test_numbers_that_may_be_missing_have_a_share_of_it() -> None:
    assert bins.fit_bins(np.array([1, NAN, NAN, 2])).shares == [0.25, 0.25, 0, 0.5]


def test_declared_categories_are_bins_whether_training_saw_them_or_not() -> None:
    found = bins.fit_bins(np.array(["b", "b", None], dtype=object), ["a", "b"])
    assert dict(zip(found.names, found.shares, strict=True)) == pytest.approx({"a": 0, "b": 2 / 3, "other": 0, "missing": 1 / 3})
    assert counts(found, SECRET, "a") == {"a": 1, "other": 1}


def test_of_many_words_the_most_frequent_have_a_bin() -> None:
    words = np.array([f"w{number}" for number in range(bins.WORDS + 10) for _ in range(2 if number >= 10 else 1)], dtype=object)
    found = bins.fit_bins(words)
    assert len(found.names) == bins.WORDS + 2
    assert counts(found, "w0", "w10", "w59") == {"w10": 1, "w59": 1, "other": 1}


def test_text_of_which_nothing_comes_twice_is_counted_by_its_length() -> None:
    texts = np.array([*("a" * number for number in range(1, 201)), None], dtype=object)
    found = bins.fit_bins(texts)
    assert found.lengths
    assert found.edges is not None
    assert (found.edges[0], found.edges[-1]) == (1, 200)
    asked = found.count(np.array(["b", "b" * 201, None], dtype=object))
    assert {name: count for name, count in zip(found.names, asked.tolist(), strict=True) if count} == {"q0": 1, "above": 1, "missing": 1}


def test_text_that_always_has_the_same_length_has_one_bin() -> None:
    times = np.array([f"2012-10-{day:02}T{hour:02}:00:00" for day in range(1, 30) for hour in range(24)], dtype=object)
    assert bins.fit_bins(times).names == ["19.0", "other", "missing"]


@pytest.mark.parametrize("rows", [10, 1000])
def test_small_whole_numbers_are_counted_alike_however_many_they_are(rows: int) -> None:
    found = bins.fit_bins(np.array([0, 3, 3, 7], dtype=np.int64))
    asked = np.array([0, 3, 3, 7, 7, 7, 2, 8, 4000, 12], dtype=np.int64)
    for column in (asked, asked - 5, asked * 10**9):
        told = found.count(np.tile(column, rows // 10)) * (10 / rows)
        expected = counts(Bins(values=found.values), *column.tolist())
        assert {name: count for name, count in zip(found.names, told.tolist(), strict=True) if count} == expected


def test_a_number_just_outside_is_outside() -> None:
    found = bins.fit_bins(NUMBERS)
    assert counts(found, 0, np.nextafter(0, -1), 999, np.nextafter(999, 1000)) == {"q0": 1, "q9": 1, "below": 1, "above": 1}


def test_flags_have_two_bins() -> None:
    assert bins.fit_bins(np.array([True, True, False])).shares == [pytest.approx(1 / 3), pytest.approx(2 / 3), 0, 0]


# --- the release's own


def test_every_row_of_the_training_data_is_in_a_bin(release: Release) -> None:
    assert set(release.watched.features) == set(COLUMNS[: bins.FEATURES])
    for each in (*release.watched.features.values(), release.watched.predictions):
        assert sum(each.shares) == pytest.approx(1)


def figures(client: Client) -> dict[str, float]:
    """Return what the service says of itself, by name and labels."""
    lines = [line for line in client.get("/metrics").text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_what_is_asked_and_answered_is_counted_once_each(client: Client, golden: Golden) -> None:
    before = figures(client)
    client.predict(golden["rows"])
    client.predict(golden["rows"][0])
    now = figures(client)
    rows = len(golden["rows"]) + 1

    def added(start: str) -> float:
        return sum(value - before.get(name, 0) for name, value in now.items() if name.startswith(start))

    for name in COLUMNS[: bins.FEATURES]:
        assert added('ml_input_bin_total{bin="') >= rows
        assert sum(now[each] - before.get(each, 0) for each in now if f'feature="{name}"' in each and "ml_input_bin_total" in each) == rows
    assert added("ml_prediction_bin_total") == rows
    assert (added("ml_batch_rows_sum"), added("ml_batch_rows_count"), added("ml_predict_seconds_count")) == (rows, 2, 2)
    assert added('ml_requests_total{code="200",route="/predict"}') == 2


def test_shares_of_the_training_data_are_published(client: Client, release: Release) -> None:
    metrics.publish_release(release)
    now = figures(client)
    name, found = next(iter(release.watched.features.items()))
    assert now[f'ml_reference_share{{bin="{found.names[0]}",feature="{name}"}}'] == found.shares[0]
    assert now[f'ml_prediction_reference_share{{bin="{release.watched.predictions.names[0]}"}}'] == release.watched.predictions.shares[0]
    assert now["ml_reference_rows"] == release.manifest.data.rows
    assert now["ml_release_loaded_timestamp_seconds"] > 0


def test_a_word_that_is_called_as_a_bin_of_ours_loses_nothing() -> None:
    assert metrics.add_equal_names(["other", "b", "other"], [0.25, 0.5, 0.25]) == {"other": 0.5, "b": 0.5}


def test_answers_are_added_up_for_their_mean(client: Client) -> None:
    def sums() -> tuple[float, float]:
        now = figures(client)
        return tuple(now[f'ml_prediction_sum_total{{sign="{sign}"}}'] for sign in ("positive", "negative"))  # type: ignore[return-value]

    add_sums(np.array([0.0]))
    before = sums()
    add_sums(np.array([1.5, -2.0, 3.0]))
    add_sums(np.array([[0.5, 0.5]]))
    assert (sums()[0] - before[0], sums()[1] - before[1]) == (4.5, 2.0)


SMALL = Watched(features={"x": Bins(values=[1, 2], shares=[0.5, 0.5, 0, 0])}, predictions=Bins(values=[0, 1], shares=[1, 0, 0, 0]))


def changed(*batches: tuple[list[float], list[Any]]) -> tuple[float, float]:
    """Count batches, each of values and answers, and return how many rows and answers changed."""

    def total(counter: Any) -> float:
        found: float = counter.collect()[0].samples[0].value
        return found

    before = total(metrics.ROWS_CHANGED), total(metrics.ANSWERS_CHANGED)
    counter = DriftCounter(SMALL)
    for values, answers in batches:
        counter.add({"x": np.array(values)}, np.array(answers), 0.0)
        counter.flush()
    return total(metrics.ROWS_CHANGED) - before[0], total(metrics.ANSWERS_CHANGED) - before[1]


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([([1.0, 2.0, 2.0], [0.0, 1.0, 1.0])], (1, 1)),
        ([([1.0, 2.0, 1.0], [0.0, 0.0, 0.0])], (2, 0)),
        ([([1.0], [0.0]), ([2.0], [1.0])], (1, 1)),
        ([([NAN, NAN, 1.0], [0.0, 0.0, 0.0])], (1, 0)),
        ([([1.0, 2.0], [[0.1, 0.9], [0.9, 0.1]])], (1, 1)),
    ],
    ids=["both", "a constant", "over batches", "missing", "classes"],
)
def test_rows_and_answers_that_change_are_counted(batches: list[tuple[list[float], list[Any]]], expected: tuple[float, float]) -> None:
    assert changed(*batches) == expected


def test_what_gathers_is_counted_before_it_is_much(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = DriftCounter(SMALL)
    monkeypatch.setattr(counter, "flushed", math.inf)
    many = {"x": np.ones(2047)}
    counter.add(many, np.zeros(2047), 0.0)
    assert counter.gathered
    counter.add({"x": np.ones(1)}, np.zeros(1), 0.0)
    assert not counter.gathered


def test_rows_and_columns_are_counted_in_the_order_in_which_they_were_asked(release: Release, golden: Golden) -> None:
    order = [0, 0, 0, 1, 1, 1, 1, 0, 0]
    rows, answers = [golden["rows"][each] for each in order], np.array(golden["answers"], dtype=np.float64)[order]

    def count(*parts: slice) -> dict[str, dict[str, float]]:
        before, counter = samples(), DriftCounter(release.watched)
        for part in parts:
            asked = rows[part]
            counter.add(asked if len(asked) < 3 else to_columns(asked), answers[part], 0.25)
        counter.flush()
        return {name: {key: value - before[name].get(key, 0) for key, value in each.items()} for name, each in samples().items()}

    calls = ("ml_predict_seconds", "ml_batch_rows")
    whole, parted = count(slice(9)), count(slice(1), slice(1, 3), slice(3, 7), slice(7, 8), slice(8, 9))
    assert [name for name in whole if name not in calls and whole[name] != pytest.approx(parted[name])] == []
    assert whole["ml_rows_changed"] == {"ml_rows_changed_total{}": 2}
    assert (parted["ml_predict_seconds"]["ml_predict_seconds_sum{}"], parted["ml_batch_rows"]["ml_batch_rows_count{}"]) == (1.25, 5)


def test_many_amounts_are_added_as_each_would_be() -> None:
    registry, amounts = CollectorRegistry(), [0.0, 0.1, float(np.nextafter(0.1, 1)), 1, 5, 10, 11, 1e9]
    one, together = (metrics.Amounts(name, "", buckets=(0.1, 1, 10), registry=registry) for name in ("one", "together"))
    for each in amounts:
        one.observe(each)
    for some in (amounts[:3], amounts[3:], []):
        together.observe_all(some)
    [expected], [found] = one.collect(), together.collect()
    kept = [(each.name.removeprefix("one"), each.labels, each.value) for each in expected.samples if "created" not in each.name]
    assert kept == [(each.name.removeprefix("together"), each.labels, each.value) for each in found.samples if "created" not in each.name]


# --- requests


def read(name: str, **labels: str) -> float:
    """Return a figure as it is in the registry at the moment."""
    return REGISTRY.get_sample_value(name, labels) or 0


def test_requests_gather_until_they_are_read() -> None:
    def counted() -> list[float]:
        answered, refused = (read("ml_requests_total", route="/gather", code=code) for code in ("200", "422"))
        return [
            answered,
            refused,
            read("ml_caller_requests_total", caller="gather", code="422"),
            read("ml_request_seconds_sum", route="/gather"),
        ]

    counter = metrics.RequestCounter()
    counter.add("/gather", 200, "", 0.25)
    counter.add("/gather", 422, "gather", 0.5)
    counter.add("/gather", 200, "", 0.25)
    assert counted() == [0, 0, 0, 0]
    counter.flush()
    counter.flush()
    assert counted() == [2, 1, 1, 1]


def test_requests_are_counted_before_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = metrics.RequestCounter()
    monkeypatch.setattr(counter, "flushed", math.inf)
    for _ in range(2047):
        counter.add("/many", 200, "", 0.25)
    assert read("ml_requests_total", route="/many", code="200") == 0
    counter.add("/many", 200, "", 0.25)
    assert read("ml_requests_total", route="/many", code="200") == 2048


def test_requests_are_counted_after_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = metrics.RequestCounter()
    monkeypatch.setattr(counter, "flushed", -math.inf)
    for _ in range(2):  # the first is the time for which the second waits
        counter.add("/second", 200, "", 0.25)
    assert read("ml_requests_total", route="/second", code="200") == 1


def test_of_several_workers_each_counts_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    before = read("ml_predict_seconds_count")
    metrics.RequestCounter().add("/worker", 200, "", 0.25)
    DriftCounter(SMALL).add({"x": np.ones(1)}, np.zeros(1), 0.25)
    assert read("ml_requests_total", route="/worker", code="200") == 1
    assert read("ml_predict_seconds_count") == before + 1


class Held(Release):
    """Answers when it is let."""

    free = threading.Event()

    def answer(self, columns: Columns) -> Answers:
        self.free.wait(60)
        return super().answer(columns)

    def answer_rows(self, rows: list[Row]) -> Answers:
        self.free.wait(60)
        return super().answer_rows(rows)


def samples() -> dict[str, dict[str, float]]:
    """Return the samples of each metric that slipway/serving/metrics.py declares, by its name."""
    declared = [each for each in vars(metrics).values() if isinstance(each, MetricWrapperBase)]
    families = [family for each in declared for family in each.collect()]
    return {each.name: {f"{one.name}{one.labels}": one.value for one in each.samples if "_created" not in one.name} for each in families}


async def ask_all(release: Release, rows: list[Row]) -> dict[str, dict[str, float]]:
    """Ask for more rows at once than may wait, and return what was counted while they did."""
    Held.free.clear()
    application = app.build(Held(**vars(release)), Drain())
    outside = {MARK.decode(): "192.0.2.7", "x-api-key": KEYS["planning"]}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://release.invalid") as client:
        asked = (client.post("/predict", json=rows[each % len(rows)], headers=outside) for each in range(MAX_WAITING + 3))
        requests = [*map(asyncio.create_task, asked)]
        await asyncio.wait(requests, return_when=asyncio.FIRST_COMPLETED)  # it was turned away
        meanwhile = samples()
        Held.free.set()
        await asyncio.gather(*requests)
        await client.get("/metrics")
    return meanwhile


def test_each_metric_that_is_declared_moves_under_load(
    release: Release, golden: Golden, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCESS", str(tmp_path))
    give(tmp_path, "planning")
    before, watched = samples(), release.watched.model_copy(deep=True)
    for each in (*watched.features.values(), watched.predictions):
        each.usual = 0.1  # which takes more rows than this release has
    metrics.publish_release(dataclasses.replace(release, watched=watched))
    meanwhile = asyncio.run(ask_all(release, golden["rows"]))
    after = samples()
    assert len(before) > 15
    assert [name for name in before if before[name] == meanwhile[name] == after[name] and not any(after[name].values())] == []
    assert meanwhile["ml_queue_depth"] == {"ml_queue_depth{}": MAX_WAITING}
    assert after["ml_queue_depth"] == {"ml_queue_depth{}": 0}
    moving = ("ml_requests", "ml_request_seconds", "ml_predict_seconds", "ml_batch_rows", "ml_shed", "ml_input_bin", "ml_prediction_bin")
    amounts = () if release.manifest.task == "multiclass" else ("ml_prediction_sum",)
    assert [name for name in (*moving, *amounts, "ml_rows_changed") if before[name] == after[name]] == []


# --- logs


def line(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """Return the last line of the log."""
    said: dict[str, Any] = json.loads(Json().format([each for each in caplog.records if each.name == "service.request"][-1]))
    return said


def test_a_refused_request_is_a_line_with_its_reason_and_nothing_of_what_was_sent(
    client: Client, row: Row, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    response = client.request("POST", "/predict", json={**row, SECRET: SECRET}, headers={"x-request-id": "one-2.3"})
    said = line(caplog)
    assert {name: said[name] for name in ("message", "request", "route", "code", "reason")} == {
        "message": "refused",
        "request": "one-2.3",
        "route": "/predict",
        "code": 422,
        "reason": "the request: Extra inputs are not permitted",
    }
    assert response.headers["x-request-id"] == "one-2.3"
    assert SECRET not in caplog.text


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, 'x"', "\xe4"])
def test_a_request_whose_name_could_do_harm_gets_one_of_ours(client: Client, name: str) -> None:
    response = client.request("GET", "/healthz", headers=[(b"x-request-id", name.encode("latin-1"))])
    assert re.fullmatch("[0-9a-f]{16}", response.headers["x-request-id"])


def test_answers_are_logged_only_where_the_config_says_so(release: Release, row: Row, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "service")
    Client(release).predict(row)
    assert not [each for each in caplog.records if each.name == "service.request"]
    everything = release.config.model_copy(update={"log_requests": "all"})
    Client(dataclasses.replace(release, config=everything)).predict(row)
    assert (line(caplog)["message"], line(caplog)["code"]) == ("answered", 200)


def test_a_traceback_is_in_one_line() -> None:
    try:
        raise ValueError(1)
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed %s", ("it",), (ValueError, error, error.__traceback__))
    [only] = Json().format(record).splitlines()
    said = json.loads(only)
    assert (said["level"], said["message"]) == ("error", "failed it")
    assert "ValueError: 1" in said["traceback"]
