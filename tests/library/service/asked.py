"""Rows as each contract sends them, as bytes of HTTP."""

import csv
import io
import json
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.serving.contracts.tensors import DATATYPES, LENGTH, list_datatypes, to_binary
from slipway.serving.declared import FEATURES
from slipway.serving.manifest import read

Row = dict[str, Any]
NAMES = [each.name for each in FEATURES]
JSON, CSV, BINARY = "application/json", "text/csv", "application/octet-stream"
# The routes that Vertex AI's contract is given in the environment.
VERTEX = {"AIP_PREDICT_ROUTE": "/vertex/predict", "AIP_HEALTH_ROUTE": "/vertex/health"}
# Types that CSV and tensors tell apart.
PLAIN = all(each.kind is not object for each in FEATURES)


def split(rows: Sequence[Row]) -> Any:
    """Write rows as a table."""
    return {"columns": NAMES, "data": [[row[name] for name in NAMES] for row in rows]}


def columns(rows: Sequence[Row]) -> Any:
    """Write rows as a list of values for each column."""
    return {name: [row[name] for row in rows] for name in NAMES}


def tensors(rows: Sequence[Row]) -> Any:
    """Write rows as the tensors of the Open Inference Protocol."""
    return {
        "inputs": [
            {"name": each.name, "datatype": list_datatypes(each)[0], "shape": [len(rows)], "data": [row[each.name] for row in rows]}
            for each in FEATURES
        ]
    }


def binary(rows: Sequence[Row]) -> tuple[dict[str, Any], bytes]:
    """Write rows as tensors in binary: what is said of them, and their bytes. No value may be missing."""
    asked, behind = tensors(rows), b""
    for each in asked["inputs"]:
        part = to_binary(DATATYPES[each["datatype"]], each.pop("data"))
        each["parameters"] = {"binary_data_size": len(part)}
        behind += part
    return asked, behind


def text(rows: Sequence[Sequence[Any]], header: Sequence[str] | None = NAMES) -> bytes:
    """Write lists of cells as CSV."""
    out = io.StringIO()
    csv.writer(out).writerows([*([header] if header else []), *rows])
    return out.getvalue().encode()


@dataclass(frozen=True)
class Form:
    """A way to send rows as JSON; `objects` says that each row is an object."""

    contracts: str
    path: str
    wrap: Callable[[list[Any]], Any]
    objects: bool = True


def member(name: str, inner: Callable[[list[Any]], Any] = list) -> Callable[[list[Any]], Any]:
    """Wrap rows as the member of an object."""
    return lambda rows: {name: inner(rows)}


FORMS = [
    Form("", "/predict", list),
    Form("v1", "/v1/models/{name}:predict", member("instances")),
    Form("v2", "/v2/models/{name}/infer", tensors, objects=False),
    Form("vertex", VERTEX["AIP_PREDICT_ROUTE"], member("instances")),
    Form("azure", "/score", list),
    Form("azure", "/score", member("data")),
    Form("azure", "/score", member("input_data")),
    Form("azure", "/score", member("input_data", split), objects=False),
    Form("sagemaker", "/invocations", list),
    Form("sagemaker mlflow", "/invocations", member("instances")),
    Form("mlflow", "/invocations", member("dataframe_records")),
    Form("mlflow", "/invocations", member("dataframe_split", split), objects=False),
    Form("mlflow", "/invocations", member("inputs", columns), objects=False),
]


@dataclass(frozen=True)
class World:
    """A release that is asked: its golden rows and answers, what its model is called, its contracts and limits."""

    rows: list[Row]
    answers: list[Any]
    name: str
    contracts: list[str]
    max_rows: int
    max_bytes: int

    @classmethod
    def of(cls, bundle: Path) -> "World":
        """Read them from a bundle."""
        golden = json.loads((bundle / "golden.json").read_bytes())
        config = tomllib.loads((bundle / "config.toml").read_text(encoding="utf-8"))
        limits = config["max_rows"], config["max_body_bytes"]
        return cls(golden["rows"], golden["answers"], read(bundle)[0].project, config["contracts"], *limits)

    @property
    def forms(self) -> list[Form]:
        """The forms of the contracts that are on."""
        on = {"", *self.contracts}
        return [each for each in FORMS if on & set(each.contracts.split() or [""])]

    def path(self, form: Form) -> str:
        """The path of a form."""
        return form.path.replace("{name}", self.name)


def http(path: str, body: bytes = b"", kind: str | None = JSON, method: str = "POST", **headers: str) -> bytes:
    """Write a request; underscores in the names of headers stand for hyphens."""
    said = {"host": "release.invalid", "content_length": str(len(body)), "content_type": kind, **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in said.items() if value is not None)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def infer(path: str, asked: Any, behind: bytes, length: str | None = None) -> bytes:
    """Write a request with binary tensors; `length` says where they begin, if that is not to be right."""
    said = json.dumps(asked).encode()
    return http(path, said + behind, BINARY, **{LENGTH: str(len(said)) if length is None else length})
