"""Who is asked by way of a proxy, and that clients are made in one place."""

import ast
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from slipway import http_client
from slipway.errors import PipelineError
from slipway.operate import docker_engine

ROOT = Path(__file__).resolve().parents[2]
NAMES = [each for name in http_client.VARIABLES for each in (name, name.lower())]
NOBODY = "http://127.0.0.1:9"
SOCKS = "socks5h://user:secret@127.0.0.1:9"
OWN = ["127.0.0.1", "127.9.8.7", "127.1", "localhost", "LOCALHOST.", "a.localhost", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]"]


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*NAMES, "NO_PROXY", "no_proxy"]:
        monkeypatch.setenv(name, "")  # so that what is set here goes away with the test
        monkeypatch.delenv(name)


class Answering(BaseHTTPRequestHandler):
    """Answers each request with the line that it was asked by."""

    def do_GET(self) -> None:
        content = json.dumps({"ApiVersion": "1.44", "asked": self.path}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def set_all(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, proxy)


@pytest.mark.parametrize("host", OWN)
@pytest.mark.parametrize("proxy", [NOBODY, "127.0.0.1:9", SOCKS, "ftp://x", "http://127.0.0.1:port"])
def test_the_loopback_is_asked_by_way_of_no_proxy(monkeypatch: pytest.MonkeyPatch, host: str, proxy: str) -> None:
    set_all(monkeypatch, proxy)
    assert http_client.find_proxy(f"http://{host}:5000/x") is None
    http_client.open_client(f"http://{host}:5000").close()


def test_an_address_of_this_machine_is_its_own_and_another_is_not() -> None:
    for each in http_client._list_addresses():
        assert http_client.is_this_machine(f"http://[{each}]:1" if ":" in each else f"http://{each}:1")
    assert not any(
        http_client.is_this_machine(each) for each in ("http://192.0.2.1:80", "https://api.github.com", "http://localhost.example", "x", "")
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_service_of_this_machine_answers_whatever_the_variables_say(monkeypatch: pytest.MonkeyPatch, port: int, name: str) -> None:
    for proxy in (NOBODY, SOCKS):
        monkeypatch.setenv(name, proxy)
        assert http_client.send_request("GET", f"http://127.0.0.1:{port}/a", 5).json()["asked"] == "/a"
        with http_client.open_client(f"http://localhost:{port}", timeout=5) as client:
            assert client.get("/b").json()["asked"] == "/b"


def test_others_are_asked_by_way_of_the_proxy_for_their_scheme(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{port}")  # as people write it, without its scheme
    monkeypatch.setenv("ALL_PROXY", SOCKS)  # is not looked at for http then
    assert http_client.send_request("GET", "http://mlflow.invalid/health", 5).json()["asked"] == "http://mlflow.invalid/health"
    assert http_client.find_proxy("https://api.github.com") == SOCKS


def test_a_proxy_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://user:secret@127.0.0.1:9")
    with pytest.raises(httpx.ConnectError, match=r"refused through http://127\.0\.0\.1:9, the proxy that the environment variables name"):
        http_client.send_request("GET", "http://mlflow.invalid/health", 5)


@pytest.mark.parametrize("spared", ["*", "mlflow.invalid", ".invalid", "192.0.2.0/24"])
def test_no_proxy_is_heeded(monkeypatch: pytest.MonkeyPatch, spared: str) -> None:
    set_all(monkeypatch, NOBODY)
    monkeypatch.setenv("NO_PROXY", spared)
    url = "http://192.0.2.7" if "/" in spared else "http://mlflow.invalid"
    assert http_client.find_proxy(url) is None
    assert spared == "*" or http_client.find_proxy("http://other.example") == NOBODY


@pytest.mark.parametrize("proxy", [SOCKS, "ftp://user:secret@proxy.example", "http://user:secret@proxy.example:port"])
def test_a_proxy_that_cannot_be_used_is_a_sentence_without_its_password(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    set_all(monkeypatch, proxy)
    with pytest.raises(PipelineError, match=r"api\.github\.com cannot be asked through .*Expected: .*Next: set .*NO_PROXY=") as raised:
        http_client.open_client("https://api.github.com")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("url", ["http://[::1", "http://host:port", "http://a\nb"])
def test_what_is_no_url_is_a_sentence(url: str) -> None:
    with pytest.raises(PipelineError, match=r"is not an address: .*Expected: http://HOST:PORT"):
        http_client.open_client(url)


@pytest.mark.parametrize("before", [{}, {"NO_PROXY": "a.example"}, {"no_proxy": "a.example, b.example"}, {"NO_PROXY": "*"}])
def test_libraries_that_look_for_proxies_themselves_spare_the_loopback(
    monkeypatch: pytest.MonkeyPatch, port: int, before: dict[str, str]
) -> None:
    import requests

    set_all(monkeypatch, NOBODY)
    for name, value in before.items():
        monkeypatch.setenv(name, value)
    http_client.bypass_proxy(f"http://127.9.9.9:{port}")
    assert requests.get(f"http://localhost:{port}/x", timeout=5).json()["asked"] == "/x"
    kept = {each for value in before.values() for each in value.replace(" ", "").split(",")}
    for name in ("NO_PROXY", "no_proxy") if "*" not in kept else ():
        assert {*kept, "127.9.9.9"} <= set(os.environ[name].split(","))


def test_without_proxies_nothing_is_set() -> None:
    http_client.bypass_proxy("http://127.0.0.1:1")
    assert "NO_PROXY" not in os.environ


@pytest.mark.parametrize("proxy", [NOBODY, SOCKS])
def test_an_engine_of_this_machine_is_asked_by_way_of_no_proxy(monkeypatch: pytest.MonkeyPatch, port: int, proxy: str) -> None:
    set_all(monkeypatch, proxy)
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
    client = docker_engine.connect()
    assert client.version(api_version=False)["asked"] == "/version"
    client.close()


def calls(path: Path) -> Iterator[str]:
    """Yield what a module calls of the libraries for HTTP, as MODULE.NAME."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in LIBRARIES:
            yield from (f"{node.module}.{each.name}" for each in node.names)
        if isinstance(node, ast.Import):
            yield from (f"{each.name}." for each in node.names if each.name in ("urllib.request", "http.client", "urllib3", "requests"))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            yield f"{node.func.value.id}.{node.func.attr}"


LIBRARIES = ("httpx", "requests", "urllib.request", "urllib3", "http.client")
MAKING = {
    "Client",
    "AsyncClient",
    "get",
    "post",
    "put",
    "patch",
    "delete",
    "head",
    "options",
    "request",
    "stream",
    "Session",
    "session",
    "",
}


def test_clients_are_made_in_one_place() -> None:
    made = {
        f"{path.relative_to(ROOT).as_posix()}: {name}"
        for room in ("pipeline", "service", "slipway", "model")
        for path in (ROOT / room).rglob("*.py")
        for name in calls(path)
        if name.rpartition(".")[0] in LIBRARIES and name.rpartition(".")[2] in MAKING
    }
    assert made == {"slipway/http_client.py: httpx.Client"}
