"""A small release to ask: trained on a few rows, in this process or behind a real server."""

import asyncio
import dataclasses
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from model import features
from slipway import git, rules
from slipway.bundle import training as train
from slipway.gate import dataset
from slipway.project import Bake, Project
from slipway.serving import app
from slipway.serving.declared import FEATURES, Feature
from slipway.serving.frames import records
from slipway.serving.manifest import canonical
from slipway.serving.observe import Drain
from slipway.serving.parity import TOLERANCE, distance
from slipway.serving.release import Release, load

ROOT = Path(__file__).resolve().parents[3]
# What a project needs to write a bundle.
NEEDED = ("data/train.csv", "requirements/compiled.txt", "requirements/serve.txt", "validation/reference.csv", "validation/thresholds.toml")
FILES = ("bins.json", "config.toml", "golden.json", "model.onnx")
SOME = 400
MAX_ROWS = 50
# So many rows fit, however wide they are.
WIDEST = max(
    len(json.dumps(each)) for each in records(dataset.read(ROOT / "validation" / "reference.csv")[[each.name for each in FEATURES]])
)
MAX_BYTES = max(100_000, 4 * MAX_ROWS * WIDEST)
MAX_WAITING = 40
SETTINGS = {"max_rows": MAX_ROWS, "max_body_bytes": MAX_BYTES, "max_waiting": MAX_WAITING, "drain_seconds": 2.0}
COLUMNS = [each.name for each in FEATURES]
# What a row has to have: a field with a default may be left out.
REQUIRED = [each.name for each in FEATURES if features.Row.model_fields[each.attribute].is_required()]
# What no answer may repeat, as a word and as a number far from any declared range.
SECRET, FAR = "secret-770077", 770077
NUMBERS = [each.name for each in FEATURES if each.kind in (int, float)]
GOLDEN_REFUSAL = re.compile(r"The answers to the golden rows differ by \S+ from those at training; expected at most 1e-09\.")
Golden = dict[str, Any]
Row = dict[str, Any]


def declared(name: str) -> Feature:
    """Return what is declared of a field."""
    return next(each for each in FEATURES if each.name == name)


def outside() -> Iterator[tuple[str, Any]]:
    """Yield fields with values of the right type and outside of what is declared, which limits numbers or lists categories."""
    for each in FEATURES:
        numbers = (-FAR, FAR) if each.kind in (int, float) else ()
        words = (SECRET,) if each.categories and each.kind is str else ()
        yield from ((each.name, value) for value in (*numbers, *words) if not each.takes(value))


def make(project: Project, rows: pd.DataFrame, folder: Path) -> Path:
    """Train on some rows and write a bundle; on one thread, since on a busy machine several wait for each other."""
    folder.mkdir()
    with threadpool_limits(limits=1):
        fitted = train.learn(rows, project.train_data)
    manifest = train.write_files(
        project, folder, fitted, rows, dataset.read(project.root / "validation/reference.csv"), rules.load_rules(project)
    )
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
    config = (ROOT / "service" / "config.toml").read_text(encoding="utf-8")
    for name, value in SETTINGS.items():
        config = re.sub(rf"^{name} = .*$", f"{name} = {value}", config, flags=re.MULTILINE)
    (root / "service" / "config.toml").write_text(config, encoding="utf-8")
    for command in (["init", "--initial-branch=main"], ["add", "--all"], ["commit", "--message=all"]):
        git.run_git(root, *command)
    return Project(root, "small", "registry.invalid/small", "local", "127.0.0.1:1", 250, 1000, Bake(0, 0.01, 1000))


@pytest.fixture(scope="session")
def bundles(project: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two bundles, learnt from different rows."""
    folder, rows = tmp_path_factory.mktemp("bundles"), dataset.read(project.train_data).sample(frac=1, random_state=0)
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

    def post(self, content: Any, kind: str = "application/json", **headers: str) -> httpx.Response:
        """Ask for predictions with some content, bytes or an asynchronous iterator of them."""
        return self.request("POST", "/predict", content=content, headers={"content-type": kind, **headers})

    def predict(self, body: Any) -> httpx.Response:
        """Ask for predictions; NaN and Infinity are sent as Python spells them."""
        return self.post(json.dumps(body))

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


def same(answers: Any, recorded: Any) -> bool:
    """Tell whether answers are those recorded, but for the last digits: a batch of another size may be added up in another order."""
    return distance(answers, recorded) <= TOLERANCE


@pytest.fixture
def client(release: Release) -> Client:
    """A client of the first release."""
    return Client(release)
