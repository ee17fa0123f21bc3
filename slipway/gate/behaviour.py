"""The behaviour that `model/behaviour.py` declares: which rows to ask, and whether the answers hold."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from model.features import Row
from slipway import report
from slipway.gate import dataset
from slipway.gate.losses import Values

SHOWN = 3


def _parse_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as a caller may send it. Raises ValidationError."""
    read = Row.model_validate_json(json.dumps(row)).model_dump(mode="json")
    return dict(zip(dataset.list_inputs(), read.values(), strict=True))  # by their columns, which may be aliases of the fields


class Case(BaseModel):
    """What every case has."""

    model_config = ConfigDict(extra="forbid")
    name: str
    rows: Annotated[list[dict[str, JsonValue]], Field(min_length=1)]
    label: JsonValue = None

    def list_rows(self) -> list[dict[str, Any]]:
        """Return the rows to ask, as the service takes them."""
        return [_parse_row(row) for row in self.rows]


class Paired(Case):
    """A case whose rows are asked twice, as they are and changed."""

    change: Annotated[dict[str, JsonValue], Field(min_length=1)]

    def list_rows(self) -> list[dict[str, Any]]:
        """Return the rows as they are, then changed."""
        return super().list_rows() + [_parse_row({**row, **self.change}) for row in self.rows]

    def pairs(self, answers: Values, held: Sequence[bool], expected: str) -> tuple[list[bool], list[str]]:
        """Return which rows hold, and each row with both answers."""
        before, after = np.split(answers, 2)
        texts = [
            f"{json.dumps(row)} is answered {left:.6g}, with {json.dumps(self.change)} {right:.6g}; expected {expected}"
            for row, left, right in zip(self.rows, before, after, strict=True)
        ]
        return list(held), texts


class Invariance(Paired):
    """The change must hardly matter."""

    kind: Literal["invariance"]
    within: float = Field(ge=0)

    def judge(self, answers: Values) -> tuple[list[bool], list[str]]:
        """Return which rows hold, and what to say of each."""
        before, after = np.split(answers, 2)
        return self.pairs(answers, [bool(each) for each in np.abs(after - before) <= self.within], f"within {self.within:g}")


class Direction(Paired):
    """The change must move the answer one way."""

    kind: Literal["direction"]
    expect: Literal["higher", "lower"]
    by: float = Field(0, ge=0)

    def judge(self, answers: Values) -> tuple[list[bool], list[str]]:
        """Return which rows hold, and what to say of each."""
        before, after = np.split(answers, 2)
        moved = after - before if self.expect == "higher" else before - after
        return self.pairs(answers, [bool(each) for each in moved >= self.by], f"{self.expect} by at least {self.by:g}")


class Minimum(Case):
    """The least that the model must know."""

    kind: Literal["minimum"]
    at_least: float = -np.inf
    at_most: float = np.inf

    def judge(self, answers: Values) -> tuple[list[bool], list[str]]:
        """Return which rows hold, and what to say of each."""
        held = [bool(self.at_least <= each <= self.at_most) for each in answers]
        expected = [f"at least {self.at_least:g}"] if np.isfinite(self.at_least) else []
        expected += [f"at most {self.at_most:g}"] if np.isfinite(self.at_most) else []
        return held, [
            f"{json.dumps(row)} is answered {answer:.6g}; expected {' and '.join(expected)}"
            for row, answer in zip(self.rows, answers, strict=True)
        ]


Cases = TypeAdapter(list[Annotated[Invariance | Direction | Minimum, Field(discriminator="kind")]])


def read_cases(declared: list[dict[str, Any]]) -> list[Invariance | Direction | Minimum]:
    """Read what is declared. Raises ValueError with the place of what is wrong."""
    return Cases.validate_python(declared)


def judge_cases(cases: Sequence[Invariance | Direction | Minimum], answers: Values, classes: list[Any] | None) -> list[report.Case]:
    """Judge answers to all the rows of all cases, in their order; shape (n,) or (n, classes)."""
    found, first = [], 0
    for case in cases:
        last = first + len(case.list_rows())
        mine = answers[first:last] if answers.ndim == 1 else answers[first:last, (classes or []).index(case.label)]
        held, texts = case.judge(mine)
        broken = [text for holds, text in zip(held, texts, strict=True) if not holds]
        summary = "; ".join(broken[:SHOWN]) if broken else f"{len(held)} of {len(held)} hold"
        found.append(report.Case(name=case.name, kind=case.kind, holds=not broken, told=summary))
        first = last
    return found
