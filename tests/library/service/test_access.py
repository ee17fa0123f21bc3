"""Callers outside reach the routes that are listed, with a key where keys are needed; inside everything answers."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from slipway.operate import process
from slipway.serving.access import MARK, Guard, read_access
from slipway.serving.release import Release
from tests.conftest import wait_until
from tests.library.service.conftest import ROOT, SECRET, Client, Golden, Row, same, sentence
from tests.library.service.test_process import started

NAME = "small"
OUTSIDE = {MARK.decode(): "192.0.2.7"}
INSIDE_ONLY = ("/metrics", "/version", "/readyz", "/v1/models", f"/v2/models/{NAME}", "/", "/ping", "/health")
KEYS = {"planning": "slipway_of-planning", "billing": "slipway_of-billing"}

Ask = Callable[..., httpx.Response]


def write(folder: Path, name: str, **content: Any) -> None:
    """Write a file as the verbs do, whole."""
    part = folder / f".{name}"
    part.write_text(json.dumps(content), encoding="utf-8")
    os.utime(part, (0, 0))  # as the engine writes into a volume
    part.replace(folder / name)


def give(folder: Path, name: str, at: float = 1) -> None:
    """Give a caller its key."""
    write(folder, f"key-{name}.json", at=at, sha256=hashlib.sha256(KEYS[name].encode()).hexdigest())


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what holds outside."""
    monkeypatch.setenv("ACCESS", str(tmp_path))
    return tmp_path


@pytest.fixture
def ask(rules: Path, release: Release, row: Row) -> Ask:
    """Ask from outside, for a prediction unless another path is named, by what the folder holds."""

    def send(path: str = "/predict", **headers: str) -> httpx.Response:
        assert rules.is_dir()
        client = Client(release)
        if path == "/predict":
            return client.request("POST", path, json=row, headers=OUTSIDE | headers)
        return client.request("GET", path, headers=OUTSIDE | headers)

    return send


def test_callers_reach_what_is_listed_and_nothing_else(ask: Ask, client: Client) -> None:
    nowhere = ask("/nowhere")
    for path in INSIDE_ONLY:
        assert client.get(path).status_code == 200, path
        refused = ask(path)
        assert (refused.status_code, refused.json()) == (nowhere.status_code, nowhere.json()) == (404, {"error": "Not Found"}), path
    assert [ask(path).status_code for path in ("/predict", "/healthz", "/docs", "/openapi.json")] == [200] * 4
    # The predict routes of the contracts: the content is not read as rows, but it is read.
    for path in (f"/v1/models/{NAME}:predict", f"/v2/models/{NAME}/infer", "/score", "/invocations"):
        assert client.request("POST", path, json={}, headers=OUTSIDE).status_code == 422
    assert client.request("GET", "/predict", headers=OUTSIDE).status_code == 405


@pytest.mark.parametrize(
    "path", ["/metrics/", "//metrics", "/%6detrics", "/./metrics", "/predict/../metrics", "/healthz?x=/metrics", "/docs#"]
)
def test_no_spelling_of_a_path_leads_past_the_list(path: str, ask: Ask) -> None:
    assert "ml_requests_total" not in ask(path).text


def test_the_list_names_other_routes_of_the_service(rules: Path, ask: Ask) -> None:
    write(rules, "settings.json", at=1, routes=["/v2/models/{name}", "/version"])
    codes = {path: ask(path).status_code for path in (f"/v2/models/{NAME}", "/version", f"/v2/models/{NAME}/ready", "/docs", "/predict")}
    assert list(codes.values()) == [200, 200, 404, 404, 404]


def test_a_key_is_asked_for_where_the_settings_say_so(rules: Path, ask: Ask) -> None:
    give(rules, "planning")
    assert ask().status_code == 200  # keys are given first, and asked for later
    write(rules, "settings.json", at=1, keys=True)
    for refused in (ask(), ask(authorization=f"Bearer {SECRET}"), ask(authorization=KEYS["planning"]), ask(**{"x-api-key": SECRET})):
        assert sentence(refused, 401) == "A key is needed: Authorization: Bearer KEY, or X-API-Key: KEY."
        assert refused.headers["www-authenticate"] == "Bearer"
    assert ask(authorization=f"Bearer {KEYS['planning']}").status_code == 200
    assert ask(**{"x-api-key": KEYS["planning"]}).status_code == 200
    assert [ask(path).status_code for path in ("/healthz", "/docs", "/openapi.json", "/metrics")] == [200, 200, 200, 404]
    write(rules, "key-planning.json", at=2, sha256=None)  # revoked: with no key left none is good
    assert ask(**{"x-api-key": KEYS["planning"]}).status_code == 401


