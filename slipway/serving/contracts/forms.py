"""The ways in which rows are wrapped in JSON."""

from typing import Any

from pydantic import BaseModel, TypeAdapter

from slipway.serving.contracts.content import checked
from slipway.serving.errors import Refused


class Split(BaseModel):
    """A table as pandas writes it with orient="split"; its index is not looked at."""

    columns: list[str]
    data: list[list[Any]]


LISTED, SPLIT, OBJECT = TypeAdapter(list[Any]), TypeAdapter(Split), TypeAdapter(dict[str, Any])


def listed(value: Any, where: str) -> list[Any]:
    """Take a list of rows. Raises Refused."""
    return checked(LISTED, value, where)


def split(value: Any, where: str) -> list[Any]:
    """Take a table. Raises Refused."""
    table = checked(SPLIT, value, where)
    if len(set(table.columns)) < len(table.columns):
        raise Refused(422, f"{where}, columns: each has to be there once.")
    for number, row in enumerate(table.data):
        if len(row) != len(table.columns):
            raise Refused(422, f"{where}, data, {number}: {len(table.columns)} values are expected, as many as there are columns.")
    return [dict(zip(table.columns, row, strict=True)) for row in table.data]


def columns(value: Any, where: str) -> list[Any]:
    """Take a list of rows, or a list of values for each column. Raises Refused."""
    if not isinstance(value, dict):
        return listed(value, where)
    found = [listed(each, f"{where}, each column") for each in value.values()]
    if len({len(each) for each in found}) > 1:
        raise Refused(422, f"{where}: all columns have to have as many values.")
    return [dict(zip(value, row, strict=True)) for row in zip(*found, strict=True)]


def instances(value: Any) -> list[Any]:
    """Take the rows of {"instances": [...]}. Raises Refused."""
    found = checked(OBJECT, value, "the request")
    if "instances" not in found:
        raise Refused(422, "instances: Field required")
    return listed(found["instances"], "instances")
