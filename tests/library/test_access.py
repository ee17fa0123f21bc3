"""Who may ask: keys and routes belong to where releases run, and hold from release to release."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import model_validator

from slipway import http_client, project
from slipway.cli import ROOT
from slipway.doctor.host import check_callers
from slipway.errors import PipelineError
from slipway.operate import access
from slipway.project import Callers, Project
from slipway.serving import manifest
from slipway.serving.access import MARK, Settings
from slipway.serving.manifest import Manifest
from tests.conftest import Road
from tests.library.test_lifecycle import NO_FLOORS, _anything_goes, all_targets, pushed  # noqa: F401

OLD, A, B = "v1.0.0", "v1.1.0", "v1.2.0"
INSIDE_ONLY = ("/metrics", "/version", "/readyz", "/v1/models", "/nowhere")
# What a release from before this had instead.
BEFORE = {
    "app.py": ("    app.add_middleware(AccessControl, guard=guard)\n", ""),
    "__main__.py": ('if inside := os.environ.get("INSIDE")', 'if inside := ""'),
}
AT = project.load(ROOT)


def configure(at: Project, **callers: Any) -> Project:
    """Return a project with other settings of [callers]."""
    return replace(at, callers=Callers(**callers))


def test_settings_are_written_where_they_differ_and_as_the_service_reads_them() -> None:
    assert MARK.decode() == access.MARK
    first = access.find_change(configure(AT), {})
    assert first
    assert Settings(**first) == Settings(at=first["at"])  # what the service does without them is the default of project.toml
    files = {access.SETTINGS: json.dumps(first)}
    assert access.find_change(configure(AT), files) is None
    second = access.find_change(configure(AT, routes=("/version",), keys=True, per_second=3), files)
    assert second
    assert Settings(**second) == Settings(at=second["at"], routes=["/version"], keys=True, per_second=3)
    assert second["at"] > first["at"]


def test_a_proxy_that_marks_nobody_is_refused(tmp_path: Path) -> None:
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "haproxy.cfg").write_text("frontend callers\n  bind :8000$tls\n", encoding="utf-8")
    with pytest.raises(PipelineError, match=r"does not mark callers.*Nothing was changed\. Next: in its frontend callers, http-request"):
        access.find_change(replace(configure(AT, keys=True), root=tmp_path), {})
    assert access.find_change(replace(configure(AT, keys=True), root=tmp_path, target="local"), {})
    assert access.find_change(replace(AT, root=tmp_path), {})  # as it was before, where nothing is asked for


def test_what_is_written_is_newer_whatever_the_clocks_say() -> None:
    ahead = time.time() + 3600
    assert access.choose_time({"key-other.json": json.dumps({"at": ahead}), access.USED: "{}"}) > ahead
    assert time.time() - 60 < access.choose_time({}) < ahead


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('routes = ["predict", "metrics"]', "[callers] routes = ('predict', 'metrics')"),
        ("keys = 1", "[callers] keys = 1"),
        ("per_second = -1", "[callers] per_second = -1"),
        ("key = true", "[callers] key in"),
    ],
)
def test_settings_that_mean_nothing_are_refused(text: str, found: str, tmp_path: Path) -> None:
    whole = (ROOT / "project.toml").read_text(encoding="utf-8")
    (tmp_path / "project.toml").write_text(
        re.sub(r"\[callers\].*?\n\n", f"[callers]\n{text}\n\n", whole, flags=re.DOTALL), encoding="utf-8"
    )
    with pytest.raises(PipelineError, match=re.escape(found)):
        project.load(tmp_path)


def test_staging_may_ask_for_keys_of_its_own(tmp_path: Path) -> None:
    whole = (ROOT / "project.toml").read_text(encoding="utf-8")
    (tmp_path / "project.toml").write_text(f"{whole}\n[environments.staging.callers]\nkeys = true\n", encoding="utf-8")
    assert (project.load(tmp_path).callers.keys, project.load(tmp_path, environment="staging").callers.keys) == (False, True)


@pytest.mark.parametrize(
    ("address", "keys", "state"),
    [
        ("127.0.0.1:8080", False, "ok"),
        ("0.0.0.0:80", False, "to mend"),
        ("demand.example:80", False, "to mend"),
        ("0.0.0.0:80", True, "ok"),
    ],
)
def test_the_doctor_asks_for_keys_where_the_address_is_public(address: str, keys: bool, state: str) -> None:
    assert check_callers(replace(configure(AT, keys=keys), address=address)).state == state


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add",), r"add has no name\. Expected: a caller's, as planning\. .* Next: \./run keys add planning\."),
        (("revoke",), r"revoke has no name\. .* Next: \./run keys list\."),
        (("list", "planning"), r"list takes no name, found 'planning'\. Expected: nothing behind it\. .* Next: \./run keys list\."),
        (("apply", "planning"), r"apply takes no name, .* Next: \./run keys apply\."),
    ],
)
def test_a_verb_with_half_of_its_words_does_nothing(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(PipelineError, match=rf"^\./run keys {said}$"):
        access.keys(AT, *words)


# --- on each target


class Before(Manifest):
    """The manifest of a release from before."""

    @model_validator(mode="after")
    def forget(self) -> "Before":
        """Say nothing of what it cannot do."""
        self.access_control = False
        return self


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Road:
    """Three releases, the first from before callers were told apart."""
    road = Road.copied(tmp_path_factory.mktemp("road") / "project", replicas=2)
    (road.root / "validation" / "thresholds.toml").write_text(NO_FLOORS)
    serving = road.root / "slipway" / "serving"
    now = {name: (serving / name).read_text(encoding="utf-8") for name in BEFORE}
    for name, (line, by) in BEFORE.items():
        assert now[name].count(line) == 1
        (serving / name).write_text(now[name].replace(line, by), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest, "Manifest", Before)
        road.make(OLD)
    for name, text in now.items():
        (serving / name).write_text(text, encoding="utf-8")
    road.make(A, champion=str(road.kept(OLD) / "bundle"))
    road.make(B, champion=str(road.kept(A) / "bundle"))
    return road


@pytest.fixture(scope="module", params=all_targets)
def road(made: Road, request: pytest.FixtureRequest) -> Iterator[Road]:
    """The releases on a target, on which nothing is deployed yet."""
    with pushed(made, request, OLD, A, B) as road:
        yield road


def write_callers(road: Road, **callers: Any) -> None:
    """Change [callers] in project.toml."""
    path = road.root / "project.toml"
    text = path.read_text(encoding="utf-8").partition("\n[callers]")[0]
    path.write_text("\n".join([text, "[callers]", *(f"{name} = {json.dumps(value)}" for name, value in callers.items()), ""]))
    road.commit("Other callers")


def add_key(road: Road, name: str) -> str:
    """Give a caller a key."""
    found = re.findall(r"slipway_[\w-]{43}", road.must("keys", "add", name).out)
    assert len(found) == 1
    return str(found[0])


def ask(road: Road, key: str = "", client: httpx.Client | None = None) -> httpx.Response:
    """Ask at the public address."""
    rows = json.loads((road.kept(A) / "bundle" / "golden.json").read_bytes())["rows"]
    headers = {"x-api-key": key} if key else {}
    post = client.post if client else httpx.post
    return post(f"{road.url}/predict", json=rows[:1], headers=headers, timeout=30)


@contextmanager
def steadily(road: Road, key: str = "") -> Iterator[None]:
    """Ask all the time, over a connection that is kept; each request has to be answered well."""
    stop, failed, codes = threading.Event(), list[str](), list[int]()

    def send() -> None:
        with http_client.open_client(road.url) as client:
            while not stop.wait(0.1):
                try:
                    answered = ask(road, key, client)
                    codes.append(answered.status_code)
                    if answered.status_code != 200:
                        failed.append(f"{answered.status_code}: {answered.text[:100]}")
                except httpx.HTTPError as error:
                    failed.append(repr(error))

    threads = [threading.Thread(target=send) for _ in range(2)]
    for each in threads:
        each.start()
    try:
        yield
    finally:
        stop.set()
        for each in threads:
            each.join()
    assert failed == []
    assert len(codes) > 10


def list_codes(road: Road, *paths: str, **headers: str) -> set[int]:
    """Return how paths are answered at the public address."""
    return {httpx.get(f"{road.url}{path}", headers=headers).status_code for path in paths}


@pytest.mark.road
def test_routes_and_keys_hold_from_release_to_release(road: Road) -> None:
    road.checkout("main")
    write_callers(road)
    road.must("deploy", OLD)
    with steadily(road):
        road.must("deploy", A)
    if road.target == "local":  # the process that holds the address is the old release's until then
        assert list_codes(road, "/metrics") == {200}
        road.must("down")
        road.must("deploy", A)
    assert list_codes(road, *INSIDE_ONLY) == {404}
    # The mark is the proxy's, and nobody takes it off.
    assert list_codes(road, "/metrics", connection=MARK.decode()) == list_codes(road, "/metrics", **{MARK.decode(): ""}) == {404}
    assert list_codes(road, "/healthz", "/docs", "/openapi.json") == {200}
    road.serves(A)

    planning, billing = add_key(road, "planning"), add_key(road, "billing")
    assert ask(road).status_code == 200
    write_callers(road, keys=True, routes=["predict", "/healthz", "/v1/models"])
    road.must("keys", "apply")
    assert [ask(road, key).status_code for key in ("", "slipway_of-nobody", planning, billing)] == [401, 401, 200, 200]
    assert (list_codes(road, "/docs"), list_codes(road, "/v1/models", **{"x-api-key": billing})) == ({404}, {200})
    with steadily(road, billing):
        road.must("keys", "revoke", "planning")
        assert {ask(road, planning).status_code for _ in range(20)} == {401}
        road.must("deploy", B)
        assert {ask(road, planning).status_code for _ in range(20)} == {401}
        road.must("rollback", "--reason", "a revoked key stays revoked")
        assert {ask(road, planning).status_code for _ in range(20)} == {401}
        refused = road.run("keys", "add", "billing")
        assert "'billing' has a key already" in refused.text
        look_at_what_is_kept(road, planning, billing)
        warned = road.must("rollback", "--to", OLD, "--reason", "further").err
    assert f"{OLD} was built before keys existed: every route answers at the public address" in warned
    assert list_codes(road, "/metrics") == {200}


def look_at_what_is_kept(road: Road, *keys: str) -> None:
    """Look at what is known of callers, which is never a key."""
    listed = road.must("keys", "list").out
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert re.search(rf"billing +\| made [^|]+ \({today}\) +\| {today}", listed), listed
    assert re.search(rf"planning +\| revoked {today} by \S+ +\| {today}", listed), listed
    counted = " ".join(text for [text] in road.place.ask_live(("/metrics", None)).values())
    assert 'ml_caller_requests_total{caller="billing",code="200"}' in counted
    assert 'ml_caller_requests_total{caller="(unknown)",code="401"}' in counted
    assert not any(key in listed + counted + json.dumps(road.place.read_access()) for key in keys)
