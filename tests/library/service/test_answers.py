"""A release answers as it was trained to, and says what it is."""

import asyncio
import dataclasses
import json
import re
import threading
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from fastapi import Request
from fastapi.responses import PlainTextResponse

from model import features
from slipway import git
from slipway.gate import dataset
from slipway.project import Project
from slipway.serving import app, metrics
from slipway.serving.answers import Answers, answer
from slipway.serving.endpoint import Endpoint
from slipway.serving.frames import records
from slipway.serving.manifest import sha256
from slipway.serving.metrics import DriftCounter
from slipway.serving.observe import Drain
from slipway.serving.parity import TOLERANCE, distance
from slipway.serving.pipeline import load_model
from slipway.serving.release import Answering, Release
from slipway.serving.requests import Refused
from slipway.serving.rows import Columns
from tests.library.service.conftest import COLUMNS, FILES, MAX_ROWS, ROOT, SECRET, Client, Golden, Row, declared, same, sentence


def test_one_row_gets_one_answer(client: Client, golden: Golden) -> None:
    assert same(client.predict(golden["rows"][0]).json()["predictions"], golden["answers"][:1])


def test_many_rows_are_answered_in_their_order(client: Client, golden: Golden) -> None:
    assert same(client.predict(golden["rows"][::-1]).json()["predictions"], golden["answers"][::-1])


def test_the_service_answers_what_the_pipeline_answers(client: Client, bundles: tuple[Path, Path]) -> None:
    reference = dataset.read(ROOT / "validation" / "reference.csv")[COLUMNS].tail(MAX_ROWS)
    answers = answer(load_model(bundles[0] / "model.skops"), reference, features.TASK)
    assert distance(client.predict(records(reference)).json()["predictions"], answers) <= TOLERANCE


def test_the_order_of_the_fields_does_not_matter(client: Client, golden: Golden) -> None:
    turned = dict(reversed(golden["rows"][0].items()))
    assert same(client.predict(turned).json()["predictions"], golden["answers"][:1])


@pytest.mark.parametrize("name", COLUMNS)
def test_null_is_taken_only_where_a_value_may_be_missing(client: Client, row: Row, name: str) -> None:
    response = client.predict({**row, name: None})
    assert response.status_code == (200 if declared(name).optional else 422), response.text


def test_a_regression_has_no_labels_and_a_classification_the_likeliest(release: Release) -> None:
    def classifying(*classes: str) -> Release:
        model = release.manifest.model.model_copy(update={"classes": list(classes)})
        return dataclasses.replace(release, manifest=release.manifest.model_copy(update={"model": model}))

    def labels(release: Release, answers: Any) -> list[Any] | None:
        return Endpoint(release, DriftCounter(release.watched)).choose_labels(np.array(answers))

    assert labels(classifying("no", "yes"), [0.2, 0.8]) == ["no", "yes"]
    assert labels(classifying("a", "b", "c"), [[0.1, 0.2, 0.7], [0.5, 0.4, 0.1]]) == ["c", "a"]
    model = release.manifest.model.model_copy(update={"classes": None})
    manifest = release.manifest.model_copy(update={"model": model})
    assert labels(dataclasses.replace(release, manifest=manifest), [1.0]) is None


class Fake:
    """A pipeline that answers what it is told to, or fails."""

    def __init__(self, probabilities: list[list[float]]) -> None:
        self.probabilities = probabilities

    def predict(self, rows: pd.DataFrame) -> list[float]:
        """Fail."""
        raise RuntimeError(f"{SECRET} in {len(rows)} rows")

    def predict_proba(self, rows: pd.DataFrame) -> list[list[float]]:
        """Answer as told."""
        return self.probabilities[: len(rows)]


def test_a_binary_task_answers_the_second_class_and_a_multiclass_one_all() -> None:
    rows, probabilities = pd.DataFrame({"x": [1, 2]}), [[0.9, 0.1], [0.3, 0.7]]
    assert answer(Fake(probabilities), rows, "binary").tolist() == [0.1, 0.7]
    assert answer(Fake(probabilities), rows, "multiclass").tolist() == probabilities


def test_records_keep_every_digit_and_write_what_is_missing_as_null() -> None:
    rows = pd.DataFrame({"number": [0.1 + 0.2, float("nan")], "word": ["a", None], "count": [1, 2]})
    assert records(rows) == [{"number": 0.1 + 0.2, "word": "a", "count": 1}, {"number": None, "word": None, "count": 2}]


def test_version_is_the_manifest(client: Client, bundles: tuple[Path, Path]) -> None:
    written = (bundles[0] / "manifest.json").read_bytes()
    reason = json.loads(written)["model"]["compiled"]["reason"]
    assert client.get("/version").json() == {
        "tag": "v9.8.7",
        "digest": "sha256:abc",
        "manifest_sha256": sha256(written),
        "path": "pipeline" if reason else "compiled",
        "path_reason": reason,
        "manifest": json.loads(written),
    }


def test_the_manifest_names_its_commit_and_its_files(release: Release, project: Project, bundles: tuple[Path, Path]) -> None:
    manifest = release.manifest
    assert (manifest.commit, manifest.dirty) == (git.read_head(project.root), False)
    named = {part.file: part.sha256 for part in (manifest.bins, manifest.config, manifest.golden, manifest.model.served)}
    assert named == {name: sha256((bundles[0] / name).read_bytes()) for name in FILES}


def test_a_release_that_serves_is_alive_and_ready(client: Client, release: Release) -> None:
    assert client.get("/healthz").json() == {"alive": True}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["ready"], ready.json()["manifest_sha256"]) == (200, True, release.manifest_sha256)


