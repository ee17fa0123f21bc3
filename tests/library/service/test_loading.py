"""A release does not start when a byte of it changed."""

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import FunctionTransformer

from slipway.bundle import serveable, skops_file, training
from slipway.errors import ModelRefused
from slipway.gate import dataset
from slipway.project import Project
from slipway.serving.manifest import Compiled, ReleaseError, canonical, read, sha256
from slipway.serving.parity import TOLERANCE
from slipway.serving.pipeline import load_model
from slipway.serving.release import Release, load
from tests.library.service.conftest import FILES, GOLDEN_REFUSAL, ROOT, Golden, make


def rewrite(folder: Path, part: str = "", **changed: Any) -> None:
    """Change entries of a manifest; of a part, make its hash that of its file."""
    path = folder / "manifest.json"
    manifest = {**json.loads(path.read_bytes()), **changed}
    if part:
        manifest[part]["sha256"] = sha256((folder / manifest[part]["file"]).read_bytes())
    path.write_bytes(canonical(manifest))


def serve(folder: Path, name: str) -> None:
    """Have a file of a release answer, with its hash."""
    model = json.loads((folder / "manifest.json").read_bytes())["model"]
    model["graph"] = {"file": name, "sha256": sha256((folder / name).read_bytes())} if name == "model.onnx" else None
    model["compiled"]["reason"] = None if model["graph"] else "it is not"
    rewrite(folder, model=model | {"sha256": sha256((folder / "model.skops").read_bytes())})


both = pytest.mark.parametrize("name", ["model.onnx", "model.skops"])


def refusal(folder: Path) -> str:
    """Return why a release is not loaded."""
    with pytest.raises(ReleaseError) as refused:
        load(folder)
    return str(refused.value)


def test_a_whole_release_is_loaded(folder: Path) -> None:
    assert load(folder).golden_difference <= TOLERANCE


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


@both
def test_another_releases_model_is_refused(folder: Path, bundles: tuple[Path, Path], name: str) -> None:
    serve(folder, name)
    shutil.copyfile(bundles[1] / name, folder / name)
    assert refusal(folder).startswith(f"{name} in {folder} has sha256 ")


@both
def test_another_releases_model_under_the_right_hash_does_not_give_the_golden_answers(
    folder: Path, bundles: tuple[Path, Path], name: str
) -> None:
    shutil.copyfile(bundles[1] / name, folder / name)
    serve(folder, name)
    assert GOLDEN_REFUSAL.fullmatch(refusal(folder))


@pytest.mark.parametrize(("name", "path"), [("model.onnx", "compiled"), ("model.skops", "pipeline")])
def test_a_release_has_all_that_it_needs_in_one_of_two_files(folder: Path, name: str, path: str) -> None:
    serve(folder, name)
    for other in {"model.onnx", "model.skops"} - {name}:
        (folder / other).unlink()
    assert load(folder).answering.path == path


def test_a_compiled_model_is_served_without_what_trains(folder: Path) -> None:
    heavy = ("joblib", "onnx", "pandas", "scipy", "sklearn", "skops")
    code = f"import sys, service.app; service.app.create(); print(*{{*sys.modules}} & {{*{heavy}}})"
    settings = {**os.environ, "RELEASE_DIR": str(folder)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=settings, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


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


@both
def test_a_pickle_is_refused_and_not_executed(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    serve(folder, name)
    assert refusal(folder).startswith(f"{name} is not a model that may be loaded: ")
    assert not (tmp_path / "sprung").exists()


def test_a_skops_file_with_a_type_that_is_not_trusted_is_refused_by_its_name(folder: Path) -> None:
    skops_file.save(FunctionTransformer(os.system), folder / "model.skops")
    serve(folder, "model.skops")
    assert refusal(folder).endswith(f"is not a model that may be loaded: it names {os.system.__module__}.system")


def written(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that stands in a file of `model/`."""
    module = types.ModuleType("model.own")
    exec("from os import system\ndef double(values):\n    return 2 * values", module.__dict__)  # noqa: S102
    monkeypatch.setitem(sys.modules, "model.own", module)
    return getattr(module, name)


def test_what_is_written_in_model_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skops_file.save(FunctionTransformer(written("double", monkeypatch)), tmp_path / "model.skops")
    skops_file.refuse_unloadable(tmp_path / "model.skops")
    assert load_model(tmp_path / "model.skops").transform(np.array([[2]])).tolist() == [[4]]


def test_what_a_file_of_model_only_imports_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = written("system", monkeypatch)
    skops_file.save(FunctionTransformer(system), tmp_path / "model.skops")
    content = zipfile.ZipFile(tmp_path / "model.skops").read("schema.json").replace(f'"{system.__module__}"'.encode(), b'"model.own"')
    with zipfile.ZipFile(tmp_path / "model.skops", "w") as crafted:
        crafted.writestr("schema.json", content)
    with pytest.raises(ReleaseError, match=r"it names model\.own\.system$"):
        load_model(tmp_path / "model.skops")


@pytest.mark.parametrize("part", [lambda values: values, re.compile("a"), (each for each in "a")], ids=["lambda", "pattern", "generator"])
def test_what_the_service_could_not_load_is_refused_when_it_is_saved(tmp_path: Path, part: Any) -> None:
    def save() -> None:
        skops_file.save(FunctionTransformer(part), tmp_path / "model.skops")
        skops_file.refuse_unloadable(tmp_path / "model.skops")

    with pytest.raises(ModelRefused, match=r"<lambda>|re\.Pattern|generator") as refused:
        save()
    assert str(refused.value).endswith("; then ./run train.")


def test_a_release_has_its_name_from_its_deployment_or_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (load(folder).tag, load(folder).digest) == ("none", "none")
    (folder.parent / "deployment.json").write_text(json.dumps({"tag": "v1", "digest": "sha256:1"}), encoding="utf-8")
    assert (load(folder).tag, load(folder).digest) == ("v1", "sha256:1")
    monkeypatch.setenv("RELEASE_TAG", "v2")
    monkeypatch.setenv("RELEASE_DIGEST", "sha256:2")
    assert (load(folder).tag, load(folder).digest) == ("v2", "sha256:2")


@pytest.mark.parametrize("lacking", [None, "service/app.py needs more"])
def test_a_graph_is_kept_where_its_image_does_for_the_service(
    lacking: str | None, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serveable, "compile_model", lambda *_: (Compiled(difference=0.0, reason=None), b"a graph"))
    monkeypatch.setattr(training, "list_modules", lambda _: ["model.steps"])
    monkeypatch.setattr(training, "find_lacking", lambda _, modules: lacking if modules == ["model.steps"] else "no modules")
    folder = make(project, dataset.read(project.train_data).head(400), tmp_path / "bundle")
    manifest = read(folder)[0]
    assert (manifest.model.graph is None, manifest.model.compiled.reason) == (lacking is not None, lacking)
    assert (folder / "model.onnx").exists() is (lacking is None)
    lock = project.root / "requirements" / ("serve.txt" if lacking else "compiled.txt")
    assert manifest.lock_sha256 == sha256(lock.read_bytes())
