"""Each contract answers as /predict does, and refuses whatever it would have to guess; the page on them says what is so."""

import asyncio
import copy
import csv
import dataclasses
import io
import json
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from slipway import git, rules
from slipway.bundle import training as train
from slipway.gate import dataset
from slipway.operate import process
from slipway.project import Bake, Project
from slipway.serving import app
from slipway.serving.contracts import forms, tensors, v2
from slipway.serving.declared import FEATURES, Feature
from slipway.serving.manifest import Manifest, ReleaseError, canonical
from slipway.serving.observe import Drain
from slipway.serving.release import Release, load
from slipway.serving.requests import Refused
from tests.library.service.conftest import same

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "contracts.md"
NEEDED = (
    "data/train.csv",
    "requirements/compiled.txt",
    "requirements/serve.txt",
    "validation/reference.csv",
    "validation/thresholds.toml",
    "service/config.toml",
)
NAME, TAG = "slipway-example", "v9.8.7"
V1, V2 = f"/v1/models/{NAME}:predict", f"/v2/models/{NAME}/infer"
COLUMNS = [each.name for each in FEATURES]
SECRET, FAR = "secret-770077", 770077
# Features that take no such word, and features of which a value has to be there.
NO_WORDS = [each.name for each in FEATURES if each.kind is not object and not each.takes(SECRET)]
REQUIRED = [each.name for each in FEATURES if not each.optional]
JSON, CSV, BINARY = "application/json", "text/csv", "application/octet-stream"
WRONG: list[Any] = [None, True, -1, 0, 1.5, FAR, SECRET, [], {}, [[]], [SECRET], {SECRET: SECRET}]
AIP = {"AIP_HEALTH_ROUTE": "/v1/endpoints/7/deployedModels/8", "AIP_PREDICT_ROUTE": "/v1/endpoints/7/deployedModels/8:predict"}
# One character more or less, and these are no JSON that says one thing.
NO_JSON = {
    "nothing": b"",
    "half of it": b'{"instances": [',
    "twice": b'{"instances": []} {}',
    "a name twice": b'{"instances": [], "instances": []}',
    "a name twice, deep down": b'{"instances": [], "parameters": {"a": [{"b": 1, "b": 2}]}}',
    "NaN": b'{"instances": [], "parameters": NaN}',
    "Infinity": b'{"instances": -Infinity}',
    "100,000 levels": b'{"instances": ' + b"[" * 100_000,
    "100,000 levels, closed": b"[" * 100_000 + b"]" * 100_000,
    "1,000 levels": b'{"instances": ' + b"[" * 1000 + b"]" * 1000 + b"}",
    "half of a character": b'{"instances": ["\\ud800"]}',
    "no UTF-8": b'{"instances": ["\xff"]}',
    "UTF-16": '{"instances": []}'.encode("utf-16"),
    "a mark in front": b'\xef\xbb\xbf{"instances": []}',
    "a number of 5,000 digits": b'{"instances": ' + b"9" * 5000 + b"}",
}
Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Golden:
    """Rows, and what is answered."""

    rows: list[Row]
    answers: list[Any]


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that was learnt from few rows."""
    root = tmp_path_factory.mktemp("contracts")
    for name in NEEDED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, root / name)
    for command in (["init", "--initial-branch=main"], ["add", "--all"], ["commit", "--message=all"]):
        git.run_git(root, *command)
    project = Project(root, NAME, "registry.invalid/small", "local", "127.0.0.1:1", 250, 1000, Bake(0, 0.01, 1000))
    folder, rows = root / "build" / "bundle", dataset.read(project.train_data).sample(frac=1, random_state=0).head(400)
    folder.mkdir(parents=True)
    with threadpool_limits(limits=1):
        fitted = train.learn(rows, project.train_data)
    manifest = train.write_files(project, folder, fitted, rows, dataset.read(root / "validation/reference.csv"), rules.load_rules(project))
    (folder / "manifest.json").write_bytes(canonical(manifest.model_dump(mode="json")))
    return folder


@pytest.fixture(scope="session")
def release(bundle: Path) -> Release:
    return dataclasses.replace(load(bundle), tag=TAG, digest="sha256:abc")


@pytest.fixture(scope="session")
def golden(bundle: Path) -> Golden:
    return Golden(**json.loads((bundle / "golden.json").read_bytes()))


class Client:
    """Asks an app in this process."""

    def __init__(self, release: Release, **settings: Any) -> None:
        self.drain = Drain()
        config = release.config.model_copy(update=settings)
        self.app = app.build(dataclasses.replace(release, config=config), self.drain)

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://release.invalid") as client:
                return await client.request(method, path, **given)

        return asyncio.run(asked())

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)

    def post(self, path: str, body: Any, kind: str | None = JSON, **headers: str) -> httpx.Response:
        """Send bytes, or anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", path, content=content, headers={**({"content-type": kind} if kind else {}), **headers})


@pytest.fixture(scope="module")
def client(release: Release) -> Client:
    return Client(release)


