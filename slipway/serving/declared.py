"""What `model/features.py` declares of each feature, read from its types."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property, partial, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import numpy as np
from pydantic import AfterValidator, BaseModel, Field, GetPydanticSchema, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import bool_schema, chain_schema, int_schema

from model.features import Row

NUMBERS = {int, float}
# Types that a caller writes as text, and the model reads as text; an example of each.
TIMES: dict[type, str] = {datetime: "2026-01-31T15:00:00, without a time zone", date: "2026-01-31"}
Declared = TypeVar("Declared", bound=BaseModel)


@dataclass(frozen=True)
class Feature:
    """One field of a row.

    `name` is its column, and what callers call it: the field's alias where it has one; `attribute` is the field's own name. `kind` is int,
    float, bool or str, and object where it may be several of them; `categories` are the values of a `Literal`, and `open` says that others
    are answered too (`Literal["a", "b"] | str`); `optional` that it may be missing (`| None`). `declared` is its type with its limits, and
    `time` datetime or date where that is one.
    """

    name: str
    kind: type
    categories: tuple[Any, ...]
    open: bool
    optional: bool
    declared: Any = field(default=Any, compare=False)
    attribute: str = field(default="", compare=False)
    time: type | None = field(default=None, compare=False)

    @cached_property
    def dtype(self) -> "np.dtype[Any]":
        """What an array of its values holds; a whole number that may be missing is a float, as it is when pandas reads it."""
        if self.kind in NUMBERS:
            return np.dtype(np.int64 if self.kind is int and not self.optional else np.float64)
        return np.dtype(np.bool_ if self.kind is bool and not self.optional else np.object_)

    @cached_property
    def makes_nan(self) -> bool:
        """Whether None becomes NaN in an array of its values."""
        return self.optional and self.kind in NUMBERS

    def takes(self, value: Any) -> bool:
        """Return whether a request may have this value."""
        try:
            TypeAdapter(typed(self.declared)).validate_python(value, strict=True)
        except ValidationError:
            return False
        return True


def read(row: type[BaseModel]) -> list[Feature]:
    """Read the features of a row, in their order. Raises TypeError for a field that callers could name in several ways."""
    return [feature(_read_name(name, info), _read_type(info), name) for name, info in row.model_fields.items()]


def _read_name(name: str, info: FieldInfo) -> str:
    alias = info.validation_alias or info.alias or name
    if not isinstance(alias, str):
        raise TypeError(f"{name} has {alias!r} as its alias. Expected: one name, as in Field(alias={name.title()!r}).")
    return alias


def _read_type(info: FieldInfo) -> Any:
    # `size: float = Field(ge=0)` is the same as `size: Annotated[float, Field(ge=0)]`.
    return Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation


def feature(name: str, declared: Any, attribute: str = "") -> Feature:
    """Describe a field from the types that it may have."""
    types = list(_find_leaves(declared))
    plain = {str if each in TIMES else each for each in types if isinstance(each, type)} - {type(None)}
    categories = tuple(value for each in types if get_origin(each) is Literal for value in get_args(each))
    kinds = plain | {type(value) for value in categories}
    [kind] = kinds if len(kinds) == 1 else [float if kinds == NUMBERS else object]
    time = next((each for each in types if each in TIMES), None) if kind is str else None
    return Feature(name, kind, categories, bool(categories and plain), type(None) in types, declared, attribute or name, time)


def _find_leaves(declared: Any) -> Iterator[Any]:
    # What is left of a type without `Annotated` and unions.
    origin, parts = get_origin(declared), get_args(declared)
    if origin is Annotated or origin in (Union, UnionType):
        for each in parts[:1] if origin is Annotated else parts:
            yield from _find_leaves(each)
    else:
        yield declared


def exact(row: type[Declared]) -> type[Declared]:
    """Return a row whose literal numbers are numbers, and whose times are text: pydantic takes `true` and 1.0 for the 1 of a `Literal`."""
    fields = {name: (typed(_read_type(info)), _copy_field(name, info)) for name, info in row.model_fields.items()}
    return create_model(row.__name__, __base__=row, **fields)  # type: ignore[call-overload, no-any-return]


def _copy_field(name: str, info: FieldInfo) -> Any:
    default: dict[str, Any] = {"default_factory": info.default_factory} if info.default_factory else {"default": info.default}
    return Field(**default, alias=_read_name(name, info))


def typed(declared: Any) -> Any:
    """Return a type in which the values of a `Literal` are first held against their own type, and a time is text that says one."""
    origin, parts = get_origin(declared), get_args(declared)
    time = parts[0] if origin is Annotated else declared
    if time in TIMES:
        return Annotated[str, AfterValidator(partial(_check_time, time, TypeAdapter(declared)))]
    if origin is Annotated:
        return Annotated[(typed(parts[0]), *parts[1:])]
    if origin in (Union, UnionType):
        return reduce(or_, map(typed, parts))
    schema = TYPES.get(type(parts[0])) if origin is Literal and len(set(map(type, parts))) == 1 else None
    if schema is None:
        return declared
    return Annotated[declared, GetPydanticSchema(lambda _, handler: chain_schema([schema, handler(declared)]))]


def _check_time(time: Any, declared: "TypeAdapter[Any]", text: str) -> str:
    # A time is returned as ISO 8601 writes it, the same way for all; an error does not repeat the text.
    try:
        found = time.fromisoformat(text)
        assert getattr(found, "tzinfo", None) is None
        assert "W" not in text  # an ISO week is taken for its Monday
    except (ValueError, AssertionError):
        raise PydanticCustomError("time", f"Input should be a time such as {TIMES[time]}") from None
    try:
        return str(declared.validate_python(found).isoformat())
    except ValidationError as error:
        raise PydanticCustomError("time", error.errors()[0]["msg"]) from None


TYPES: dict[type, CoreSchema] = {int: int_schema(strict=True), bool: bool_schema(strict=True)}
FEATURES = read(Row)
