"""Text of any kind is text, and a request is read the same whichever way it takes: checked as it is read, or counted first."""

import json
from datetime import date, datetime
from random import Random
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from slipway.serving import rows
from slipway.serving.contracts import forms
from slipway.serving.declared import exact, read
from slipway.serving.requests import Refused

MANY = 1000


class Row(BaseModel):
    """A row with each kind of field."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    note: Annotated[str, Field(max_length=10_000)]
    whole: int
    limited: Annotated[int, Field(ge=0, le=10)] | None
    real: float
    flag: bool
    step: Literal[1, 2]
    word: Literal["a", "b"] | str | None
    closed: Literal["a", "b"]
    yes: Literal[True]
    at: datetime
    day: Annotated[date, Field(ge=date(2020, 1, 1))] | None


class Lenient(Row):
    """A row of which fields may be left out."""

    whole: int = 1
    limited: Annotated[int, Field(ge=0, le=10)] | None = None


GOOD: dict[str, Any] = {
    "note": "",
    "whole": 1,
    "limited": 3,
    "real": 0.5,
    "flag": True,
    "step": 1,
    "word": "a",
    "closed": "b",
    "yes": True,
    "at": "2026-01-31T15:00:00",
    "day": "2026-01-31",
}
# What may stand in a field, as it is written in JSON.
NUMBERS = ["1", "3", "1.0", "3.0", "0", "11", "-1", "2.5", "1e0", "1e2", "-0", "-0.0", "9223372036854775808", "0.1e-400"]
TOO_GREAT = ["9" * 19, "9" * 400, "9" * 5000, "1e999", "-1e999", "NaN", "Infinity"]
OTHERS = ["true", "false", "null", "[]", "[1]", "{}", '{"a": 1}', '""', '"1"', '"a"', '"c"', '"true"', '"NaN"', '"\\u0061"']
TIMES = ["2026-01-31", "2026-01-31T15:00:00", "2026-01-31 15:00:00", "2026-01-31T15:00:00Z", "2026-W05", "2019-01-01", "20260131"]
NO_JSON = ['"\\ud800"', '"\\u0000"', "01", "+1", "0x1", "'a'", '"a\nb"']
WRITTEN = [*NUMBERS, *TOO_GREAT, *OTHERS, *(f'"{each}"' for each in TIMES), *NO_JSON]


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the service take these rows."""
    declare(monkeypatch, Row)


def declare(patch: pytest.MonkeyPatch, kind: type[BaseModel]) -> None:
    """Have the service take rows of a kind."""
    features = read(kind)
    patch.setattr(rows, "FEATURES", features)
    patch.setattr(rows, "NAMES", [each.name for each in features])
    patch.setattr(rows, "ROW", TypeAdapter(exact(kind)))
    patch.setattr(rows, "ROWS", TypeAdapter(list[exact(kind)]))  # type: ignore[misc, arg-type]
    patch.setattr(rows, "UNBOUNDED", ["whole"])
    patch.setattr(rows, "ALL_REQUIRED", all(info.is_required() for info in kind.model_fields.values()))


def write(values: dict[str, Any], **written: str) -> bytes:
    """Write a row in JSON, some fields as they are given."""
    fields = {name: json.dumps(value) for name, value in values.items()} | written
    return ("{" + ", ".join(f"{json.dumps(name)}: {value}" for name, value in fields.items()) + "}").encode("utf-8", "surrogatepass")


def outcome(content: bytes, max_rows: int) -> tuple[int, Any]:
    """Return how a request is taken: its rows but for their notes with the types of their values, or the status of the refusal."""
    try:
        found = rows.parse(content, max_rows)
    except Refused as refused:
        return refused.status_code, None
    return 200, [[(name, type(value), value) for name, value in each.items() if name != "note"] for each in found]


def both(content: bytes, commas: bytes) -> tuple[tuple[int, Any], tuple[int, Any]]:
    """Take a request as it is read, and counted first; the second has more commas in a note than rows can have."""
    assert content.count(b",") < MANY * len(GOOD)
    assert commas.count(b",") >= len(GOOD)
    return outcome(content, MANY), outcome(commas, 1)


@pytest.mark.usefixtures("declared")
@pytest.mark.parametrize("name", [name for name in GOOD if name != "note"])
@pytest.mark.parametrize("listed", [False, True], ids=["row", "list"])
def test_both_ways_take_and_refuse_the_same(name: str, listed: bool) -> None:
    for written in WRITTEN:
        pair = [write({**GOOD, "note": note}, **{name: written}) for note in ("", "," * 50)]
        one, other = both(*([b"[" + each + b"]" for each in pair] if listed else pair))
        assert one == other, (written, one, other)