def sentence(response: httpx.Response, code: int | None = None) -> str:
    """Return the sentence of an error, which has the one shape and repeats nothing of what was sent."""
    assert response.status_code in ([400, 404, 405, 413, 415, 422] if code is None else [code]), response.text
    assert list(response.json()) == ["error"]
    assert not re.search(f"{SECRET}|{FAR}", response.text)
    return str(response.json()["error"])


def split(rows: list[Row]) -> dict[str, Any]:
    return {"columns": COLUMNS, "data": [[row[name] for name in COLUMNS] for row in rows]}


def columns(rows: list[Row]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in COLUMNS}


def write_tensors(rows: list[Row], **more: Any) -> dict[str, Any]:
    """Write rows as the Open Inference Protocol has them in JSON."""
    usual = [(each, tensors.list_datatypes(each)[0]) for each in FEATURES]
    inputs = [{"name": each.name, "shape": [len(rows), 1], "datatype": name, "data": columns(rows)[each.name]} for each, name in usual]
    return {"inputs": inputs, **more}


def binary(rows: list[Row], **more: Any) -> tuple[dict[str, Any], bytes]:
    """Write rows as the Open Inference Protocol has them in binary, as far as nothing is missing that binary cannot say."""
    asked, behind = write_tensors(rows, **more), b""
    for each in asked["inputs"]:
        datatype, values = tensors.DATATYPES[each["datatype"]], each["data"]
        if None in values and datatype.kind is not float:
            continue
        part = tensors.to_binary(datatype, [float("nan") if value is None else value for value in values])
        del each["data"]
        each["parameters"] = {"binary_data_size": len(part)}
        behind += part
    return asked, behind


def text(rows: list[Row], header: bool = True, names: list[str] = COLUMNS) -> bytes:
    written = io.StringIO()
    writer = csv.DictWriter(written, names, extrasaction="ignore")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return written.getvalue().encode()


def send(client: Client, asked: dict[str, Any], behind: bytes, length: str | None = None, kind: str | None = BINARY) -> httpx.Response:
    """Send JSON and the binary data behind it."""
    header = json.dumps(asked).encode()
    return client.post(V2, header + behind, kind, **{tensors.LENGTH: str(len(header)) if length is None else length})


def wrapped(rows: list[Row]) -> list[tuple[str, Any]]:
    """Return rows as each contract has them in JSON."""
    return [
        (V1, {"instances": rows}),
        (V1, {"instances": rows, "signature_name": "predict"}),
        (V2, write_tensors(rows)),
        (f"/v2/models/{NAME}/versions/{TAG}/infer", write_tensors(rows)),
        ("/invocations", rows),
        ("/invocations", {"instances": rows}),
        ("/invocations", {"inputs": rows}),
        ("/invocations", {"inputs": columns(rows), "params": {}}),
        ("/invocations", {"dataframe_records": rows}),
        ("/invocations", {"dataframe_split": split(rows)}),
        ("/invocations", {"dataframe_split": {**split(rows), "index": list(range(len(rows)))}}),
        ("/score", rows),
        ("/score", {"data": rows}),
        ("/score", {"input_data": rows}),
        ("/score", {"input_data": split(rows)}),
    ]


def predictions(response: httpx.Response) -> Any:
    """Return what was predicted, in whichever form."""
    assert response.status_code == 200, response.text
    said = response.json()
    if "outputs" not in said:
        return said["predictions"]
    [found] = [each for each in said["outputs"] if each["name"] == "predictions"]
    return np.array(found["data"]).reshape(found["shape"]).tolist()


# --- answers


def test_every_contract_answers_the_golden_rows(client: Client, golden: Golden) -> None:
    for path, body in wrapped(golden.rows):
        assert same(predictions(client.post(path, body)), golden.answers), path


def test_a_single_row_is_answered_where_rows_may_be_bare(client: Client, golden: Golden) -> None:
    for path in ("/invocations", "/score"):
        assert same(predictions(client.post(path, golden.rows[0])), golden.answers[:1])


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("kind", [CSV, "Text/CSV; charset=utf-8"])
def test_csv_is_answered_with_a_header_and_without(client: Client, golden: Golden, header: bool, kind: str) -> None:
    assert same(predictions(client.post("/invocations", text(golden.rows, header), kind)), golden.answers)
    assert same(predictions(client.post("/invocations", text(golden.rows, header).replace(b"\r\n", b"\n").rstrip(), kind)), golden.answers)


def test_the_header_of_a_csv_says_the_order(client: Client, golden: Golden) -> None:
    turned = b"\xef\xbb\xbf" + text(golden.rows, names=COLUMNS[::-1])
    assert same(predictions(client.post("/invocations", turned, CSV)), golden.answers)


