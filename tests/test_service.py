"""The service with your model: it answers as the model did in training, and rejects rows that are not as declared."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.train import train
from slipway import http_client, project, rehearsal
from slipway.operate import process
from slipway.serving.declared import FEATURES
from slipway.serving.parity import TOLERANCE, distance

ROOT = Path(__file__).resolve().parents[1]
NAMES = [each.name for each in FEATURES]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `./run train` makes, in a copy of the project."""
    copy = rehearsal.copy_project(project.load(ROOT), tmp_path_factory.mktemp("service"))
    train(copy)
    return copy.bundle


@pytest.fixture(scope="module")
def golden(bundle: Path) -> Any:
    """Rows of the reference dataset, and the model's answers to them."""
    return json.loads((bundle / "golden.json").read_bytes())


@pytest.fixture(scope="module")
def client(bundle: Path) -> Iterator[httpx.Client]:
    """Asks the service."""
    with process.serve_release(ROOT, bundle) as url, http_client.open_client(url, timeout=60) as opened:
        yield opened


def reject(client: httpx.Client, row: dict[str, Any]) -> str:
    """Send a row that is not as declared, and return why it is rejected."""
    response = client.post("/predict", json=[row])
    assert response.status_code == 422, response.text
    return str(response.json()["error"])


def test_it_is_ready_and_says_what_it_serves(client: httpx.Client) -> None:
    assert client.get("/readyz").status_code == 200
    assert client.get("/version").json()["manifest"]["features"]["columns"] == NAMES
    assert client.get("/metrics").status_code == 200


def test_its_description_names_each_input(client: httpx.Client) -> None:
    described = json.dumps(client.get("/openapi.json").json())
    assert [name for name in NAMES if json.dumps(name) not in described] == []


def test_it_answers_as_the_model_did_in_training(client: httpx.Client, golden: Any) -> None:
    answered = client.post("/predict", json=golden["rows"]).raise_for_status().json()["predictions"]
    assert distance(answered, golden["answers"]) <= TOLERANCE


def test_it_answers_a_row_alone_as_among_others(client: httpx.Client, golden: Any) -> None:
    answered = [client.post("/predict", json=row).raise_for_status().json()["predictions"][0] for row in golden["rows"]]
    assert distance(answered, golden["answers"]) <= TOLERANCE


@pytest.mark.parametrize("name", NAMES)
def test_it_rejects_a_value_of_another_type_and_names_the_input(client: httpx.Client, golden: Any, name: str) -> None:
    assert reject(client, {**golden["rows"][0], name: {"not": "a value"}}).startswith(f"row 0, {name}: ")


def test_it_rejects_an_input_that_is_not_declared(client: httpx.Client, golden: Any) -> None:
    assert reject(client, {**golden["rows"][0], "not declared": 1})


def test_it_rejects_a_row_without_inputs(client: httpx.Client) -> None:
    assert reject(client, {})


def test_it_rejects_what_is_no_json(client: httpx.Client) -> None:
    assert client.post("/predict", content=b"1,2,3", headers={"content-type": "application/json"}).status_code == 422