def test_a_draining_release_still_answers_and_tells_callers_to_leave(client: Client, row: Row) -> None:
    assert "connection" not in client.predict(row).headers
    client.drain.on = True
    answered, ready = client.predict(row), client.get("/readyz")
    assert (answered.status_code, answered.headers["connection"]) == (200, "close")
    assert (ready.status_code, ready.json()["ready"], ready.headers["connection"]) == (503, False, "close")
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/version", "/nowhere"])
def test_every_answer_names_its_release(client: Client, path: str) -> None:
    headers = client.get(path).headers
    assert (headers["x-release"], headers["x-release-digest"]) == ("v9.8.7", "sha256:abc")


def counted(client: Client, route: str, code: int) -> float:
    """Return how often a route was answered with a code."""
    found = re.search(rf'^ml_requests_total{{code="{code}",route="{route}"}} (.+)$', client.get("/metrics").text, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def test_metrics_count_answers_by_route_and_never_by_a_callers_path(client: Client, row: Row) -> None:
    routes = (("/predict", 200), ("/predict", 422), ("none", 404))
    before = [counted(client, *each) for each in routes]
    client.predict(row)
    client.predict([])
    client.get(f"/{SECRET}")
    assert [counted(client, *each) for each in routes] == [number + 1 for number in before]
    assert SECRET not in client.get("/metrics").text


def test_metrics_name_the_release_once_it_is_announced(client: Client, release: Release) -> None:
    metrics.publish_release(release)
    [line] = [line for line in client.get("/metrics").text.splitlines() if line.startswith("ml_release_info{") and "v9.8.7" in line]
    assert line.endswith(" 1.0")
    assert f'model_sha256="{release.manifest.model.sha256}"' in line


def test_the_interface_is_described_with_every_field(client: Client) -> None:
    described = client.get("/openapi.json").json()["components"]["schemas"]
    assert list(described[features.Row.__name__]["properties"]) == COLUMNS
    assert client.get("/docs").status_code == 200


def test_the_description_names_no_answer_that_is_never_given(client: Client) -> None:
    assert "ValidationError" not in client.get("/openapi.json").text


# --- while the model is at work


class Busy:
    """A release whose model answers when it is let, and callers of it."""

    def __init__(self, release: Release) -> None:
        self.free = threading.Event()
        answering = Answering(self.answer, "pipeline", None)
        self.transport = httpx.ASGITransport(app.build(dataclasses.replace(release, answering=answering), Drain()))

    def answer(self, columns: Columns) -> Answers:
        """Answer rows with nothing."""
        self.free.wait(60)
        return np.zeros(len(columns[COLUMNS[0]]))

    def caller(self) -> httpx.AsyncClient:
        """Return a caller."""
        return httpx.AsyncClient(transport=self.transport, base_url="http://release.invalid", timeout=60)


def test_whoever_looks_after_the_service_does_not_wait_for_the_model(release: Release, row: Row) -> None:
    busy = Busy(release)

    async def look() -> int:
        async with busy.caller() as caller:
            asked = asyncio.create_task(caller.post("/predict", json=row))
            for path in ("/healthz", "/readyz", "/version", "/metrics", "/v2/health/live"):
                assert (await caller.get(path)).status_code == 200
            assert not asked.done()
            busy.free.set()
            return (await asked).status_code

    assert asyncio.run(look()) == 200


def test_of_too_many_callers_some_are_told_when_to_come_back_and_the_others_are_answered(release: Release, row: Row) -> None:
    busy = Busy(release)
    room = release.config.max_waiting + 1  # one is with the model
    before = metrics.SHED.labels("queue")._value.get()

    async def flood() -> list[httpx.Response]:
        async with busy.caller() as caller:
            asked = [asyncio.create_task(caller.post("/predict", json=row)) for _ in range(room + 7)]
            while sum(each.done() for each in asked) < 7:
                await asyncio.sleep(0)
            busy.free.set()
            return await asyncio.gather(*asked)

    answered = asyncio.run(flood())
    shed = [each for each in answered if each.status_code == 503]
    assert (len(shed), sum(each.status_code == 200 for each in answered)) == (7, room)
    assert {sentence(each, 503) for each in shed} == {"Too many requests wait for the model. Send the request again in a second."}
    assert {each.headers["retry-after"] for each in shed} == {"1"}
    assert metrics.SHED.labels("queue")._value.get() == before + 7


# --- what an owner adds


def test_an_owners_handler_of_errors_is_asked_for_predictions_too(client: Client, row: Row) -> None:
    async def refuse(_: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse(f"own: {type(error).__name__}", 499)

    client.app.add_exception_handler(Refused, refuse)
    for refused in (client.predict({**row, SECRET: 1}), client.post("{}", kind="text/plain")):
        assert (refused.status_code, refused.text) == (499, "own: Refused")
    assert client.predict(row).status_code == 200


def test_an_owners_middleware_is_around_predictions_and_knows_what_answered(client: Client, row: Row) -> None:
    seen = []

    async def note(request: Request, call_next: Any) -> Any:
        if "refuse" in request.headers:
            return PlainTextResponse("own", 418)
        read = len(await request.body())
        response = await call_next(request)
        seen.append((request.scope["endpoint"].__name__, response.status_code, read))
        return response

    client.app.middleware("http")(note)
    assert client.predict(row).status_code == 200
    assert client.predict({}).status_code == 422
    assert client.post(json.dumps(row), refuse="1").text == "own"
    assert seen == [("predict", 200, len(json.dumps(row))), ("predict", 422, 2)]