@pytest.mark.parametrize("kind", [BINARY, JSON, None])
def test_binary_tensors_are_answered_in_json_and_in_binary(client: Client, golden: Golden, kind: str | None) -> None:
    assert same(predictions(send(client, *binary(golden.rows), kind=kind)), golden.answers)
    answered = send(client, *binary(golden.rows, parameters={"binary_data_output": True}), kind=kind)
    assert answered.headers["content-type"] == BINARY
    end = int(answered.headers[tensors.LENGTH])
    first = json.loads(answered.content[:end])["outputs"][0]
    assert (first["name"], "data" in first) == ("predictions", False)
    values = np.frombuffer(answered.content[end : end + first["parameters"]["binary_data_size"]], "<f8")
    assert same(values.reshape(first["shape"]).tolist(), golden.answers)


def test_an_output_says_by_itself_whether_it_is_wanted_in_binary(client: Client, golden: Golden) -> None:
    for own, usual, header in ((True, False, True), (False, True, False), (None, True, True)):
        wanted = [{"name": "predictions", "parameters": {"binary_data": own}}]
        answered = client.post(V2, write_tensors(golden.rows, outputs=wanted, parameters={"binary_data_output": usual}))
        assert (answered.status_code, tensors.LENGTH in answered.headers) == (200, header)


def test_a_tensor_has_one_dimension_or_two(client: Client, golden: Golden) -> None:
    for shape, nested in (([len(golden.rows)], False), ([len(golden.rows), 1], True)):
        asked = write_tensors(golden.rows)
        for each in asked["inputs"]:
            each["shape"] = shape
            each["data"] = [[value] for value in each["data"]] if nested else each["data"]
        assert same(predictions(client.post(V2, asked)), golden.answers)


def test_the_name_of_a_request_comes_back(client: Client, golden: Golden) -> None:
    answered = client.post(V2, write_tensors(golden.rows[:1], id="forty-two")).json()
    assert (answered["id"], answered["model_name"], answered["model_version"]) == ("forty-two", NAME, TAG)
    assert "id" not in client.post(V2, write_tensors(golden.rows[:1])).json()


def test_the_model_is_described(client: Client, golden: Golden) -> None:
    described = client.get(f"/v2/models/{NAME}").json()
    assert described == client.get(f"/v2/models/{NAME}/versions/{TAG}").json()
    assert (described["name"], described["versions"]) == (NAME, [TAG])
    assert [each["name"] for each in described["inputs"]] == COLUMNS
    asked = {"inputs": [{**each, "shape": [1, 1], "data": [golden.rows[0][each["name"]]]} for each in described["inputs"]]}
    assert same(predictions(client.post(V2, asked)), golden.answers[:1])
    for path in ("/v2", "/v2/"):
        assert client.get(path).json() == {"name": NAME, "version": TAG, "extensions": ["binary_tensor_data"]}


def test_v1_lists_its_one_model(client: Client) -> None:
    assert client.get("/v1/models").json() == {"models": [NAME]}
    assert client.get(f"/v1/models/{NAME}").json() == {"name": NAME, "ready": True}


READY = (
    "/ping",
    "/health",
    f"/v1/models/{NAME}",
    "/v2/health/ready",
    f"/v2/models/{NAME}/ready",
    f"/v2/models/{NAME}/versions/{TAG}/ready",
)


def test_who_drains_is_alive_and_not_ready(release: Release) -> None:
    client = Client(release)
    assert {client.get(path).status_code for path in READY} == {200}
    client.drain.on = True
    assert {client.get(path).status_code for path in READY} == {503}
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/").json() == {"status": "alive"}


def test_a_probe_of_sagemaker_has_no_content(client: Client) -> None:
    assert client.get("/ping").content == b""


def manifest(release: Release, task: str, *classes: Any) -> Manifest:
    model = release.manifest.model.model_copy(update={"classes": list(classes)})
    return release.manifest.model_copy(update={"task": task, "model": model})


@pytest.mark.parametrize(
    ("classes", "datatype"),
    [(["no", "yes"], "BYTES"), ([0, 1], "INT64"), ([False, True], "BOOL"), ([0.5, 1.5], "FP64"), ([0, "a"], "BYTES")],
)
def test_a_classification_has_labels_too(release: Release, golden: Golden, classes: list[Any], datatype: str) -> None:
    found = v2.list_outputs(manifest(release, "binary", *classes))
    assert [(each.name, each.datatype, each.shape) for each in found] == [("predictions", "FP64", []), ("labels", datatype, [])]
    assert v2.list_outputs(manifest(release, "multiclass", *classes))[0].shape == [2]
    client = Client(dataclasses.replace(release, manifest=manifest(release, "binary", *classes)))
    likely = [classes[int(answer > 0.5)] for answer in np.ravel(golden.answers)]
    if np.ndim(golden.answers) == 1:
        assert client.post(V1, {"instances": golden.rows}).json()["labels"] == likely
        wanted = client.post(V2, write_tensors(golden.rows, outputs=[{"name": "labels"}])).json()["outputs"]
        data = list(map(str, likely)) if datatype == "BYTES" else likely
        assert wanted == [{"name": "labels", "datatype": datatype, "shape": [len(golden.rows)], "data": data}]


