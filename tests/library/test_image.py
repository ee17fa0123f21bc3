"""The image of a compiled model holds few packages; whether those do for the service is found by importing it with no others."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from slipway.bundle import assembly, image
from slipway.cli import ROOT
from slipway.errors import NotServing

APP, FEATURES = "service/app.py", "model/features.py"
LACKS = "needs {}, which requirements/compiled.txt does not hold"


@dataclass(frozen=True)
class Place:
    """A project's folder, as far as its service is imported from it."""

    root: Path

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        (self.root / name).write_text(text, encoding="utf-8")

    def begin(self, name: str, text: str) -> None:
        """Have a file begin with some lines."""
        self.write(name, f"{text}\n" + (self.root / name).read_text(encoding="utf-8"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A copy of what the service imports, beside the locks."""
    (tmp_path / "slipway").symlink_to(ROOT / "slipway")
    for name in ("model", "service", "requirements"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return Place(tmp_path)


def test_the_service_itself_needs_no_more_than_the_image_of_a_compiled_model_holds(place: Place) -> None:
    assert image.find_lacking(place.root) is None


@pytest.mark.parametrize(
    ("name", "line", "package"),
    [
        (APP, "import pandas as pd", "pandas"),
        (FEATURES, "from sklearn.utils import Bunch", "sklearn"),
        (APP, "from fastapi.templating import Jinja2Templates; Jinja2Templates('pages')", "jinja2"),
        # Of a folder that several packages have parts of.
        (APP, "import google.protobuf\nimport google.auth", "google.auth"),
    ],
)
def test_which_file_needs_what_is_named(place: Place, name: str, line: str, package: str) -> None:
    place.begin(name, f"print('said on the way')\n{line}")
    assert image.find_lacking(place.root) == f"{name} {LACKS.format(package)}"


def test_a_file_of_the_owners_that_another_imports_is_named(place: Place) -> None:
    place.write("service/login.py", "import pandas\n")
    place.begin(APP, "from service import login")
    assert image.find_lacking(place.root) == f"service/login.py {LACKS.format('pandas')}"


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    import pandas\nexcept ImportError:\n    pandas = None",
        "from importlib.util import find_spec\nassert find_spec('pandas') is None",
        "def later():\n    import pandas",
        "import a_package_of_nobody",
        "1 / 0",
    ],
)
def test_what_the_service_can_do_without_or_has_nowhere_is_not_lacking(place: Place, text: str) -> None:
    place.begin(APP, text)
    assert image.find_lacking(place.root) is None


def test_a_package_that_the_owner_adds_to_the_lock_is_there(place: Place) -> None:
    place.begin(APP, "import sqlalchemy")
    assert image.find_lacking(place.root) == f"{APP} {LACKS.format('sqlalchemy')}"
    lock = place.root / image.LEAN
    lock.write_text(lock.read_text(encoding="utf-8") + "greenlet==1\nsqlalchemy==2\ntyping-extensions==4\n", encoding="utf-8")
    assert image.find_lacking(place.root) is None


def test_without_the_lock_there_is_no_such_image(place: Place) -> None:
    (place.root / image.LEAN).unlink()
    assert image.find_lacking(place.root) == "requirements/compiled.txt does not exist; ./run lock writes it"


@pytest.mark.parametrize("graph", ["model.onnx", None])
def test_what_a_release_is_made_from_follows_from_its_model(graph: str | None) -> None:
    model: Any = SimpleNamespace(graph=graph, compiled=SimpleNamespace(reason="a step of its own"))
    assert image.choose_lock(model) == ("requirements/compiled.txt" if graph else "requirements/serve.txt")
    assert ("a step of its own" in image.describe_answering(model)) is (graph is None)


@pytest.mark.parametrize(
    ("graph", "said", "found"),
    [
        ("model.onnx", "No module named 'pandas' Next: mend that.", f"No module named 'pandas'{assembly.ADD}"),
        ("model.onnx", "Form data requires this to be installed", f"Form data requires this to be installed{assembly.ADD}"),
        ("model.onnx", "It ended. Next: mend that.", "It ended. Next: mend that."),
        (None, "No module named 'pandas' Next: mend that.", "No module named 'pandas' Next: mend that."),
    ],
)
def test_what_the_service_looks_for_later_is_told_when_the_release_is_built(
    graph: str | None, said: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "golden.json").write_text("{}", encoding="utf-8")
    manifest = SimpleNamespace(model=SimpleNamespace(graph=graph, compiled=SimpleNamespace(reason=None)))
    monkeypatch.setattr(assembly, "read", lambda _: (manifest, ""))
    monkeypatch.setattr(assembly, "_start_release", Mock(side_effect=NotServing(said)))
    project: Any = SimpleNamespace(as_image=False, bundle=tmp_path)
    assert assembly.check_release(project, str(tmp_path)).failures == [f"The release does not start: {found}"]


def test_each_lock_holds_the_versions_of_all() -> None:
    locks = {name: read_versions(name) for name in ("compiled", "serve", "operate", "work")}
    assert set(locks["compiled"].items()) <= set(locks["serve"].items()) <= set(locks["work"].items())
    assert set(locks["operate"].items()) <= set(locks["work"].items())
    assert {"scikit-learn", "scipy", "pandas", "skops", "joblib", "onnx", "sympy"}.isdisjoint(locks["compiled"])


def read_versions(name: str) -> dict[str, str]:
    """Return the packages of a lock with their versions."""
    lines = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    found = [line.removesuffix(" \\").partition("==") for line in lines if line[:1].isalnum()]
    return {package: wanted for package, _, wanted in found}
