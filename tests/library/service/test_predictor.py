"""The gate asks a release within its limits, whatever they are, and says what a failure of its code was."""

import dataclasses
import json
import re
from typing import Any

import httpx
import pandas as pd
import pytest

from slipway.errors import PipelineError, ServiceFailed
from slipway.gate.predictor import Predictor
from slipway.serving.release import Answering, Release
from tests.library.service.conftest import COLUMNS, Client, Golden, same

MANY = 230


def ask(release: Release, rows: int, size: int) -> tuple[Predictor, list[tuple[int, int]]]:
    """Return a predictor of a release that takes so many rows and bytes at once, and what it sends: status and rows of each request."""
    limited = release.config.model_copy(update={"max_rows": rows, "max_body_bytes": size})
    within, sent = Client(dataclasses.replace(release, config=limited)), list[tuple[int, int]]()

    def answer(request: httpx.Request) -> httpx.Response:
        answered = within.post(request.content)
        sent.append((answered.status_code, len(json.loads(request.content))))
        return httpx.Response(answered.status_code, content=answered.content)

    client = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://release.invalid")
    return Predictor(release.tag, release.digest, release.manifest_sha256, release.manifest, client), sent


@pytest.fixture
def rows(golden: Golden) -> pd.DataFrame:
    """More rows than most limits here."""
    some = golden["rows"]
    return pd.DataFrame([some[number % len(some)] for number in range(MANY)])


@pytest.fixture
def answers(golden: Golden) -> list[Any]:
    """What they are answered."""
    some = golden["answers"]
    return [some[number % len(some)] for number in range(MANY)]


@pytest.mark.parametrize("limit", [1, 2, 7, 100, 229, 230, 1000])
def test_it_keeps_within_the_rows_that_a_release_takes(release: Release, rows: pd.DataFrame, answers: list[Any], limit: int) -> None:
    predictor, sent = ask(release, limit, 10_000_000)
    assert same(predictor.answer(rows), answers)
    assert sum(number for code, number in sent if code == 200) == MANY
    refused = [number for code, number in sent if code != 200]
    assert len(refused) <= 9
    if limit < MANY:
        assert max(number for code, number in sent if code == 200) > limit / 2 - 1
        sent.clear()
        predictor.answer(rows)
        assert {code for code, _ in sent} == {200}


def test_it_keeps_within_the_bytes_that_a_release_takes(release: Release, rows: pd.DataFrame, answers: list[Any], golden: Golden) -> None:
    longest = max(len(json.dumps(row)) for row in golden["rows"])
    for several in (1, 3, 50):
        predictor, sent = ask(release, 1000, (longest + 4) * several)
        assert same(predictor.answer(rows), answers)
        assert sum(number for code, number in sent if code == 200) == MANY


def test_a_single_row_that_is_too_large_is_told_with_its_size_and_the_setting(release: Release, rows: pd.DataFrame) -> None:
    predictor, _ = ask(release, 1000, 20)
    size = len(json.dumps([rows[COLUMNS].iloc[0].to_dict()]).encode())
    with pytest.raises(PipelineError, match=r"row 0, which has \d+ bytes as JSON: .*20 bytes.*raise max_body_bytes in service/") as error:
        predictor.answer(rows)
    said = int(str(error.value).partition("which has ")[2].partition(" bytes")[0])
    assert size / 2 < said <= size + len(COLUMNS) * 8


def test_rows_that_it_refuses_are_told_with_the_reason_and_nothing_is_halved(release: Release, rows: pd.DataFrame) -> None:
    predictor, sent = ask(release, 1000, 10_000_000)
    name = COLUMNS[0]
    wrong: dict[str, Any] = {name: [{"a": 1}] * MANY}
    with pytest.raises(PipelineError, match=rf"rejects rows, .*{re.escape(name)}: .*Next: correct the rows"):
        predictor.answer(rows.drop(columns=name).assign(**wrong))
    assert len(sent) == 1


def test_no_rows_are_told(release: Release, rows: pd.DataFrame) -> None:
    predictor, _ = ask(release, 1000, 10_000_000)
    with pytest.raises(PipelineError, match=r"There are no rows to send"):
        predictor.answer(rows.head(0))


def test_a_failure_of_the_service_is_one_and_says_in_which_rows(release: Release, rows: pd.DataFrame) -> None:
    def broken(columns: Any) -> Any:
        raise RuntimeError(str(len(columns)))

    predictor, _ = ask(dataclasses.replace(release, answering=Answering(broken, "pipeline", None)), 100, 10_000_000)
    with pytest.raises(ServiceFailed, match=rf"{release.tag} failed on rows 0 to 56 \(from 0\) that it was sent\."):
        predictor.answer(rows)