# --- what is missing


def feature(kind: type, optional: bool = True) -> Feature:
    return Feature(COLUMNS[0], kind, (), False, optional)


def tensor(datatype: str, kind: type, data: Any = None, behind: bytes | None = None, rows: int = 2) -> list[Any]:
    given = tensors.Input(name=COLUMNS[0], shape=[rows], datatype=datatype, data=data)
    return tensors.read_column(given, feature(kind), behind)


def test_what_is_missing_is_null_in_json_and_not_a_number_in_binary() -> None:
    for datatype, kind, value in (("INT64", int, 7), ("FP64", float, 0.5), ("BOOL", bool, True), ("BYTES", str, "ä")):
        assert tensor(datatype, kind, [value, None]) == [value, None]
    for datatype in ("FP64", "FP32", "FP16"):
        behind = tensors.to_binary(tensors.DATATYPES[datatype], [0.5, float("nan")])
        assert tensor(datatype, float, behind=behind) == [0.5, None]


def test_an_empty_cell_is_missing() -> None:
    for kind, cell, value in (
        (int, "7", 7),
        (float, "7", 7),
        (float, "5e-1", 0.5),
        (bool, "True", True),
        (bool, "false", False),
        (str, "7", "7"),
    ):
        found = [forms.parse_cell("here", feature(kind), each) for each in ("", cell)]
        assert found == [None, value]
        assert type(found[1]) is type(value)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_value_may_be_missing_where_the_declaration_says_so(client: Client, golden: Golden, name: str) -> None:
    [declared] = [each for each in FEATURES if each.name == name]
    row = {**golden.rows[0], name: None}
    for path, body in wrapped([row]):
        assert (client.post(path, body).status_code == 200) is declared.optional, path
    assert (client.post("/invocations", text([row]), CSV).status_code == 200) is declared.optional


# --- what is refused


@pytest.mark.parametrize("path", ["/invocations", "/score", V1, V2])
@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_json_is_refused(client: Client, path: str, body: bytes) -> None:
    # That there are too many lists is said before anything is read.
    sentence(client.post(path, body), 413 if body.count(b"[") > 99_999 else 422)


@pytest.mark.parametrize("path", ["/invocations", "/score", V1, V2])
def test_what_is_small_to_send_and_large_to_hold_is_refused_unread(client: Client, path: str) -> None:
    for many in (b"[],", b'{"a":1},', b"[[[[]]]],"):
        body = b'{"instances": [' + many * (1_900_000 // len(many)) + b"[]]}"
        sentence(client.post(path, body), 413)


def members(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the places in a request, but not those inside of rows and columns: these are the declaration's business."""
    yield at
    if isinstance(value, dict) and set(value) != set(COLUMNS):
        for name, each in value.items():
            yield from members(each, (*at, name))
    if isinstance(value, list) and at[-1:] != ("data",):
        for number, each in enumerate(value[:2]):
            yield from members(each, (*at, number))


def altered(body: Any, at: tuple[Any, ...], *value: Any) -> Any:
    """Return a request with another value in a place, or with nothing there."""
    if not at:
        return value[0] if value else None
    body = copy.deepcopy(body)
    part = body
    for step in at[:-1]:
        part = part[step]
    if value:
        part[at[-1]] = value[0]
    else:
        del part[at[-1]]
    return body


def test_whatever_is_wrong_or_missing_is_refused_or_does_not_matter(client: Client, golden: Golden) -> None:
    more = {
        "id": "a",
        "parameters": {"binary_data_output": False},
        "outputs": [{"name": "predictions", "parameters": {"binary_data": False}}],
    }
    for path, body in [*wrapped(golden.rows[:2]), (V2, write_tensors(golden.rows[:2], **more))]:
        for at in members(body):
            for value in [(), *((each,) for each in WRONG)]:
                response = client.post(path, altered(body, at, *value))
                if response.status_code == 200:
                    found = predictions(response) if tensors.LENGTH not in response.headers else golden.answers[:1]
                    assert all(any(same([each], [known]) for known in golden.answers[:2]) for each in found), (path, at, value)
                else:
                    sentence(response)


REFUSED: list[tuple[str, Any]] = [
    (V1, {"instances": []}),
    (V1, {"instances": [[1, 2, 3]]}),
    (V1, {"instances": [{SECRET: FAR}]}),
    (V1, []),
    (V1, {}),
    ("/invocations", []),
    ("/invocations", {}),
    ("/invocations", {"instances": [], "inputs": []}),
    ("/invocations", {"inputs": {}}),
    ("/invocations", {"inputs": {SECRET: [1], COLUMNS[0]: [1, 2]}}),
    ("/invocations", {"dataframe_split": {"columns": COLUMNS, "data": [[1] * (len(COLUMNS) + 1)]}}),
    ("/invocations", {"dataframe_split": {"columns": [*COLUMNS, COLUMNS[0]], "data": []}}),
    ("/invocations", {"dataframe_split": {"columns": [SECRET], "data": [[FAR]]}}),
    ("/score", {"input_data": []}),
    ("/score", {"data": [[1, 2, 3]]}),
    (V2, {"inputs": []}),
]


@pytest.mark.parametrize(("path", "body"), REFUSED)
def test_rows_without_names_or_with_others_are_refused(client: Client, path: str, body: Any) -> None:
    assert sentence(client.post(path, body), 422)


def test_the_error_names_row_and_field(client: Client, golden: Golden) -> None:
    name, odd = next(((each, SECRET) for each in NO_WORDS), (COLUMNS[0], FAR))
    for path, body in wrapped([golden.rows[0], {**golden.rows[1], name: odd}]):
        said = sentence(client.post(path, body), 422)
        assert f"row 1, {name}: " in said or f"inputs, {name}, 1: " in said, (path, said)


@pytest.mark.parametrize(("name", "cell"), [*((each, SECRET) for each in NO_WORDS[:1]), *((each, "") for each in REQUIRED[:1])])
def test_the_error_names_line_and_column_of_a_csv(client: Client, golden: Golden, name: str, cell: str) -> None:
    rows = [golden.rows[0], {**golden.rows[1], name: cell}]
    assert f"row 1, {name}: " in sentence(client.post("/invocations", text(rows), CSV), 422)


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"\n",
        b"1," * len(COLUMNS) + b"1\n",
        b"\xff",
        b'"half of a word',
        text([]),
        text([], names=[COLUMNS[0]] * 2) + b"1,1\n",
        text([], names=[SECRET, *COLUMNS[1:]]) + b"," * len(COLUMNS),
        *([text([dict.fromkeys(COLUMNS, SECRET)])] if NO_WORDS else []),
        b"9" * 200_000 + b"," * len(COLUMNS),
        b"[" * 100_000 + b"," * len(COLUMNS),
    ],
)
def test_what_is_no_csv_of_these_columns_is_refused(client: Client, lines: bytes) -> None:
    sentence(client.post("/invocations", lines, CSV), 422)


