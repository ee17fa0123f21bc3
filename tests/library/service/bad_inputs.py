"""Inputs that are bad by construction, and some that are right, without end and the same for the same seed: what each may be answered."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.library.service import bad_http, bad_rows, bad_sizes, bad_tables
from tests.library.service.asked import PLAIN, World, http


@dataclass(frozen=True)
class Case:
    """A request, and the statuses of which it has to get one; `answers` are those of a right one.

    `alone` wants a connection of its own; `ends` says that nothing more comes, after which no answer is due.
    """

    family: str
    sent: bytes
    statuses: tuple[int, ...]
    method: str = "POST"
    answers: list[Any] | None = None
    alone: bool = False
    ends: bool = False


Make = Callable[[Random, World], Case]


def content(family: str, make: Callable[[Random, World], bad_rows.Spoilt], *statuses: int) -> Make:
    """Make requests with content that is bad."""

    def case(random: Random, world: World) -> Case:
        form, content = make(random, world)
        return Case(family, http(world.path(form), content), statuses)

    return case


def whole(family: str, make: Callable[[Random, World], bytes], *statuses: int, **more: Any) -> Make:
    """Make requests that are bad as a whole."""
    return lambda random, world: Case(family, make(random, world), statuses, **more)


def asked(family: str, make: Callable[[Random, World], tuple[str, bytes]], *statuses: int) -> Make:
    """Make requests with a method of their own."""

    def case(random: Random, world: World) -> Case:
        method, sent = make(random, world)
        return Case(family, sent, statuses, method)

    return case


def spoilt(family: str, how: list[Callable[[Random, bytes], bytes]], *statuses: int) -> Make:
    """Make requests whose content was right."""
    return content(family, lambda random, world: bad_rows.spoilt(random, world, how), *statuses)


def right(random: Random, world: World) -> Case:
    """Make a request that is right."""
    sent, answers = bad_rows.right(random, world)
    return Case("right", sent, (200,), answers=answers)


def with_headers(random: Random, world: World) -> Case:
    """Make a request with a bad value, among headers that change nothing."""
    form, content = bad_rows.another_type(random, world)
    return Case("odd headers around a bad value", bad_http.odd_headers(random, http(world.path(form), content)), (422,))


# Of 1000 requests so many are of each family.
FAMILIES: list[tuple[int, Make]] = [
    (150, content("a value of another type", bad_rows.another_type, 422)),
    (100, content("a value out of range, or no category", bad_rows.out_of_range, 422)),
    (100, content("NaN, Infinity, 1e999, 5,000 digits", bad_rows.no_number, 422)),
    (90, content("a field missing, unknown, misspelt or twice", bad_rows.other_fields, 422)),
    (60, content("something else in the place of rows", bad_rows.no_rows, 422)),
    (90, spoilt("JSON that is cut off or broken", bad_rows.NO_JSON, 422)),
    (60, spoilt("no UTF-8, random bytes, half a character", bad_rows.NO_UTF8, 422)),
    (5, spoilt("300 to 49,000 levels of nesting", bad_rows.DEEP, 413, 422)),
    (50, whole("another content type, or compressed", bad_http.other_content, 415)),
    (10, whole("the content type of another route", bad_http.other_kind, 415)),
    (50, asked("another method", bad_http.other_method, 405)),
    (50, asked("another path", bad_http.other_path, 404, 405)),
    (30, with_headers),
    (20, whole("no HTTP, or HTTP that means two things", bad_http.no_http, 400, alone=True)),
    (5, whole("content that ends early", bad_sizes.cut_off, 400, alone=True, ends=True)),
    (5, whole("more rows than allowed", bad_sizes.more_rows, 413)),
    (2, whole("more bytes than allowed", bad_sizes.more_bytes, 413, alone=True)),
    (30, right),
]
TENSORS: list[tuple[int, Make]] = [
    (30, whole("V2: tensors that disagree", bad_tables.bad_tensors, 413, 422)),
    (30, whole("V2: binary tensors that disagree", bad_tables.bad_binary, 400, 413, 422)),
]
TABLES: list[tuple[int, Make]] = [(33, whole("CSV that is broken, or has a bad cell", bad_tables.bad_csv, 422))]


def cases(world: World, seed: int, number: int) -> Iterator[Case]:
    """Make so many requests; what the contracts that are off would answer is left out."""
    on = [*FAMILIES]
    if PLAIN and "v2" in world.contracts:
        on += TENSORS
    if PLAIN and {"mlflow", "sagemaker"} & set(world.contracts):
        on += TABLES
    weights = [weight for weight, _ in on]
    for each in range(number):
        random = Random(f"{seed} {each}")  # noqa: S311
        [(_, make)] = random.choices(on, weights)
        yield make(random, world)
