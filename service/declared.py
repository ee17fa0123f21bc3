"""What `model/features.py` declares of each feature, read from its types."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, GetPydanticSchema, create_model
from pydantic_core import CoreSchema
from pydantic_core.core_schema import bool_schema, chain_schema, int_schema

from model.features import Row

NUMBERS = {int, float}
Declared = TypeVar("Declared", bound=BaseModel)


@dataclass(frozen=True)
class Feature:
    """One field of a row.

    `kind` is int, float, bool or str, and object where it may be several of them; `categories` are the values of a `Literal`, and `open`
    says that others are answered too (`Literal["a", "b"] | str`); `optional` that it may be missing (`| None`).
    """

    name: str
    kind: type
    categories: tuple[Any, ...]
    open: bool
    optional: bool


def read(row: type[BaseModel]) -> list[Feature]:
    """Read the features of a row, in their order."""
    hints = get_type_hints(row, include_extras=True)
    return [feature(name, list(leaves(hints[name]))) for name in row.model_fields]


def feature(name: str, types: list[Any]) -> Feature:
    """Describe a field from the types that it may have."""
    plain = {each for each in types if isinstance(each, type)} - {type(None)}
    categories = tuple(value for each in types if get_origin(each) is Literal for value in get_args(each))
    kinds = plain | {type(value) for value in categories}
    [kind] = kinds if len(kinds) == 1 else [float if kinds == NUMBERS else object]
    return Feature(name, kind, categories, bool(categories and plain), type(None) in types)


def leaves(annotation: Any) -> Iterator[Any]:
    """Yield what is left of a type without `Annotated` and unions."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from leaves(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for each in get_args(annotation):
            yield from leaves(each)
    else:
        yield annotation


def exact(row: type[Declared]) -> type[Declared]:
    """Return a row whose literal numbers are numbers: pydantic takes `true` and 1.0 for the 1 of a `Literal`."""
    hints = get_type_hints(row, include_extras=True)
    given = {name: (typed(hints[name]), ... if info.is_required() else info.default) for name, info in row.model_fields.items()}
    return create_model(row.__name__, __base__=row, **given)  # type: ignore[call-overload, no-any-return]


def typed(annotation: Any) -> Any:
    """Return a type in which the values of a `Literal` are first held against their own type."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[(typed(parts[0]), *parts[1:])]
    if origin in (Union, UnionType):
        return reduce(or_, map(typed, parts))
    schema = TYPES.get(type(parts[0])) if origin is Literal and len(set(map(type, parts))) == 1 else None
    if schema is None:
        return annotation
    return Annotated[annotation, GetPydanticSchema(lambda _, handler: chain_schema([schema, handler(annotation)]))]


TYPES: dict[type, CoreSchema] = {int: int_schema(strict=True), bool: bool_schema(strict=True)}
FEATURES = read(Row)