def test_a_line_of_csv_is_neither_too_short_nor_too_long_nor_left_out(client: Client, golden: Golden) -> None:
    right = text(golden.rows[:1], header=False).rstrip()
    for lines in (right + b",1", right.rpartition(b",")[0], right + b"\n\n" + right, right + b"\n" + b"," * len(COLUMNS)):
        sentence(client.post("/invocations", lines, CSV), 422)


@pytest.mark.parametrize("cell", ["1.0", "1e0", "01", "+1", "1_0", "true", "NaN", "one", "0x1", "١", '"1"', "[1]", "9" * 5000])
def test_a_cell_that_is_not_a_whole_number_stays_a_word(cell: str) -> None:
    assert forms.parse_cell("here", feature(int), cell) == cell


@pytest.mark.parametrize("cell", ["nan", "inf", "Infinity", ".5", "1,5", "true", "half"])
def test_a_cell_that_is_not_a_number_stays_a_word(cell: str) -> None:
    assert forms.parse_cell("here", feature(float), cell) == cell


@pytest.mark.parametrize("cell", ["1", "yes", "null", "t"])
def test_a_cell_that_is_neither_true_nor_false_stays_a_word(cell: str) -> None:
    assert forms.parse_cell("here", feature(bool), cell) == cell


def test_a_cell_that_may_be_several_things_is_refused() -> None:
    with pytest.raises(Refused, match="Send JSON"):
        forms.parse_cell("here", feature(object), "1")


def test_a_datatype_has_to_be_that_of_the_feature() -> None:
    fits = {int: "U?INT(8|16|32|64)", float: "FP(16|32|64)", bool: "BOOL", str: "BYTES", object: ".*"}
    for kind, pattern in fits.items():
        for name, datatype in tensors.DATATYPES.items():
            if re.fullmatch(pattern, name):
                assert tensor(name, kind, [None, None]) == [None, None]
            else:
                with pytest.raises(Refused, match="datatype"):
                    tensor(name, kind, behind=tensors.to_binary(datatype, ["1", "1"] if datatype.kind is str else [1, 1]))


@pytest.mark.parametrize(
    ("datatype", "kind", "data"),
    [
        ("INT64", int, [1.0, 2]),
        ("INT64", int, [True, 2]),
        ("INT64", int, ["1", 2]),
        ("INT64", int, [2**63, 1]),
        ("INT8", int, [128, 1]),
        ("UINT8", int, [-1, 1]),
        ("FP64", float, [True, 1]),
        ("BOOL", bool, [1, 0]),
        ("BYTES", str, [1, "a"]),
        ("INT64", object, ["1", "2"]),
        ("INT64", int, [[1], 2]),
        ("INT64", int, [1]),
        ("INT64", int, [1, 2, 3]),
    ],
)
def test_values_have_to_be_of_the_datatype_and_as_many_as_the_shape_says(datatype: str, kind: type, data: list[Any]) -> None:
    with pytest.raises(Refused):
        tensor(datatype, kind, data)


