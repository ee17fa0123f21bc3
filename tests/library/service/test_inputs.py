"""What is not declared is refused, with a sentence that names row and field and repeats nothing."""

import asyncio
import dataclasses
import gzip
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import numpy as np
import pytest
from starlette.types import Message

from slipway.serving import rows
from slipway.serving.release import Answering, Release
from slipway.serving.requests import Refused
from tests.library.service.conftest import (
    COLUMNS,
    FAR,
    MAX_BYTES,
    MAX_ROWS,
    NUMBERS,
    REQUIRED,
    SECRET,
    Client,
    Golden,
    Row,
    declared,
    outside,
    same,
    sentence,
)


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_field_is_named(client: Client, row: Row, name: str) -> None:
    assert client.refused({key: value for key, value in row.items() if key != name}) == f"{name}: Field required"


def test_an_undeclared_field_is_refused_without_its_name(client: Client, row: Row) -> None:
    assert client.refused({**row, SECRET: SECRET}) == "the request: Extra inputs are not permitted"


@pytest.mark.parametrize(("name", "value"), list(outside()))
def test_a_value_outside_of_what_is_declared_is_refused_at_its_place(client: Client, row: Row, name: str, value: Any) -> None:
    assert client.refused({**row, name: value}).startswith(f"{name}: Input should be ")
    assert client.refused([row, {**row, name: value}]).startswith(f"row 1, {name}: Input should be ")


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("value", [{SECRET: SECRET}, [SECRET]], ids=["object", "list"])
def test_a_value_of_another_type_is_refused(client: Client, row: Row, name: str, value: Any) -> None:
    assert client.refused({**row, name: value}).startswith(f"{name}: ")


@pytest.mark.parametrize("name", [name for name in COLUMNS if declared(name).kind is not object])
def test_types_are_not_guessed(client: Client, row: Row, name: str) -> None:
    spelt = str(row[name]) if name in NUMBERS else FAR
    assert client.refused({**row, name: spelt}).startswith(f"{name}: ")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")], ids=str)
@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_no_finite_number_is_refused(client: Client, row: Row, name: str, value: float) -> None:
    assert client.refused({**row, name: value}).startswith(f"{name}: ")


@pytest.mark.parametrize("body", [SECRET, FAR, None, [SECRET], [[]], {}], ids=repr)
def test_what_is_neither_a_row_nor_rows_is_refused(client: Client, body: Any) -> None:
    assert client.refused(body)


def test_no_rows_are_refused(client: Client) -> None:
    assert client.refused([]) == "the request: List should have at least 1 item after validation, not 0"


def test_many_errors_are_counted_not_listed(client: Client) -> None:
    said = client.refused([{SECRET: 1}] * 10)
    first = f"{REQUIRED[0]}: Field required" if REQUIRED else "the request: Extra"
    assert said.startswith(f"row 0, {first}")
    assert said.endswith(f"; and {10 * (len(REQUIRED) + 1) - 5} more")


def test_too_many_rows_are_told_the_limit(client: Client, row: Row) -> None:
    assert client.predict([row] * MAX_ROWS).status_code == 200
    said = client.refused([row] * (MAX_ROWS + 1), 413)
    assert said == f"{MAX_ROWS + 1} rows in one request; at most {MAX_ROWS}. Send them in several requests."


# What may stand where a number is expected, as it is written in JSON.
NO_NUMBERS = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1e999",
    "9" * 400,
    "9" * 5000,
    '"1"',
    '"nan"',
    "true",
    "{}",
    "[]",
    '""',
    "0x1",
    "+1",
    "01",
]


@pytest.mark.parametrize("written", NO_NUMBERS, ids=lambda written: written[:9])
@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_no_number_is_refused(client: Client, row: Row, name: str, written: str) -> None:
    content = json.dumps({**row, name: SECRET}).replace(f'"{SECRET}"', written)
    said = sentence(client.post(content), 422)
    assert written not in said


WRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda row: row[:-1],
    "empty": lambda _: b"",
    "spaces": lambda _: b"  ",
    "two rows without a list": lambda row: row + row,
    "something behind": lambda row: row + b"x",
    "no UTF-8": lambda row: row.replace(b"{", b'{"\xff": 1, ', 1),
    "a byte order mark": lambda row: b"\xef\xbb\xbf" + row,
    "UTF-16": lambda row: row.decode().encode("utf-16"),
    "half a character": lambda row: row.replace(b"{", b'{"\\ud800": 1, ', 1),
    "deep lists": lambda _: b"[" * 49_000,
    "deep objects": lambda row: b'{"a":' * 19_000 + row,
    "a field twice": lambda row: row.replace(b"{", b"{" + row[1:-1] + b", ", 1),
    "a field twice in the second row": lambda row: b"[" + row + b"," + row.replace(b"{", b"{" + row[1:-1] + b", ", 1) + b"]",
    "a list in a list": lambda row: b"[[" + row + b"]]",
    "many numbers": lambda _: b"[" + b"1," * 40_000 + b"1]",
    "many lists": lambda _: b"[" + b"[]," * 33_000 + b"[]]",
    "a comment": lambda row: b"/* */" + row,
    "single quotes": lambda row: row.replace(b'"', b"'"),
}