def test_callers_are_counted_by_name_and_keys_are_nowhere(rules: Path, ask: Ask, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    give(rules, "billing")
    write(rules, "settings.json", at=7, keys=True)
    with caplog.at_level("INFO"):
        ask(**{"x-api-key": KEYS["billing"]})
        ask(**{"x-api-key": SECRET})
        ask()
    counted = client.get("/metrics").text
    for caller, code in (("billing", 200), ("(unknown)", 401), ("(none)", 401)):
        assert f'ml_caller_requests_total{{caller="{caller}",code="{code}"}}' in counted
    assert 'ml_key_used_timestamp_seconds{caller="billing"}' in counted
    logged = " ".join(str(vars(each)) for each in caplog.records)
    assert "A key is needed" in logged
    for text in (counted, logged):
        assert SECRET not in text
        assert KEYS["billing"] not in text


def test_callers_are_described_what_they_reach_and_with_what(rules: Path, release: Release) -> None:
    client = Client(release)

    def describe(**headers: str) -> tuple[dict[str, Any], dict[str, Any]]:
        client.app.state.guard.refresh()
        described = client.request("GET", "/openapi.json", headers=headers).json()
        return described, {path: operation for path, by_method in described["paths"].items() for operation in by_method.values()}

    predicting = {"/predict", "/score", "/invocations", "/v1/models/{name}:predict", "/v2/models/{name}/infer"}
    found, operations = describe(**OUTSIDE)
    assert set(operations) == predicting | {"/healthz"}
    assert (set(found["components"]), {"Version", "Manifest"} & set(found["components"]["schemas"])) == ({"schemas"}, set())
    assert [path for path, each in operations.items() if {"401", "429"} & set(each["responses"]) or "security" in each] == []

    write(rules, "settings.json", at=1, routes=["predict", "/healthz", "/docs", "/v2/models/{name}", "/version"], keys=True, per_second=9)
    found, operations = describe(**OUTSIDE)
    assert set(operations) == predicting | {"/healthz", "/v2/models/{name}", "/version"}
    assert found["components"]["securitySchemes"] == {
        "Bearer": {"type": "http", "scheme": "bearer"},
        "X-API-Key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    for path, each in operations.items():
        free = path == "/healthz"  # who asks that has no key, and is not counted
        assert each.get("security") == (None if free else [{"Bearer": []}, {"X-API-Key": []}]), path
        refused = [each["responses"][code]["content"]["application/json"]["schema"] for code in ("401", "429") if code in each["responses"]]
        assert refused == ([] if free else [{"$ref": "#/components/schemas/Error"}] * 2), path
    assert found["components"]["schemas"]["Error"]["required"] == ["error"]

    write(rules, "settings.json", at=2, per_second=9)
    found, operations = describe(**OUTSIDE)
    assert "securitySchemes" not in found["components"]
    assert {path for path, each in operations.items() if "429" in each["responses"]} == predicting
    inside, _ = describe()
    assert set(inside["paths"]) > {*predicting, "/metrics", "/version", "/v1/models"}


def test_too_many_requests_in_a_second_wait(rules: Path, release: Release, row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    write(rules, "settings.json", at=1, per_second=2)
    give(rules, "planning")
    monkeypatch.setattr("slipway.serving.access.time.monotonic", lambda: 7.5)
    client = Client(release)

    def code(address: str, **headers: str) -> int:
        return client.request("POST", "/predict", json=row, headers={**OUTSIDE, MARK.decode(): address, **headers}).status_code

    assert [code("192.0.2.1") for _ in range(3)] == [200, 200, 429]
    assert [code("192.0.2.2"), code("192.0.2.1", **{"x-api-key": KEYS["planning"]})] == [200, 200]
    refused = client.request("POST", "/predict", json=row, headers=OUTSIDE | {MARK.decode(): "192.0.2.1"})
    assert sentence(refused, 429) == "More than 2 requests in a second. Send it again in a second."
    assert refused.headers["retry-after"] == "1"
    assert client.request("GET", "/healthz", headers={MARK.decode(): "192.0.2.1"}).status_code == 200
    monkeypatch.setattr("slipway.serving.access.time.monotonic", lambda: 8.0)
    assert code("192.0.2.1") == 200


def test_the_newest_file_of_all_folders_holds(tmp_path: Path) -> None:
    late, early = tmp_path / "late", tmp_path / "early"
    late.mkdir()
    early.mkdir()
    give(early, "planning", at=1)
    write(late, "key-planning.json", at=2, sha256=None)
    for folders in ([late, early], [early, late]):
        assert (read_access(folders).keys, read_access(folders).changed) == ((), 2)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"at": 1, "misspelt": 1}', '{"at": 1, "routes": ["/{x:nothing}"]}', '{"at": 1, "keys": "perhaps"}']
)
def test_what_cannot_be_read_changes_nothing_and_opens_nothing(text: str, rules: Path, row: Row, release: Release) -> None:
    give(rules, "planning")
    (rules / "settings.json").write_text(text, encoding="utf-8")
    client = Client(release)
    assert client.request("POST", "/predict", json=row, headers=OUTSIDE).status_code == 401
    guard = Guard(["/predict"], {"ACCESS": str(rules)})
    assert guard.access.keys == ()
    write(rules, "settings.json", at=1, keys=False)
    guard.refresh()
    held = guard.access
    assert [name for name, _ in held.keys] == ["planning"]
    (rules / "settings.json").write_text(text + " ", encoding="utf-8")
    guard.refresh()
    assert guard.access is held


def read_code(kind: str) -> list[str]:
    """Return the examples of docs/callers.md in a language."""
    return re.findall(rf"^```{kind}\n(.*?)^```", (ROOT / "docs" / "callers.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_the_clients_of_the_page_do_what_it_says(bundles: tuple[Path, Path], golden: Golden, tmp_path: Path) -> None:
    give(tmp_path, "planning")
    write(tmp_path, "settings.json", at=1, keys=True)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "rows.json").write_text(json.dumps(golden["rows"]))
    inside = process.free_port()
    [curl] = [each.removeprefix("$ ") for each in read_code("console") if "curl" in each]
    clients = [sys.executable, "-c", read_code("python")[0]], ["bash", "-c", curl]
    assert len(clients[0][2].strip().splitlines()) <= 11
    with tempfile.TemporaryFile() as log, started(bundles[0], log, INSIDE=f"127.0.0.1:{inside}", ACCESS=str(tmp_path)) as (service, port):
        process.wait_ready(f"http://127.0.0.1:{inside}", lambda: service.poll() is None, lambda: process.format_log_end(log))
        for client in clients:
            for key, good in ((KEYS["planning"], True), (SECRET, False)):
                environment = {**os.environ, "URL": f"http://127.0.0.1:{port}", "KEY": key}
                done = subprocess.run(client, cwd=tmp_path / "work", env=environment, capture_output=True, text=True, check=False)
                assert (done.returncode == 0) == good, done.stderr
                said = done.stdout + done.stderr
                assert ("A key is needed" in said) != good
                answers = json.loads(done.stdout) if good else golden["answers"]
                assert same(answers["predictions"] if isinstance(answers, dict) else answers, golden["answers"])


def test_the_check_of_the_page_lets_in_who_has_signed_in(release: Release, row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    client, [_, example] = Client(release), read_code("python")
    monkeypatch.setattr("slipway.serving.app.create_app", lambda: client.app)
    made: dict[str, Any] = {}
    exec(example, made)  # noqa: S102  # our own page
    assert made["create"]() is client.app
    assert client.request("POST", "/predict", json=row).status_code == 200
    assert sentence(client.request("POST", "/predict", json=row, headers=OUTSIDE), 401) == "Sign in first."
    assert client.request("GET", "/healthz", headers=OUTSIDE).status_code == 200
    signed_in = OUTSIDE | {"x-auth-request-user": "ada"}
    assert client.request("POST", "/predict", json=row, headers=signed_in).status_code == 200
    assert client.request("GET", "/metrics", headers=signed_in).status_code == 404


def test_a_service_tells_its_ports_apart_and_takes_a_revocation_while_it_answers(
    bundles: tuple[Path, Path], golden: Golden, tmp_path: Path
) -> None:
    inside = process.free_port()
    for name in KEYS:
        give(tmp_path, name)
    write(tmp_path, "settings.json", at=1, keys=True)
    with tempfile.TemporaryFile() as log, started(bundles[0], log, INSIDE=f"127.0.0.1:{inside}", ACCESS=str(tmp_path)) as (service, port):
        process.wait_ready(f"http://127.0.0.1:{inside}", lambda: service.poll() is None, lambda: process.format_log_end(log))

        def ask(caller: str) -> httpx.Response:
            # The mark is the proxy's, where there is one: a caller who sends it is no less outside.
            headers = {"x-api-key": KEYS[caller], MARK.decode(): ""}
            return httpx.post(f"http://127.0.0.1:{port}/predict", json=golden["rows"], headers=headers)

        for path in ("/version", "/metrics", "/readyz"):
            assert httpx.get(f"http://127.0.0.1:{inside}{path}").status_code == 200
            assert httpx.get(f"http://127.0.0.1:{port}{path}").status_code == 404
        assert httpx.post(f"http://127.0.0.1:{inside}/predict", json=golden["rows"]).status_code == 200
        assert ask("planning").status_code == 200
        write(tmp_path, "key-planning.json", at=time.time(), sha256=None)

        def is_revoked() -> bool:
            other = ask("billing")
            assert same(other.raise_for_status().json()["predictions"], golden["answers"])
            return ask("planning").status_code == 401

        wait_until(is_revoked)
        log.seek(0)
        assert not any(key.encode() in log.read() for key in KEYS.values())
