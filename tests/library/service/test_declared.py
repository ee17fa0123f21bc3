"""What a declaration means for a feature: its kind, its categories, whether others are answered too, whether it may be missing."""

import json
from datetime import date, datetime
from typing import Annotated, Any, Literal, Optional

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slipway.serving import rows
from slipway.serving.declared import Feature, exact, read
from slipway.serving.requests import describe_invalid

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
    at: Annotated[datetime, Field(ge=datetime(2011, 1, 1))]
    day: date | None


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
        Feature("at", str, (), False, False),
        Feature("day", str, (), False, True),
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
    column = rows.to_array(values, feature)
    assert column.dtype == dtype
    np.testing.assert_array_equal(column, np.array(found, dtype=dtype))


def test_where_an_unknown_category_stood_is_named_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "FEATURES", [each for each in read(Declared) if each.categories])
    known: dict[str, Any] = {"closed": "a", "numbered": 1, "open": "b", "open_number": 2, "mixed": "a"}
    asked = [known, {**known, "open": "c"}, {**known, "open_number": 3, "mixed": 4}]
    assert [(each["row"], each["field"]) for each in rows.find_unknown(asked)] == [(1, "open"), (2, "open_number"), (2, "mixed")]


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
    "at": "2012-10-01T05:00:00",
    "day": "2012-10-01",
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


@pytest.mark.parametrize("text", ["2012-10-01 05:00", "20121001T05", "2012-10-01T05:00:00.000000"])
def test_a_time_is_given_to_the_model_as_text_in_one_form_however_it_was_written(text: str) -> None:
    assert exact(Declared).model_validate({**VALID, "at": text}).model_dump() == VALID


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *(
            ("at", value, "a time such as 2026-01-31T15:00:00, without a time zone")
            for value in ("1349067600", "2012-10-01T05:00Z", "secret")
        ),
        ("at", "2010-12-31T23:59:59", "greater than or equal to 2011-01-01"),
        *(("at", value, "a valid string") for value in (1349067600, True, None)),
        *(("day", value, "a time such as 2026-01-31") for value in ("2012-10-32", "2012-10-01T05:00:00")),
    ],
)
def test_what_is_no_time_or_not_one_that_is_declared_is_refused_without_repeating_it(name: str, value: Any, expected: str) -> None:
    with pytest.raises(ValidationError) as refused:
        exact(Declared).model_validate_json(json.dumps({**VALID, name: value}))
    said = describe_invalid(refused.value, list(Declared.model_fields))
    assert expected in said
    assert f"{value}" not in said.partition(expected)[2]


def test_a_feature_takes_what_a_request_may_have() -> None:
    found = {each.name: each for each in read(Declared)}
    assert (found["word"].takes("any word"), found["at"].takes("any word"), found["share"].takes(2.0)) == (True, False, False)