@pytest.mark.parametrize(
    ("datatype", "kind", "behind"),
    [
        ("INT64", int, b"12345678" * 3),
        ("INT64", int, b"1234567"),
        ("BOOL", bool, b"\x00\x02"),
        ("BYTES", str, struct.pack("<I", 2**32 - 1) + b"abc"),
        ("BYTES", str, b"\x00"),
        ("BYTES", str, struct.pack("<I", 1) + b"a"),
        ("BYTES", str, (struct.pack("<I", 1) + b"\xff") * 2),
        ("BYTES", str, struct.pack("<I", 0) * 3),
    ],
)
def test_bytes_have_to_be_of_the_datatype_and_as_many_as_the_shape_says(datatype: str, kind: type, behind: bytes) -> None:
    with pytest.raises(Refused):
        tensor(datatype, kind, behind=behind)


def test_words_come_back_as_they_went() -> None:
    words = ["", "ä", "two words"]
    assert tensor("BYTES", str, behind=tensors.to_binary(tensors.DATATYPES["BYTES"], words), rows=3) == words


@pytest.mark.parametrize("shape", [[], [-1], [0], [0, 1], [2, 2], [1, 2], [1, 1, 2], [10**12], [10**400, 1], [3], ["2"], [2.0], 2, None])
def test_a_shape_has_to_be_what_the_data_is(client: Client, golden: Golden, shape: Any) -> None:
    asked = write_tensors(golden.rows[:2])
    asked["inputs"][-1]["shape"] = shape
    sentence(client.post(V2, asked), 422 if len(COLUMNS) > 1 else None)  # of a single tensor it may say too many rows
    for each in asked["inputs"]:
        each["shape"] = shape
    sentence(client.post(V2, asked))


@pytest.mark.parametrize("length", ["-1", "999999999", "9" * 5000, "1e1", " ", "0x1", "1.0", "1 1", "\xb2", "0", "1"])
def test_where_the_binary_data_begins_has_to_be_said_rightly(client: Client, golden: Golden, length: str) -> None:
    asked, behind = binary(golden.rows[:2])
    sentence(
        client.request("POST", V2, content=json.dumps(asked).encode() + behind, headers={tensors.LENGTH.encode(): length.encode("latin-1")})
    )


@pytest.mark.parametrize("size", [-1, 0, 1, 17, 10**12, 10**400, "16", 16.0, True])
def test_a_size_has_to_be_that_of_the_tensor(client: Client, golden: Golden, size: Any) -> None:
    asked, behind = binary(golden.rows[:2])
    for each in asked["inputs"]:
        if "parameters" in each:
            each["parameters"]["binary_data_size"] = size
    sentence(send(client, asked, behind), 422)


def test_a_tensor_is_in_one_place_and_nothing_is_left_over(client: Client, golden: Golden) -> None:
    asked, behind = binary(golden.rows[:2])
    sentence(send(client, asked, behind + b"\0"), 422)
    sentence(send(client, asked, behind[:-1]), 422)
    sentence(client.post(V2, asked), 422)
    asked["inputs"][0]["data"] = []
    sentence(send(client, asked, behind), 422)
    twice = write_tensors(golden.rows[:2])
    twice["inputs"].append(twice["inputs"][0])
    sentence(client.post(V2, twice), 422)


def test_what_would_alter_the_answer_is_refused(client: Client, golden: Golden) -> None:
    for outputs in (
        [{"name": SECRET}],
        [{"name": "predictions"}] * 2,
        [{"name": "predictions", "parameters": {"classification": 3}}],
        [{"name": "predictions", "parameters": {"shared_memory_region": SECRET}}],
    ):
        sentence(client.post(V2, write_tensors(golden.rows[:1], outputs=outputs)), 422)


def test_infinity_is_refused_in_every_form(client: Client, golden: Golden) -> None:
    for declared in FEATURES:
        if declared.kind is float:
            row = {**golden.rows[0], declared.name: FAR}
            for path, body in wrapped([row]):
                for text_of_it in (b"1e999", b"-1e999", b"Infinity", b"NaN"):
                    sentence(client.post(path, json.dumps(body).encode().replace(str(FAR).encode(), text_of_it)), 422)
            sentence(client.post("/invocations", text([{**row, declared.name: "1e999"}]), CSV), 422)
            for value in (float("inf"), -float("inf")):
                sentence(send(client, *binary([{**row, declared.name: value}])), 422)


@pytest.mark.parametrize(
    "path", ["/v1/models/other", "/v2/models/other", f"/v2/models/{NAME}/versions/other", "/v2/models/other/ready", f"/v2/models/%ff{NAME}"]
)
def test_another_model_or_version_is_not_found(client: Client, path: str) -> None:
    assert NAME in sentence(client.get(path), 404)