TOO_MUCH = ("deep lists", "deep objects", "many numbers", "many lists")


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_no_row_is_refused(client: Client, row: Row, name: str) -> None:
    response = client.post(WRITTEN[name](json.dumps(row).encode()))
    sentence(response, 413 if name in TOO_MUCH else 422)


def test_much_in_the_place_of_one_value_is_refused_like_little(client: Client, row: Row) -> None:
    for number in (2, 40_000):
        written = json.dumps({**row, COLUMNS[0]: [0] * number}, separators=(",", ":"))
        assert COLUMNS[0] in sentence(client.post(written), 422)


def test_a_field_that_is_there_twice_is_said(client: Client, row: Row) -> None:
    said = "the request: a row has the same field twice."
    assert sentence(client.post(WRITTEN["a field twice"](json.dumps(row).encode())), 422) == said


def test_a_list_of_errors_has_an_end(client: Client) -> None:
    assert len(client.refused([1] * MAX_ROWS)) < 1000


async def parts(content: bytes) -> AsyncIterator[bytes]:
    """Send content in parts, without its length."""
    for start in range(0, len(content), 1000):
        yield content[start : start + 1000]


def test_too_many_bytes_are_told_the_limit_with_their_length_and_without(client: Client) -> None:
    content = b" " * (MAX_BYTES + 1)
    said = f"The content has more than {MAX_BYTES} bytes. Send it in several requests."
    assert sentence(client.post(content), 413) == said
    assert sentence(client.post(parts(content)), 413) == said


def test_content_in_parts_is_answered(client: Client, golden: Golden) -> None:
    assert same(client.post(parts(json.dumps(golden["rows"]).encode())).json()["predictions"], golden["answers"])


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "multipart/form-data", "json"]
)
def test_what_is_not_called_json_is_refused(client: Client, row: Row, kind: str) -> None:
    assert sentence(client.post(json.dumps(row), kind), 415) == "The content-type must be application/json."


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON", " application/json "])
def test_json_may_be_called_in_several_ways(client: Client, row: Row, kind: str) -> None:
    assert client.post(json.dumps(row), kind).status_code == 200


def test_compressed_content_is_refused_before_it_is_unpacked(client: Client) -> None:
    bomb = gzip.compress(b"[" * 10_000_000)
    said = "The content must not be compressed: send it without content-encoding."
    assert sentence(client.post(bomb, **{"content-encoding": "gzip"}), 415) == said


@pytest.mark.parametrize("length", ["-1", "x", "9" * 30], ids=["negative", "no number", "huge"])
def test_a_length_that_is_none_does_no_harm(client: Client, row: Row, length: str) -> None:
    response = client.post(json.dumps(row), **{"content-length": length})
    assert response.status_code == (413 if length.startswith("9") else 200)


def test_a_whole_number_that_no_declaration_bounds_has_64_bits(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "UNBOUNDED", [COLUMNS[0]])
    wide = [{**row, COLUMNS[0]: 2**63 - 1}, {**row, COLUMNS[0]: 2**63}]
    with pytest.raises(Refused, match=f"row 1, {re.escape(COLUMNS[0])}: Input should be a whole number of 64 bits"):
        rows.check_bounds(wide, 5)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", f"/{SECRET}", 404),
        ("POST", "/predict/", 404),
        ("GET", "/version/", 404),
        ("POST", "/version", 405),
        ("GET", "/predict", 405),
        ("DELETE", "/predict", 405),
        ("X", "/predict", 405),
    ],
)
def test_an_unknown_path_or_method_has_the_same_shape(client: Client, method: str, path: str, code: int) -> None:
    sentence(client.request(method, path), code)


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_nothing_but_post_predicts_whatever_it_sends(client: Client, row: Row, method: str) -> None:
    sentence(client.request(method, "/predict", json=row), 405)


def test_content_that_is_cut_off_is_no_failure_of_ours(client: Client) -> None:
    messages: Iterator[Message] = iter([{"type": "http.request", "body": b"[", "more_body": True}, {"type": "http.disconnect"}])
    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b"", "headers": headers, "server": ("127.0.0.1", 80)}
    sent = list[Message]()

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(client.app(scope, receive, send))
    assert (sent[0]["status"], sent[1]["body"]) == (400, b'{"error":"The content was cut off."}')


def answering(release: Release, answer: Any) -> Client:
    """Return a client of a release that answers otherwise."""
    return Client(dataclasses.replace(release, answering=Answering(answer, "pipeline", None)))


def test_a_failure_of_our_own_has_the_same_shape(release: Release, row: Row) -> None:
    def broken(_: Any) -> Any:
        raise RuntimeError(SECRET)

    assert answering(release, broken).refused(row, 500) == "The service failed; its log has the reason."


@pytest.mark.parametrize("number", [float("nan"), float("inf")], ids=str)
def test_what_the_model_has_no_finite_answer_to_is_named(release: Release, row: Row, number: float) -> None:
    client = answering(release, lambda _: np.array([1.0, number, 2.0]))
    assert client.refused([row] * 3) == "row 1: the model has no finite answer to it."
