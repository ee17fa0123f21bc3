"""Content that is bad whatever the model is: rows that do not hold to the declaration, and what is no JSON."""

import json
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

from slipway.serving.declared import FEATURES, Feature
from tests.library.service.asked import Form, Row, World, http
from tests.library.service.conftest import COLUMNS, FAR, NUMBERS, REQUIRED, SECRET, outside

# Stands in a row for what `json` would not write.
RAW = "raw-770077"
NO_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400, "9" * 5000, "0x1", "+1", "01", "1.", ".5", "1e", "--1", "nan")
NO_ROWS: list[Any] = [None, True, FAR, -0.5, SECRET, [], {}, [[]], [None]]
OUTSIDE = list(outside())
Spoilt = tuple[Form, bytes]
ANOTHER_TYPE: dict[type, list[Any]] = {
    int: [SECRET, "1", "", True, False, 0.5, -1.5],
    float: [SECRET, "1.5", "nan", "", True, False],
    str: [FAR, 1.5, True, False],
    bool: [0, 1, "true", "", SECRET],
    object: [],
}


def wrong(feature: Feature) -> list[Any]:
    """Return values that a feature may never have, by their type."""
    return [*ANOTHER_TYPE[feature.kind], {SECRET: SECRET}, [SECRET], [], {}, *([] if feature.optional else [None])]


def some(random: Random, world: World) -> list[Row]:
    """Take a few golden rows."""
    return deepcopy(random.sample(world.rows, random.randint(1, min(5, len(world.rows)))))


def written(form: Form, rows: list[Any], raw: str = "") -> bytes:
    """Write rows as a form does."""
    return json.dumps(form.wrap(rows)).replace(f'"{RAW}"', raw).encode()


def value(random: Random, world: World, name: str, spoilt: Any, raw: str = "") -> Spoilt:
    """Put a value into one of the rows, in any form."""
    form, rows = random.choice(world.forms), some(random, world)
    random.choice(rows)[name] = spoilt
    return form, written(form, rows, raw)


def another_type(random: Random, world: World) -> Spoilt:
    """Give a field a value of another type."""
    feature = random.choice(FEATURES)
    return value(random, world, feature.name, random.choice(wrong(feature)))


def out_of_range(random: Random, world: World) -> Spoilt:
    """Give a field a value out of its range, or a category that is none."""
    return value(random, world, *random.choice(OUTSIDE)) if OUTSIDE else another_type(random, world)


def no_number(random: Random, world: World) -> Spoilt:
    """Give a field what JSON does not know as a number, or what no number of the machine can hold."""
    return value(random, world, random.choice(NUMBERS or COLUMNS), RAW, random.choice(NO_NUMBERS))


def other_fields(random: Random, world: World) -> Spoilt:
    """Take a field away, add one, misspell one, or have one twice."""
    form, rows, name = random.choice([each for each in world.forms if each.objects]), some(random, world), random.choice(COLUMNS)
    row, how = random.choice(rows), random.choice((0, 1, 2, 3, 4) if name in REQUIRED else (0, 2, 3, 4))
    if how == 0:
        pair = f"{json.dumps(name)}: {json.dumps(rows[0][name])}"
        return form, written(form, rows).replace(pair.encode(), f"{pair}, {pair}".encode(), 1)
    kept = row.pop(name) if how in (1, 2) else row[name]
    if how != 1:
        row[f"{name}{random.choice(['_', ' ', '2', chr(0x430), chr(0xD800)])}" if how == 2 else f"{SECRET}{random.random()}"] = kept
    return form, written(form, rows)


def no_rows(random: Random, world: World) -> Spoilt:
    """Send something else in the place of a row, of all rows, or of everything."""
    form, odd = random.choice(world.forms), random.choice(NO_ROWS)
    rows: list[Any] = [*some(random, world)]
    how = random.randrange(3)
    if how == 0 and form.objects:
        rows[random.randrange(len(rows))] = odd
        return form, written(form, rows)
    wrapped = form.wrap(rows)
    if how == 1 and isinstance(wrapped, dict):
        return form, json.dumps({next(iter(wrapped)): odd}).encode()
    return form, json.dumps(odd).encode()


# Each takes what is right and makes it wrong, wherever it is cut.
NO_JSON: list[Callable[[Random, bytes], bytes]] = [
    lambda random, content: content[: random.randrange(len(content))],
    lambda random, content: content + random.choice([b"x", b"]", b"}", b"0", b",", content]),
    lambda random, content: inserted(random, content, bytes([random.choice([*range(9), 11, 12, *range(14, 32)])])),
    lambda _, content: b"/* */" + content,
    lambda _, content: content.replace(b'"', b"'"),
    lambda _, content: content.replace(b'": ', b'"= ', 1),
    lambda random, _: bytes(random.choices(range(32, 127), k=random.randrange(200))),
    lambda random, _: b" " * random.randrange(100),
]
NO_UTF8: list[Callable[[Random, bytes], bytes]] = [
    lambda random, content: inserted(random, content, bytes([random.randrange(128, 256)])),
    lambda _, content: b"\xef\xbb\xbf" + content,
    lambda random, content: content.decode().encode(random.choice(["utf-16", "utf-16-le", "utf-32", "cp037"])),
    lambda random, _: bytes([random.randrange(128, 256), *random.randbytes(random.randrange(200))]),
    lambda _, content: content.replace(b'"', b'"\\ud800', 1),
]
DEEP: list[Callable[[Random, bytes], bytes]] = [
    lambda random, _: b"[" * random.randrange(300, 49_000),
    lambda random, content: b'{"a":' * random.randrange(300, 19_000) + content,
    lambda random, content: (depth := random.randrange(300, 20_000)) * b"[" + content + b"]" * depth,
]


def inserted(random: Random, content: bytes, part: bytes) -> bytes:
    """Put bytes into the middle of content."""
    at = random.randrange(len(content) + 1)
    return content[:at] + part + content[at:]


def spoilt(random: Random, world: World, how: list[Callable[[Random, bytes], bytes]]) -> Spoilt:
    """Spoil the content of a request that was right."""
    form = random.choice(world.forms)
    return form, random.choice(how)(random, written(form, some(random, world)))


def right(random: Random, world: World) -> tuple[bytes, list[Any]]:
    """Write a request that is right, and what is to be answered."""
    number, form = random.randint(1, len(world.rows)), random.choice(world.forms)
    return http(world.path(form), written(form, world.rows[:number])), world.answers[:number]
