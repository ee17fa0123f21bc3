"""A release answers as it was trained to, refuses what is not declared, does not start when a byte of it changed, and leaves quietly."""

import asyncio
import dataclasses
import http.client
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

import httpx
import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from model import data, estimator, features
from pipeline import process, repository, rules, skops_file, train
from pipeline.project import Bake, Project
from service import app, metrics
from service.answers import answer, records
from service.drain import Drain
from service.manifest import canonical, sha256
from service.release import Release, ReleaseError, load

ROOT = Path(__file__).resolve().parents[1]
# What a project needs to write a bundle.
NEEDED = ("data/train.csv", "requirements/serve.txt", "validation/reference.csv", "validation/thresholds.toml")
FILES = ("config.toml", "golden.json", "model.skops")
SOME = 400
MAX_ROWS = 50
DRAIN_SECONDS = 2.0
COLUMNS = list(features.Row.model_fields)
# What no answer may repeat, as a word and as a number far from any declared range.
SECRET, FAR = "secret-770077", 770077
NUMERIC = ("integer", "number")
GOLDEN_REFUSAL = re.compile(r"The golden rows are answered \S+ off what was recorded at training, expected at most 1e-09\.")
Golden = dict[str, Any]
Row = dict[str, Any]


def declared(name: str) -> dict[str, Any]:
    """Return the JSON schema of a field; of one that may be missing, that of its value."""
    schema = features.Row.model_json_schema()["properties"][name]
    return next((each for each in schema.get("anyOf", []) if each.get("type") != "null"), schema)


def may_be_missing(name: str) -> bool:
    """Tell whether a field may be null."""
    return any(each.get("type") == "null" for each in features.Row.model_json_schema()["properties"][name].get("anyOf", []))


def outside() -> Iterator[tuple[str, Any]]:
    """Yield fields with values of the right type and outside of what is declared."""
    for name in COLUMNS:
        schema = declared(name)
        if {"enum", "const"} & set(schema):
            yield name, FAR if schema.get("type") in NUMERIC else SECRET
        if {"minimum", "exclusiveMinimum"} & set(schema):
            yield name, -FAR
        if {"maximum", "exclusiveMaximum"} & set(schema):
            yield name, FAR


