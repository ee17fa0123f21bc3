"""A real service is asked what is bad by construction: nothing breaks it, nothing bad is answered, and nobody is left without an answer."""

import asyncio
import http.client
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from slipway.operate import process
from tests.library.service.asked import VERTEX, World
from tests.library.service.bad_inputs import Case, cases
from tests.library.service.conftest import MAX_BYTES, ROOT, SECRET
from tests.library.service.raw_client import Answer, Seen, fault, send

SEED, NUMBER, CLIENTS = 20_260_101, 2000, 4


@pytest.fixture(scope="module")
def world(bundles: tuple[Path, Path]) -> World:
    return World.of(bundles[0])


@pytest.fixture(scope="module")
def port(bundles: tuple[Path, Path]) -> Iterator[int]:
    with process.serve_release(ROOT, bundles[0], **VERTEX) as url:
        yield int(url.rpartition(":")[2])


def test_bad_inputs_are_refused_each_with_an_answer(world: World, port: int) -> None:
    seen = asyncio.run(send(port, cases(world, SEED, NUMBER), CLIENTS))
    assert seen.wrong == []
    assert seen.dropped == 0
    assert sum(map(sum, (counts.values() for counts in seen.counts.values()))) == NUMBER
    assert seen.counts["right"]["200"] == seen.counts["right"].total() > 0


def test_who_sends_far_too_much_before_reading_sees_the_answer(port: int) -> None:
    for _ in range(5):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for _ in range(2):  # over one connection
            connection.request("POST", "/predict", b" " * (100 * MAX_BYTES), {"content-type": "application/json"})
            response = connection.getresponse()
            response.read()
            assert response.status == 413
        connection.close()


def test_the_same_seed_makes_the_same_inputs(world: World) -> None:
    first, again, other = (list(cases(world, seed, 200)) for seed in (1, 1, 2))
    assert first == again != other
    assert first == list(islice(cases(world, 1, 300), 200))


def test_what_is_not_as_it_has_to_be_is_said(world: World) -> None:
    bad, good = Case("bad", b"", (422,)), next(each for each in cases(world, SEED, NUMBER) if each.family == "right")
    said = b'{"error": "x"}'
    assert fault(bad, Answer(422, {}, said)) == fault(bad, Answer(503, {}, said)) == ""
    assert fault(bad, Answer(200, {}, said)).startswith("200 instead of")
    assert fault(bad, Answer(500, {}, said)).startswith("500 instead of")
    assert fault(bad, Answer(422, {}, b'{"detail": "x"}')) == "an error of another shape"
    assert fault(bad, Answer(422, {}, f'{{"error": "{SECRET}"}}'.encode())) == "it repeats what was sent"
    assert fault(Case("bad", b"", (405,)), Answer(405, {}, said)) == "405 without Allow"
    assert fault(good, Answer(200, {}, b'{"predictions": [1e9]}')) == "other answers than recorded"


def test_a_connection_without_an_answer_is_counted() -> None:
    seen = Seen()
    seen.note(Case("bad", b"x", (422,)), None)
    seen.note(Case("early", b"x", (400,), ends=True), None)
    assert (seen.dropped, seen.wrong) == (1, ["bad: no answer, to b'x'"])