def test_another_model_answers_nothing(client: Client, golden: Golden) -> None:
    sentence(client.post("/v1/models/other:predict", {"instances": golden.rows}), 404)
    sentence(client.post("/v2/models/other/infer", write_tensors(golden.rows)), 404)
    sentence(client.post(f"/v2/models/{NAME}/versions/other/infer", write_tensors(golden.rows)), 404)


def test_more_rows_than_one_request_may_have_are_refused(release: Release, golden: Golden) -> None:
    client = Client(release, max_rows=3)
    assert same(predictions(client.post(V1, {"instances": golden.rows[:3]})), golden.answers[:3])
    for path, body in wrapped(golden.rows[:4]):
        sentence(client.post(path, body), 413)
    for header in (True, False):
        sentence(client.post("/invocations", text(golden.rows[:4], header), CSV), 413)
    sentence(send(client, *binary(golden.rows[:4])), 413)
    sentence(client.post("/invocations", b"\n" * 1_000_000, CSV), 413)


@pytest.mark.parametrize("path", ["/invocations", "/score", V1, V2])
def test_other_content_and_too_much_of_it_is_refused(client: Client, path: str) -> None:
    sentence(client.post(path, b"<rows/>", "application/xml"), 415)
    sentence(client.post(path, b"{}", JSON, **{"content-encoding": "gzip"}), 415)
    sentence(client.post(path, b" " * 2_000_001), 413)
    response = client.get(path)
    sentence(response, 405)
    assert response.headers["allow"] == "POST"


# --- what is on


@pytest.mark.parametrize("off", ["azure", "mlflow", "sagemaker", "v1", "v2", "vertex"])
def test_a_contract_that_is_off_has_no_routes(release: Release, golden: Golden, monkeypatch: pytest.MonkeyPatch, off: str) -> None:
    for name, value in AIP.items():
        monkeypatch.setenv(name, value)
    all_of_them = {"azure", "mlflow", "sagemaker", "v1", "v2", "vertex"}
    own = {
        "azure": ["/score"],
        "mlflow": ["/health"],
        "sagemaker": [],
        "v1": ["/v1/models", "/v1/models/{name}", "/v1/models/{name}:predict"],
        "v2": ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/{name}", "/v2/models/{name}/ready", "/v2/models/{name}/infer"],
        "vertex": list(AIP.values()),
    }
    everything = set(Client(release, contracts=sorted(all_of_them)).get("/openapi.json").json()["paths"])
    without = set(Client(release, contracts=sorted(all_of_them - {off})).get("/openapi.json").json()["paths"])
    assert everything - without == set(own[off])
    alone = Client(release, contracts=[off])
    assert set(own[off]) <= set(alone.get("/openapi.json").json()["paths"])
    assert alone.post("/predict", golden.rows).status_code == 200


def test_without_contracts_there_is_what_a_service_has_anyway(release: Release) -> None:
    client = Client(release, contracts=[])
    assert set(client.get("/openapi.json").json()["paths"]) == {"/predict", "/version", "/healthz", "/readyz", "/metrics"}
    for path in ("/", "/ping", "/invocations", "/v2"):
        sentence(client.get(path), 404)


def test_sagemaker_and_mlflow_share_a_route_and_not_their_forms(release: Release, golden: Golden) -> None:
    of_mlflow, of_sagemaker = Client(release, contracts=["mlflow"]), Client(release, contracts=["sagemaker"])
    split_up = {"dataframe_split": split(golden.rows)}
    for client in (of_mlflow, of_sagemaker):
        assert same(predictions(client.post("/invocations", {"instances": golden.rows})), golden.answers)
        assert same(predictions(client.post("/invocations", text(golden.rows), CSV)), golden.answers)
        assert client.get("/ping").status_code == 200
    assert same(predictions(of_mlflow.post("/invocations", split_up)), golden.answers)
    assert same(predictions(of_sagemaker.post("/invocations", golden.rows)), golden.answers)
    sentence(of_mlflow.post("/invocations", golden.rows), 422)
    sentence(of_sagemaker.post("/invocations", split_up), 422)


