"""Text is text whatever it holds, and a request is read the same by msgspec and by pydantic, as it is read or counted first."""

import json
from datetime import date, datetime
from random import Random
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator, model_validator

from slipway.serving import rows
from slipway.serving.contracts import forms
from slipway.serving.declared import exact, read
from slipway.serving.requests import Refused

MANY = 1000


class Plain(BaseModel):
    """A row with each kind of field that msgspec reads."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    note: Annotated[str, Field(max_length=10_000)]
    whole: int
    limited: Annotated[int, Field(ge=0, le=10)] | None
    real: float
    flag: bool | None
    step: Literal[1, 2]
    word: Literal["a", "b"] | str | None
    closed: Literal["a", "b"]
    between: Annotated[float, Field(gt=0, lt=3)] = Field(alias="Be tween ü")


class Row(Plain):
    """A row with each kind of field."""

    yes: Literal[True]
    at: datetime
    day: Annotated[date, Field(ge=date(2020, 1, 1))] | None


class Lenient(Row):
    """A row of which fields may be left out."""

    whole: int = 1
    limited: Annotated[int, Field(ge=0, le=10)] | None = None


PLAIN: dict[str, Any] = {
    "note": "",
    "whole": 1,
    "limited": 3,
    "real": 0.5,
    "flag": True,
    "step": 1,
    "word": "a",
    "closed": "b",
    "Be tween ü": 1,
}
GOOD = {**PLAIN, "yes": True, "at": "2026-01-31T15:00:00", "day": "2026-01-31"}
KINDS: dict[str, tuple[type[BaseModel], dict[str, Any]]] = {"any field": (Row, GOOD), "plain fields": (Plain, PLAIN)}
# What may stand in a field, as it is written in JSON.
NUMBERS = ["1", "3", "1.0", "3.0", "0", "11", "-1", "2.5", "1e0", "1e2", "-0", "-0.0", "9223372036854775808", "0.1e-400"]
TOO_GREAT = ["9" * 19, "9" * 400, "9" * 5000, "1e999", "-1e999", "NaN", "Infinity"]
OTHERS = ["true", "false", "null", "[]", "[1]", "{}", '{"a": 1}', '""', '"1"', '"a"', '"c"', '"true"', '"NaN"', '"\\u0061"']
TIMES = ["2026-01-31", "2026-01-31T15:00:00", "2026-01-31 15:00:00", "2026-01-31T15:00:00Z", "2026-W05", "2019-01-01", "20260131"]
NO_JSON = ['"\\ud800"', '"\\u0000"', "01", "+1", "0x1", "'a'", '"a\nb"']
WRITTEN = [*NUMBERS, *TOO_GREAT, *OTHERS, *(f'"{each}"' for each in TIMES), *NO_JSON]


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the service take rows of any fields."""
    declare(monkeypatch, Row)


@pytest.fixture(params=KINDS)
def good(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Have the service take rows of a kind; one of these."""
    kind, row = KINDS[request.param]
    declare(monkeypatch, kind)
    assert (rows.DECODER is not None) == (kind is Plain)
    return row


def declare(patch: pytest.MonkeyPatch, kind: type[BaseModel]) -> None:
    """Have the service take rows of a kind."""
    features = read(kind)
    patch.setattr(rows, "FEATURES", features)
    patch.setattr(rows, "NAMES", [each.name for each in features])
    patch.setattr(rows, "ROW", TypeAdapter(exact(kind)))
    patch.setattr(rows, "ROWS", TypeAdapter(list[exact(kind)]))  # type: ignore[misc, arg-type]
    patch.setattr(rows, "ALIASED", True)
    patch.setattr(rows, "DECODER", rows.build_decoder(rows.ROW.core_schema))
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


def read_each_way(monkeypatch: pytest.MonkeyPatch, content: bytes, commas: bytes) -> list[tuple[int, Any]]:
    """Take a request as it comes; by pydantic, as it is read; and counted first: this one has more commas in a note than rows can have."""
    assert content.count(b",") < MANY * len(PLAIN)
    assert commas.count(b",") >= len(GOOD)
    found = [outcome(content, MANY)]
    with monkeypatch.context() as patch:
        patch.setattr(rows, "DECODER", None)
        return [*found, outcome(content, MANY), outcome(commas, 1)]


@pytest.mark.parametrize("listed", [False, True], ids=["row", "list"])
def test_each_way_takes_and_refuses_the_same(good: dict[str, Any], listed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in set(good) - {"note"}:
        for written in WRITTEN:
            pair = [write({**good, "note": note}, **{name: written}) for note in ("", "," * 50)]
            found = read_each_way(monkeypatch, *([b"[" + each + b"]" for each in pair] if listed else pair))
            assert found[:2] == [found[2]] * 2, (name, written, found)


def test_each_way_has_something_to_take_of_each_field_and_to_refuse(good: dict[str, Any]) -> None:
    for name in set(good) - {"note"}:
        codes = {outcome(write(good, **{name: written}), MANY)[0] for written in WRITTEN}
        assert codes == {200, 422}, name


def test_rows_of_plain_values_are_taken_without_pydantic(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, Plain)
    monkeypatch.setattr(rows, "ROW", None)
    monkeypatch.setattr(rows, "ROWS", None)
    assert rows.parse(write(PLAIN), MANY) == [PLAIN]
    many = [{**PLAIN, "note": "x" * number, "limited": None} for number in range(100)]
    assert rows.parse(json.dumps(many, ensure_ascii=False).encode(), MANY) == many


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
def test_each_way_refuses_the_same_damage(good: dict[str, Any], damage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = [damage(write({**good, "note": note})) for note in ("", "," * 50)]
    assert read_each_way(monkeypatch, *pair) == [(422, None)] * 3


class Stripped(Plain):
    """Text without the blanks around it."""

    model_config = ConfigDict(str_strip_whitespace=True)


class Shortened(Plain):
    """Text of which a part is kept."""

    @field_validator("note")
    @classmethod
    def shorten(cls, text: str) -> str:
        """Keep its beginning."""
        return text[:1]


class Whole(Plain):
    """A row that is checked as a whole."""

    @model_validator(mode="after")
    def check(self) -> "Whole":
        """Refuse it by two of its fields."""
        assert self.whole != self.limited
        return self


class Patterned(Plain):
    """Text with a pattern."""

    note: Annotated[str, Field(pattern="^a")]


class Stepped(Plain):
    """A number with steps."""

    real: Annotated[float, Field(multiple_of=0.5)]


class Shared(Plain):
    """Text with a limit, beside words."""

    word: Literal["a", "b"] | Annotated[str, Field(max_length=3)] | None


@pytest.mark.parametrize("kind", [Stripped, Shortened, Whole, Patterned, Stepped, Shared, Lenient])
def test_what_is_more_than_plain_values_is_left_to_pydantic(kind: type[BaseModel]) -> None:
    assert rows.build_decoder(TypeAdapter(Plain).core_schema) is not None
    assert rows.build_decoder(TypeAdapter(exact(kind)).core_schema) is None


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
