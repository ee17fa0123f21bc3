"""What a declaration means for a feature: its kind, its categories, whether others are answered too, whether it may be missing."""

import json
from typing import Annotated, Any, Literal, Optional

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service import rows
from service.declared import Feature, exact, read

Share = Annotated[float, Field(ge=0, le=1)]


class Declared(BaseModel):
    """One field of each form."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    whole: int
    share: Annotated[Share, Field(description="of all")]
    maybe: Annotated[int, Field(ge=0)] | None
    old: Optional[float]  # noqa: UP045  # as others write it
    flag: bool
    word: str
    closed: Literal["a", "b"]
    numbered: Annotated[Literal[1, 2], Field(description="how")] | None
    open: Literal["a", "b"] | str
    open_number: Literal[1, 2] | int
    either: int | float
    mixed: Literal["a"] | int


@pytest.mark.parametrize(
    "expected",
    [
        Feature("whole", int, (), False, False),
        Feature("share", float, (), False, False),
        Feature("maybe", int, (), False, True),
        Feature("old", float, (), False, True),
        Feature("flag", bool, (), False, False),
        Feature("word", str, (), False, False),
        Feature("closed", str, ("a", "b"), False, False),
        Feature("numbered", int, (1, 2), False, True),
        Feature("open", str, ("a", "b"), True, False),
        Feature("open_number", int, (1, 2), True, False),
        Feature("either", float, (), False, False),
        Feature("mixed", object, ("a",), True, False),
    ],
    ids=lambda feature: feature.name,
)
def test_a_field_is_read_as_it_is_declared(expected: Feature) -> None:
    assert next(each for each in read(Declared) if each.name == expected.name) == expected


@pytest.mark.parametrize(
    ("name", "values", "dtype", "found"),
    [
        ("whole", [1, 2**62], np.int64, [1, 2**62]),
        ("share", [0, 0.5], np.float64, [0, 0.5]),
        ("maybe", [1, None], np.float64, [1, np.nan]),
        ("old", [None, 0.5], np.float64, [np.nan, 0.5]),
        ("flag", [True, False], np.bool_, [True, False]),
        ("word", ["a", "b"], np.object_, ["a", "b"]),
        ("numbered", [None, 2], np.float64, [np.nan, 2]),
    ],
)
def test_a_column_has_the_type_that_pandas_would_read(name: str, values: list[Any], dtype: Any, found: list[Any]) -> None:
    feature = next(each for each in read(Declared) if each.name == name)
    column = rows.column([{name: value} for value in values], feature)
    assert column.dtype == dtype
    np.testing.assert_array_equal(column, np.array(found, dtype=dtype))


def test_where_an_unknown_category_stood_is_named_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "FEATURES", [each for each in read(Declared) if each.categories])
    known: dict[str, Any] = {"closed": "a", "numbered": 1, "open": "b", "open_number": 2, "mixed": "a"}
    asked = [known, {**known, "open": "c"}, {**known, "open_number": 3, "mixed": 4}]
    assert [(each["row"], each["field"]) for each in rows.unknown(asked)] == [(1, "open"), (2, "open_number"), (2, "mixed")]


VALID: dict[str, Any] = {
    "whole": 1,
    "share": 0.5,
    "maybe": None,
    "old": 1,
    "flag": True,
    "word": "w",
    "closed": "a",
    "numbered": 1,
    "open": "z",
    "open_number": 3,
    "either": 2,
    "mixed": 5,
}


def test_what_is_declared_is_taken() -> None:
    assert exact(Declared).model_validate_json(json.dumps(VALID)).model_dump() == VALID


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("numbered", value) for value in (True, 1.0, "1", 3)),
        *(("open_number", value) for value in (True, 1.0, "1")),
        *(("closed", value) for value in ("c", 1, True)),
        ("open", 1),
    ],
)
def test_a_category_is_of_its_own_type(name: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        exact(Declared).model_validate_json(json.dumps({**VALID, name: value}))