def test_vertex_names_its_routes(release: Release, golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in AIP.items():
        monkeypatch.setenv(name, value)
    client = Client(release)
    assert same(predictions(client.post(AIP["AIP_PREDICT_ROUTE"], {"instances": golden.rows, "parameters": {"a": 1}})), golden.answers)
    assert client.get(AIP["AIP_HEALTH_ROUTE"]).status_code == 200
    sentence(client.post(AIP["AIP_PREDICT_ROUTE"], golden.rows), 422)
    client.drain.on = True
    assert client.get(AIP["AIP_HEALTH_ROUTE"]).status_code == 503


def test_vertex_may_name_a_route_that_says_the_same(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("/ping", "/health", "/readyz", "/v2/health/ready"):
        monkeypatch.setenv("AIP_HEALTH_ROUTE", path)
        assert Client(release).get(path).status_code == 200


def test_vertex_has_one_type_of_number(release: Release, golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIP_PREDICT_ROUTE", "/vertex")
    client, whole = Client(release), [each.name for each in FEATURES if each.kind is int]
    rows = [{name: float(value) if name in whole and value is not None else value for name, value in row.items()} for row in golden.rows]
    assert same(predictions(client.post("/vertex", {"instances": rows})), golden.answers)
    for name in whole:
        for value in (0.5, 1e300):
            sentence(client.post("/vertex", {"instances": [{**golden.rows[0], name: value}]}), 422)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("AIP_PREDICT_ROUTE", "/predict"),
        ("AIP_PREDICT_ROUTE", V2),
        ("AIP_PREDICT_ROUTE", "/invocations"),
        ("AIP_HEALTH_ROUTE", "/metrics"),
        ("AIP_HEALTH_ROUTE", "/v1/models"),
        ("AIP_HEALTH_ROUTE", "health"),
        ("AIP_PREDICT_ROUTE", "/{path}"),
    ],
)
def test_a_route_of_vertex_that_cannot_be_is_said_at_the_start(
    release: Release, bundle: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str, path: str
) -> None:
    monkeypatch.setenv(name, path)
    with pytest.raises(ReleaseError, match=name):
        Client(release)
    monkeypatch.setenv("RELEASE_DIR", str(bundle))
    with pytest.raises(SystemExit) as ended:
        app.create_app()
    assert ended.value.code == app.STARTUP_FAILURE
    assert f"This release does not serve. {name} is {path}" in capfd.readouterr().err
    Client(release, contracts=["v1", "v2"])


def test_no_metric_has_a_label_from_a_request(client: Client, golden: Golden) -> None:
    client.post(f"/v1/models/{SECRET}:predict", {"instances": golden.rows})
    client.get(f"/v2/models/{NAME}/versions/{SECRET}")
    said = client.get("/metrics").text
    assert SECRET not in said
    assert 'route="/v1/models/{name}:predict"' in said


def test_the_description_names_each_status_that_is_answered(client: Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    always = {"200", "401", "413", "415", "422", "429", "503"}
    for path, statuses in {
        "/invocations": always,
        "/score": always,
        "/v1/models/{name}:predict": always | {"404"},
        "/v2/models/{name}/infer": always | {"400", "404"},
    }.items():
        assert set(paths[path]["post"]["responses"]) == statuses
        assert set(paths[path]["post"]["requestBody"]["content"]) >= {JSON}
    assert not [path for path in paths if (path.endswith("/") and path != "/") or "{version}" in path]


# --- the page


def examples() -> list[tuple[str, str]]:
    """Return the commands of the page, and what is seen after each."""
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    parts = [each.partition("\n") for block in blocks for each in re.split(r"^\$ ", block, flags=re.MULTILINE) if each]
    return [(command, said.strip()) for command, _, said in parts]


def shape(value: Any) -> Any:
    """Return what is said, without numbers and with one of many."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items() if name != "labels"}
    return "several" if isinstance(value, list) else type(value) if isinstance(value, float) else value


@pytest.fixture
def served(bundle: Path, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """The service as SageMaker and Vertex AI start it, and a folder with the bundle in its place."""
    port = process.free_port()
    shutil.copytree(bundle, tmp_path / "build" / "bundle")
    vertex = {"AIP_HTTP_PORT": str(port), "AIP_HEALTH_ROUTE": "/vertex/health", "AIP_PREDICT_ROUTE": "/vertex/predict", "PORT": "1"}
    own = process.build_environment(ROOT, bundle, **vertex)
    own.pop("HOST", None)
    with (tmp_path / "log").open("w+b") as log:
        command = [sys.executable, "-m", "slipway.serving", "serve"]
        started = subprocess.Popen(command, cwd=ROOT, env=own, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            process.wait_ready(url, lambda: started.poll() is None, lambda: process.format_log_end(log))
            yield tmp_path, url
        finally:
            started.kill()
            started.wait()


def test_every_command_of_the_page_says_what_the_page_says(served: tuple[Path, str], golden: Golden) -> None:
    folder, url = served
    found = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    commands = examples()
    assert len([each for each, _ in commands if each.startswith("curl")]) > 10
    for command, expected in commands:
        here = command.replace("http://127.0.0.1:8080", url)
        done = subprocess.run(["bash", "-c", here], cwd=folder, env=found, check=False, capture_output=True, text=True)
        assert done.returncode == 0, command + done.stderr
        if "predictions" in expected:
            response = httpx.Response(200, text=done.stdout)
            assert same(predictions(response), golden.answers[: len(predictions(response))]), command
        if expected.startswith("{"):
            assert shape(json.loads(done.stdout)) == shape(json.loads(expected)), command
        else:
            assert done.stdout.strip() == expected, command


def test_the_image_takes_no_other_argument() -> None:
    done = subprocess.run([sys.executable, "-m", "slipway.serving", SECRET], cwd=ROOT, check=False, capture_output=True, text=True)
    assert (done.returncode, SECRET in done.stderr) == (1, False)