def make(project: Project, rows: pd.DataFrame, folder: Path) -> Path:
    """Train on some rows and write a bundle; on one thread, since on a busy machine several wait for each other."""
    folder.mkdir()
    with threadpool_limits(limits=1):
        fitted = estimator.build().fit(rows[COLUMNS], rows[features.TARGET])
    manifest = train.write(project, folder, fitted, rows, data.load(project.root / "validation/reference.csv"), rules.of(project))
    (folder / "manifest.json").write_bytes(canonical(manifest.model_dump(mode="json")))
    return folder


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A small git repository with what training needs."""
    root = tmp_path_factory.mktemp("project")
    for name in NEEDED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, root / name)
    (root / "service").mkdir()
    (root / "service" / "config.toml").write_text(f"max_rows = {MAX_ROWS}\ndrain_seconds = {DRAIN_SECONDS}\n", encoding="utf-8")
    for command in (["init", "--initial-branch=main"], ["add", "--all"], ["commit", "--message=all"]):
        repository.git(root, *command)
    return Project(root, "small", "registry.invalid/small", "local", "127.0.0.1:1", 250, 1000, Bake(0, 0.01, 1000))


@pytest.fixture(scope="session")
def bundles(project: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two bundles, learnt from different rows."""
    folder, rows = tmp_path_factory.mktemp("bundles"), data.load(project.train_data).sample(frac=1, random_state=0)
    some = min(SOME, len(rows) // 2)
    return make(project, rows.head(some), folder / "one"), make(project, rows.tail(some), folder / "other")


@pytest.fixture(scope="session")
def release(bundles: tuple[Path, Path]) -> Release:
    """The first bundle, loaded and named."""
    return dataclasses.replace(load(bundles[0]), tag="v9.8.7", digest="sha256:abc")


@pytest.fixture(scope="session")
def golden(bundles: tuple[Path, Path]) -> Golden:
    """The golden rows and their answers."""
    read: Golden = json.loads((bundles[0] / "golden.json").read_bytes())
    return read


@pytest.fixture(scope="session")
def row(golden: Golden) -> Row:
    """A row that may be asked."""
    first: Row = golden["rows"][0]
    return first


@pytest.fixture
def folder(bundles: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the first bundle, to be damaged."""
    return Path(shutil.copytree(bundles[0], tmp_path / "release"))


class Client:
    """Asks an app in this process."""

    def __init__(self, release: Release) -> None:
        self.drain = Drain()
        self.app = app.build(release, self.drain)

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        """Send one request."""

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://release.invalid") as client:
                return await client.request(method, path, **given)

        return asyncio.run(asked())

    def get(self, path: str) -> httpx.Response:
        """Get a path."""
        return self.request("GET", path)

    def predict(self, body: Any) -> httpx.Response:
        """Ask for predictions; NaN and Infinity are sent as Python spells them."""
        return self.request("POST", "/predict", content=json.dumps(body), headers={"content-type": "application/json"})

    def refused(self, body: Any, code: int = 422) -> str:
        """Ask with what must be refused, and return the sentence that says why."""
        return sentence(self.predict(body), code)


def sentence(response: httpx.Response, code: int) -> str:
    """Return the sentence of an error, which has the one shape and repeats nothing of what was sent."""
    assert response.status_code == code, response.text
    assert list(response.json()) == ["error"]
    said = response.json()["error"]
    assert isinstance(said, str)
    assert SECRET not in said
    assert str(FAR) not in said
    return said


@pytest.fixture
def client(release: Release) -> Client:
    """A client of the first release."""
    return Client(release)


# --- answers


def test_one_row_gets_one_answer(client: Client, golden: Golden) -> None:
    assert client.predict(golden["rows"][0]).json()["predictions"] == golden["answers"][:1]


def test_many_rows_are_answered_in_their_order(client: Client, golden: Golden) -> None:
    assert client.predict(golden["rows"][::-1]).json()["predictions"] == golden["answers"][::-1]


def test_the_service_answers_what_the_pipeline_answers(client: Client, release: Release) -> None:
    reference = data.load(ROOT / "validation" / "reference.csv")[COLUMNS].tail(MAX_ROWS)
    assert client.predict(records(reference)).json()["predictions"] == answer(release.pipeline, reference, features.TASK).tolist()


def test_the_order_of_the_fields_does_not_matter(client: Client, golden: Golden) -> None:
    turned = dict(reversed(golden["rows"][0].items()))
    assert client.predict(turned).json()["predictions"] == golden["answers"][:1]


@pytest.mark.parametrize("name", COLUMNS)
def test_null_is_taken_only_where_a_value_may_be_missing(client: Client, row: Row, name: str) -> None:
    response = client.predict({**row, name: None})
    assert response.status_code == (200 if may_be_missing(name) else 422), response.text


def test_a_regression_has_no_labels_and_a_classification_the_likeliest(release: Release) -> None:
    def classifying(*classes: str) -> Release:
        model = release.manifest.model.model_copy(update={"classes": list(classes)})
        return dataclasses.replace(release, manifest=release.manifest.model_copy(update={"model": model}))

    assert app.labels(classifying("no", "yes"), np.array([0.2, 0.8])) == ["no", "yes"]
    assert app.labels(classifying("a", "b", "c"), np.array([[0.1, 0.2, 0.7], [0.5, 0.4, 0.1]])) == ["c", "a"]
    model = release.manifest.model.model_copy(update={"classes": None})
    manifest = release.manifest.model_copy(update={"model": model})
    assert app.labels(dataclasses.replace(release, manifest=manifest), np.array([1.0])) is None


class Fake:
    """A pipeline that answers what it is told to, or fails."""

    def __init__(self, probabilities: list[list[float]]) -> None:
        self.probabilities = probabilities

    def predict(self, rows: pd.DataFrame) -> list[float]:
        """Fail."""
        raise RuntimeError(f"{SECRET} in {len(rows)} rows")

    def predict_proba(self, rows: pd.DataFrame) -> list[list[float]]:
        """Answer as told."""
        return self.probabilities[: len(rows)]


def test_a_binary_task_answers_the_second_class_and_a_multiclass_one_all() -> None:
    rows, probabilities = pd.DataFrame({"x": [1, 2]}), [[0.9, 0.1], [0.3, 0.7]]
    assert answer(Fake(probabilities), rows, "binary").tolist() == [0.1, 0.7]
    assert answer(Fake(probabilities), rows, "multiclass").tolist() == probabilities


def test_records_keep_every_digit_and_write_what_is_missing_as_null() -> None:
    rows = pd.DataFrame({"number": [0.1 + 0.2, float("nan")], "word": ["a", None], "count": [1, 2]})
    assert records(rows) == [{"number": 0.1 + 0.2, "word": "a", "count": 1}, {"number": None, "word": None, "count": 2}]


# --- what else it says


def test_version_is_the_manifest(client: Client, bundles: tuple[Path, Path]) -> None:
    written = (bundles[0] / "manifest.json").read_bytes()
    assert client.get("/version").json() == {
        "tag": "v9.8.7",
        "digest": "sha256:abc",
        "manifest_sha256": sha256(written),
        "manifest": json.loads(written),
    }


def test_the_manifest_names_its_commit_and_its_files(release: Release, project: Project, bundles: tuple[Path, Path]) -> None:
    manifest = release.manifest
    assert (manifest.commit, manifest.dirty) == (repository.head(project.root), False)
    named = {part.file: part.sha256 for part in (manifest.config, manifest.golden, manifest.model)}
    assert named == {name: sha256((bundles[0] / name).read_bytes()) for name in FILES}


def test_a_release_that_serves_is_alive_and_ready(client: Client, release: Release) -> None:
    assert client.get("/healthz").json() == {"alive": True}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["ready"], ready.json()["manifest_sha256"]) == (200, True, release.manifest_sha256)


def test_a_draining_release_still_answers_and_tells_callers_to_leave(client: Client, row: Row) -> None:
    assert "connection" not in client.predict(row).headers
    client.drain.on = True
    answered, ready = client.predict(row), client.get("/readyz")
    assert (answered.status_code, answered.headers["connection"]) == (200, "close")
    assert (ready.status_code, ready.json()["ready"], ready.headers["connection"]) == (503, False, "close")
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/version", "/nowhere"])
def test_every_answer_names_its_release(client: Client, path: str) -> None:
    headers = client.get(path).headers
    assert (headers["x-release"], headers["x-release-digest"]) == ("v9.8.7", "sha256:abc")


def counted(client: Client, route: str, code: int) -> float:
    """Return how often a route was answered with a code."""
    found = re.search(rf'^ml_requests_total{{code="{code}",route="{route}"}} (.+)$', client.get("/metrics").text, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def test_metrics_count_answers_by_route_and_never_by_a_callers_path(client: Client, row: Row) -> None:
    routes = (("/predict", 200), ("/predict", 422), ("none", 404))
    before = [counted(client, *each) for each in routes]
    client.predict(row)
    client.predict([])
    client.get(f"/{SECRET}")
    assert [counted(client, *each) for each in routes] == [number + 1 for number in before]
    assert SECRET not in client.get("/metrics").text


def test_metrics_name_the_release_once_it_is_announced(client: Client, release: Release) -> None:
    metrics.announce(release)
    [line] = [line for line in client.get("/metrics").text.splitlines() if line.startswith("ml_release_info{") and "v9.8.7" in line]
    assert line.endswith(" 1.0")
    assert f'model_sha256="{release.manifest.model.sha256}"' in line


def test_the_interface_is_described_with_every_field(client: Client) -> None:
    described = client.get("/openapi.json").json()["components"]["schemas"]
    assert list(described[features.Row.__name__]["properties"]) == COLUMNS
    assert client.get("/docs").status_code == 200


# --- errors


@pytest.mark.parametrize("name", COLUMNS)
def test_a_missing_field_is_named(client: Client, row: Row, name: str) -> None:
    assert client.refused({key: value for key, value in row.items() if key != name}) == f"{name}: Field required"


def test_an_undeclared_field_is_refused_without_its_name(client: Client, row: Row) -> None:
    assert client.refused({**row, SECRET: SECRET}) == "the request: Extra inputs are not permitted"


@pytest.mark.parametrize(("name", "value"), list(outside()))
def test_a_value_outside_of_what_is_declared_is_refused_at_its_place(client: Client, row: Row, name: str, value: Any) -> None:
    assert client.refused({**row, name: value}).startswith(f"{name}: Input should be ")
    assert client.refused([row, {**row, name: value}]).startswith(f"row 1, {name}: Input should be ")


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("value", [{SECRET: SECRET}, [SECRET]], ids=["object", "list"])
def test_a_value_of_another_type_is_refused(client: Client, row: Row, name: str, value: Any) -> None:
    assert client.refused({**row, name: value}).startswith(f"{name}: ")


@pytest.mark.parametrize("name", COLUMNS)
def test_types_are_not_guessed(client: Client, row: Row, name: str) -> None:
    spelt = str(row[name]) if declared(name).get("type") in NUMERIC else FAR
    assert client.refused({**row, name: spelt}).startswith(f"{name}: ")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")], ids=str)
@pytest.mark.parametrize("name", [name for name in COLUMNS if declared(name).get("type") in NUMERIC])
def test_what_is_no_finite_number_is_refused(client: Client, row: Row, name: str, value: float) -> None:
    assert client.refused({**row, name: value}).startswith(f"{name}: ")


@pytest.mark.parametrize("body", [SECRET, FAR, None, [SECRET], [[]], {}], ids=repr)
def test_what_is_neither_a_row_nor_rows_is_refused(client: Client, body: Any) -> None:
    assert client.refused(body)


def test_no_rows_are_refused(client: Client) -> None:
    assert client.refused([]) == "the request: List should have at least 1 item after validation, not 0"


def test_many_errors_are_counted_not_listed(client: Client) -> None:
    said = client.refused([{}] * 10)
    assert said.startswith(f"row 0, {COLUMNS[0]}: Field required; ")
    assert said.endswith(f"; and {10 * len(COLUMNS) - 5} more")


def test_too_many_rows_are_told_the_limit(client: Client, row: Row) -> None:
    assert client.predict([row] * MAX_ROWS).status_code == 200
    said = client.refused([row] * (MAX_ROWS + 1), 413)
    assert said == f"{MAX_ROWS + 1} rows in one request; at most {MAX_ROWS}. Send them in several requests."


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b'{"' + SECRET.encode() + b'":', 422, "the request: JSON decode error"),
        (b"", 422, "the request: Field required"),
        (b'"\xff"', 400, "There was an error parsing the body"),
        (b"[" * 100_000, 400, "There was an error parsing the body"),
    ],
    ids=["cut off", "empty", "no UTF-8", "too deep"],
)
def test_what_is_no_json_is_refused(client: Client, content: bytes, code: int, said: str) -> None:
    response = client.request("POST", "/predict", content=content, headers={"content-type": "application/json"})
    assert sentence(response, code) == said


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [("GET", f"/{SECRET}", 404), ("POST", "/version", 405), ("GET", "/predict", 405), ("DELETE", "/predict", 405)],
)
def test_an_unknown_path_or_method_has_the_same_shape(client: Client, method: str, path: str, code: int) -> None:
    sentence(client.request(method, path), code)


def test_a_failure_of_our_own_has_the_same_shape(release: Release, row: Row) -> None:
    manifest = release.manifest.model_copy(update={"task": "regression"})
    broken = Client(dataclasses.replace(release, pipeline=Fake([]), manifest=manifest))
    assert broken.refused(row, 500) == "The service failed; its log says why."


# --- what is not loaded


def rewrite(folder: Path, part: str = "", **changed: Any) -> None:
    """Change entries of a manifest; of a part, make its hash that of its file."""
    path = folder / "manifest.json"
    manifest = {**json.loads(path.read_bytes()), **changed}
    if part:
        manifest[part]["sha256"] = sha256((folder / manifest[part]["file"]).read_bytes())
    path.write_bytes(canonical(manifest))


def refusal(folder: Path) -> str:
    """Return why a release is not loaded."""
    with pytest.raises(ReleaseError) as refused:
        load(folder)
    return str(refused.value)


def test_a_whole_release_is_loaded(folder: Path) -> None:
    assert load(folder).golden_difference == 0


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0, 0.5, 1], ids=["first", "middle", "last"])
def test_one_changed_byte_is_noticed(folder: Path, name: str, place: float) -> None:
    content = bytearray((folder / name).read_bytes())
    content[int(place * (len(content) - 1))] ^= 1
    (folder / name).write_bytes(content)
    said = f"{name} in {folder} has sha256 {sha256(bytes(content))}, the manifest says "
    assert refusal(folder).startswith(said)
    assert refusal(folder).endswith(": it was changed.")


def test_a_changed_manifest_is_another_release(folder: Path, release: Release) -> None:
    rewrite(folder, created_at="2001-01-01T00:00:00+00:00")
    assert load(folder).manifest_sha256 != release.manifest_sha256


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    said = refusal(folder)
    assert said.startswith(f"The release in {folder} cannot be read: ")
    assert name in said


def test_a_misspelt_entry_of_the_manifest_is_named(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"trivial"', b'"trivail"'))
    said = refusal(folder)
    assert "trivial\n  Field required" in said
    assert "trivail\n  Extra inputs are not permitted" in said


def test_a_manifest_of_a_later_schema_is_refused(folder: Path) -> None:
    rewrite(folder, schema_version=2)
    assert "schema_version\n  Input should be 1" in refusal(folder)


def test_a_misspelt_setting_is_refused_even_if_the_manifest_agrees(folder: Path) -> None:
    with (folder / "config.toml").open("a", encoding="utf-8") as file:
        file.write("max_row = 1\n")
    rewrite(folder, "config")
    assert "max_row\n  Extra inputs are not permitted" in refusal(folder)


def test_another_releases_model_is_refused(folder: Path, bundles: tuple[Path, Path]) -> None:
    shutil.copyfile(bundles[1] / "model.skops", folder / "model.skops")
    assert refusal(folder).startswith(f"model.skops in {folder} has sha256 ")


def test_another_releases_model_under_the_right_hash_does_not_give_the_golden_answers(folder: Path, bundles: tuple[Path, Path]) -> None:
    shutil.copyfile(bundles[1] / "model.skops", folder / "model.skops")
    rewrite(folder, "model")
    assert GOLDEN_REFUSAL.fullmatch(refusal(folder))


def test_edited_golden_answers_under_the_right_hash_are_not_given(folder: Path, golden: Golden) -> None:
    answers = np.asarray(golden["answers"])
    answers.flat[-1] += 1e-6
    (folder / "golden.json").write_bytes(canonical({**golden, "answers": answers.tolist()}))
    rewrite(folder, "golden")
    assert GOLDEN_REFUSAL.fullmatch(refusal(folder))


def test_fewer_golden_answers_than_rows_are_refused(folder: Path, golden: Golden) -> None:
    (folder / "golden.json").write_bytes(canonical({**golden, "answers": golden["answers"][:-1]}))
    rewrite(folder, "golden")
    assert GOLDEN_REFUSAL.fullmatch(refusal(folder))


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        """Return what unpickling calls."""
        return os.mkdir, (str(self.path),)


def test_a_pickle_is_refused_and_not_executed(folder: Path, tmp_path: Path) -> None:
    (folder / "model.skops").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    rewrite(folder, "model")
    assert refusal(folder).startswith(f"{folder / 'model.skops'} is not a model that may be loaded: ")
    assert not (tmp_path / "sprung").exists()


def test_a_skops_file_with_a_type_that_is_not_trusted_is_refused_by_its_name(folder: Path) -> None:
    skops_file.save(FunctionTransformer(os.system), folder / "model.skops")
    rewrite(folder, "model")
    assert f"Untrusted types found in the file: ['{os.system.__module__}.system']" in refusal(folder)


def test_a_release_has_its_name_from_its_deployment_or_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (load(folder).tag, load(folder).digest) == ("none", "none")
    (folder.parent / "deployment.json").write_text(json.dumps({"tag": "v1", "digest": "sha256:1"}), encoding="utf-8")
    assert (load(folder).tag, load(folder).digest) == ("v1", "sha256:1")
    monkeypatch.setenv("RELEASE_TAG", "v2")
    monkeypatch.setenv("RELEASE_DIGEST", "sha256:2")
    assert (load(folder).tag, load(folder).digest) == ("v2", "sha256:2")


# --- as a process


@pytest.mark.parametrize(("seconds", "stops"), [(0, True), (3600, False)], ids=["over", "not over"])
def test_the_servers_own_handler_runs_when_the_pause_is_over(seconds: float, stops: bool) -> None:
    drain, stopped = Drain(), list[int]()

    async def terminated() -> None:
        drain.install(seconds)
        signal.raise_signal(signal.SIGTERM)
        assert (drain.on, stopped) == (True, [])
        for _ in range(10):  # rounds of the event loop
            await asyncio.sleep(0)

    before = signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    try:
        asyncio.run(terminated())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert stopped == [signal.SIGTERM] * stops


class Listening:
    """A server as uvicorn has it: its handler is a method, and it knows its listeners."""

    def __init__(self) -> None:
        self.servers, self.closed = [self], False

    def close(self) -> None:
        self.closed = True

    def handle_exit(self, *_: object) -> None:
        """End, some time."""


@pytest.mark.parametrize("shared", [True, False])
def test_who_shares_its_socket_stops_taking_callers_before_it_ends(shared: bool) -> None:
    server = Listening()

    async def terminated() -> None:
        Drain().install(3600, shared)
        signal.raise_signal(signal.SIGTERM)
        for _ in range(10):  # rounds of the event loop
            await asyncio.sleep(0)

    before = signal.signal(signal.SIGTERM, server.handle_exit)
    try:
        asyncio.run(terminated())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert server.closed == shared


@contextmanager
def started(folder: Path, log: IO[bytes]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a real service; yields it with its port, at once."""
    port = process.free_port()
    settings = process.environment(ROOT, folder, PORT=str(port), RELEASE_TAG="v9.8.7")
    service = subprocess.Popen([sys.executable, "-m", "service"], cwd=ROOT, env=settings, stdout=log, stderr=log)
    try:
        yield service, port
    finally:
        service.kill()
        service.wait()


def test_a_broken_release_ends_the_process_with_a_sentence(tmp_path: Path) -> None:
    with tempfile.TemporaryFile() as log, started(tmp_path, log) as (service, _):
        assert service.wait() == 3
        log.seek(0)
        said = log.read().decode()
    assert said.startswith(f"This release does not serve. The release in {tmp_path} cannot be read: ")
    assert "Traceback" not in said


def test_sigterm_cuts_no_request_off(bundles: tuple[Path, Path], golden: Golden) -> None:
    body = json.dumps(golden["rows"]).encode()
    with tempfile.TemporaryFile() as log, started(bundles[0], log) as (service, port):
        url = f"http://127.0.0.1:{port}"
        process.wait_ready(url, lambda: service.poll() is None, lambda: process.tail(log))
        with httpx.Client(base_url=url) as kept_alive, closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as half_sent:
            assert "connection" not in kept_alive.get("/readyz").headers
            assert 'tag="v9.8.7"' in kept_alive.get("/metrics").text
            half_sent.putrequest("POST", "/predict")
            half_sent.putheader("content-type", "application/json")
            half_sent.putheader("content-length", str(len(body)))
            half_sent.endheaders(body[:10])
            service.send_signal(signal.SIGTERM)
            while (ready := kept_alive.get("/readyz")).status_code == 200:
                pass
            assert (ready.status_code, ready.headers["connection"]) == (503, "close")
            half_sent.send(body[10:])
            answered = half_sent.getresponse()
            assert (answered.status, answered.getheader("connection")) == (200, "close")
            assert json.loads(answered.read())["predictions"] == golden["answers"]
        assert service.wait(timeout=30) in (0, -signal.SIGTERM)
        log.seek(0)
        assert b"Traceback" not in log.read()