@pytest.mark.usefixtures("declared")
def test_both_ways_have_something_to_take_of_each_field_and_to_refuse() -> None:
    for name in set(GOOD) - {"note"}:
        codes = {outcome(write(GOOD, **{name: written}), MANY)[0] for written in WRITTEN}
        assert codes == {200, 422}, name


@pytest.mark.usefixtures("declared")
@pytest.mark.parametrize(
    "damage",
    [
        lambda row: row.replace(b'"whole": 1', b'"whole": 1, "whole": 2'),
        lambda row: row.replace(b'"whole": 1, ', b""),
        lambda row: row.replace(b'"whole"', b'"hole"'),
        lambda row: row[:-1],
        lambda row: row + row,
        lambda row: b"\xef\xbb\xbf" + row,
        lambda row: row.replace(b'"whole"', b'"\xff"'),
        lambda row: b"[" + row + b",]",
        lambda row: row[:-1] + b",}",
    ],
    ids=["twice", "missing", "another", "cut off", "two", "a mark", "no UTF-8", "a comma behind", "a comma in it"],
)
def test_both_ways_refuse_the_same_damage(damage: Any) -> None:
    one, other = both(*(damage(write({**GOOD, "note": note})) for note in ("", "," * 50)))
    assert one == other == (422, None)


TEXTS = {
    "JSON": json.dumps({"a": [{"b": [1, 2, {"c": []}]}] * 40}),
    "open brackets": "[{" * 4000,
    "quotes": '"' * 5000 + "[" * 4000,
    "backslashes": "\\" * 4999 + "[" * 4000,
    "escaped quotes": '\\"[' * 3000,
    "a quote in a quote": '\\\\"[{' * 1600,
    "colons": "a: b, " * 1500,
    "not ASCII": "größe [„x“] {ü}\u2028 " * 300,
    "control characters": "\t\n\r\x00\x1f[" * 1500,
}


@pytest.mark.usefixtures("declared")
@pytest.mark.parametrize("ascii_only", [True, False], ids=["escaped", "UTF-8"])
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("number", [1, 100])
def test_what_a_text_holds_is_no_structure(text: str, ascii_only: bool, number: int) -> None:
    whole = [{**GOOD, "note": TEXTS[text]}] * number
    content = json.dumps(whole, ensure_ascii=ascii_only).encode()
    assert [row["note"] for row in rows.parse(content, number)] == [TEXTS[text]] * number
    assert forms.parse_json(content, number) == whole


@pytest.mark.usefixtures("declared")
@pytest.mark.parametrize("beside", ["", "x", '"', "\\", '\\"', "\\\\", '\\\\"'])
@pytest.mark.parametrize("structure", [b"[]," * 600_000, b"{}," * 600_000, b"[" * 1_900_000, b'{"a":' * 380_000], ids=range(4))
def test_much_structure_is_refused_beside_strings_too(structure: bytes, beside: str) -> None:
    content = b"[" + json.dumps(beside * 1000).encode() + b", " + structure
    for parse in (rows.parse, forms.parse_json):
        with pytest.raises(Refused, match="More lists and objects than 50 rows have") as refused:
            parse(content, 50)
        assert refused.value.status_code == 413


def test_openings_are_counted_as_they_are_parsed() -> None:
    random = Random(0)  # noqa: S311  # no secret

    def text() -> str:
        return "".join(random.choices('ab[]{}"\\,:/\nü\x07', k=random.randrange(9)))

    def value(depth: int = 0) -> Any:
        kind = random.random() if depth < 5 else 0
        if kind < 0.3:
            return text()
        if kind < 0.6:
            return [value(depth + 1) for _ in range(random.randrange(4))]
        return {text(): value(depth + 1) for _ in range(random.randrange(4))} if kind < 0.9 else random.choice([1, 2.5, None, True])

    def openings(found: Any) -> int:
        inner = found.values() if isinstance(found, dict) else found if isinstance(found, list) else None
        return 0 if inner is None else 1 + sum(map(openings, inner))

    for number in range(3000):
        found = value()
        assert rows.count_openings(json.dumps(found, ensure_ascii=bool(number % 2)).encode()) == openings(found), found


@pytest.mark.parametrize("field", ["whole", "limited"])
def test_a_field_that_is_there_twice_is_seen_where_another_is_left_out(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, Lenient)
    left_out = {**{name: value for name, value in GOOD.items() if name not in ("whole", "limited")}, "at": "2026-01-31T15"}
    assert outcome(write(left_out), MANY)[0] == 200
    twice = write(left_out)[:-1] + f', "{field}": 1, "{field}": 2}}'.encode()
    assert twice.count(b":") == len(GOOD)
    with pytest.raises(Refused, match="a row has the same field twice"):
        rows.parse(twice, MANY)
