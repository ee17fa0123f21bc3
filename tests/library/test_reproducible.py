"""The same commit, data and locks give the same release: in another folder and time zone, with another umask, other hashes and threads."""

import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest

from slipway import git
from slipway.bundle import assembly as building
from slipway.cli import ROOT
from slipway.operate import docker_engine
from slipway.operate.registry import find_digest
from slipway.serving.manifest import read, sha256
from tests.conftest import REGISTRY, Registry, Road
from tests.library.test_lifecycle import forget_images

pytestmark = pytest.mark.road

# What people's machines differ in.
HERE = {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "OMP_NUM_THREADS": "1", "LC_ALL": "C"}
THERE = {"PYTHONHASHSEED": "2", "TZ": "America/Caracas", "OMP_NUM_THREADS": "2", "LC_ALL": "C.UTF-8"}
UMASKS = (0o002, 0o077)
BASE = docker_engine.read_base((ROOT / "infra" / "Dockerfile").read_text(encoding="utf-8"))
IN_THE_IMAGE = ("/app", "/release", "/venv")


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> list[Road]:
    """Two clones of one project, each with a release of its own."""
    project = Road.copied(tmp_path_factory.mktemp("project") / "project")
    roads = [Road(tmp_path_factory.mktemp("here") / "project"), Road(tmp_path_factory.mktemp("there") / "of" / "somebody" / "else")]
    for road, others, umask in zip(roads, (HERE, THERE), UMASKS, strict=True):
        with masked(umask):
            git.run_git(project.root, "clone", "--quiet", str(project.root), str(road.root))
            for words in (["train"], ["validate", "--champion", "none"]):
                run(road, others, *words)
            building.assemble(road.project)
    return roads


@contextmanager
def masked(umask: int) -> Iterator[None]:
    """Make files with the modes that a person's umask leaves."""
    before = os.umask(umask)
    try:
        yield
    finally:
        os.umask(before)


def run(road: Road, others: dict[str, str], *words: str) -> None:
    """Run a verb in a process of its own."""
    database = f"sqlite:///{road.root / 'mlflow.db'}"
    given = {**os.environ, **others, "PYTHONPATH": "", "MLFLOW_TRACKING_URI": database}
    command = [sys.executable, "-m", "slipway.cli", *words, "--target", road.target]
    done = subprocess.run(command, cwd=road.root, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def first_difference(one: Mapping[str, str], other: Mapping[str, str]) -> str | None:
    """Return the name of the first file that differs, None where all are the same."""
    differ = (name for name in sorted({*one, *other}) if one.get(name) != other.get(name))
    return next(differ, None)


def in_folder(folder: Path) -> dict[str, str]:
    """Return the mode of each file and folder and the hash of each file, as the digest of a release has it."""
    found = [each for each in (folder, *folder.rglob("*")) if "__pycache__" not in each.parts]
    return {
        each.relative_to(folder).as_posix(): f"{each.stat().st_mode:o} {sha256(each.read_bytes()) if each.is_file() else ''}"
        for each in found
    }


def in_image(name: str) -> dict[str, str]:
    """Return the hash of each file of ours in an image, with its mode; when it was made is what the engine stamps."""
    client = docker.from_env()
    container = client.containers.create(name)
    try:
        return dict(entry for part in IN_THE_IMAGE for entry in archived(container, part))
    finally:
        container.remove()
        client.close()


def archived(container: Any, part: str) -> Iterator[tuple[str, str]]:
    """Yield what a folder of a container holds."""
    with tempfile.TemporaryFile() as file:
        for chunk in container.get_archive(part)[0]:
            file.write(chunk)
        file.seek(0)
        with tarfile.open(fileobj=file) as archive:
            for each in archive:
                content = archive.extractfile(each) if each.isfile() else io.BytesIO(each.linkname.encode())
                assert content
                yield each.name, f"{each.mode:o} {sha256(content.read())}"


def test_the_model_and_all_of_the_release_are_the_same(roads: list[Road]) -> None:
    one, other = roads
    first, second = (read(road.project.release / "release")[0] for road in roads)
    assert first.model.sha256 == second.model.sha256
    files = in_folder(one.project.release)
    assert {"release/model.onnx", "release/manifest.json", "release/gate.json", "slipway/serving/app.py"} <= files.keys()
    assert first_difference(files, in_folder(other.project.release)) is None
    assert one.place.push_release(first.commit) == other.place.push_release(second.commit)


@pytest.mark.parametrize("umask", [0o077, 0o027, 0o002, 0o022])
def test_what_a_release_is_made_of_has_the_modes_that_git_knows(umask: int, tmp_path: Path) -> None:
    with masked(umask):
        (tmp_path / "service" / "parts").mkdir(parents=True)
        for name, mode in (("service/app.py", 0o666), ("service/parts/run", 0o777)):
            (tmp_path / name).write_text("", encoding="utf-8")
            (tmp_path / name).chmod(mode & ~umask)
    building.set_modes(tmp_path)
    modes = {name: entry.split()[0] for name, entry in in_folder(tmp_path).items()}
    assert modes == {
        ".": "40755",
        "service": "40755",
        "service/app.py": "100644",
        "service/parts": "40755",
        "service/parts/run": "100755",
    }


def test_a_difference_is_named() -> None:
    same = {"a": "1", "b": "2", "c": "3"}
    assert first_difference(same, {**same, "c": "4", "b": "3"}) == "b"
    assert first_difference(same, {"b": "2", "c": "3"}) == "a"


@pytest.mark.docker
def test_the_image_has_the_same_content_although_it_is_built_anew(roads: list[Road], monkeypatch: pytest.MonkeyPatch) -> None:
    found = list[dict[str, str]]()
    for road, options in zip(roads, ("", "--no-cache"), strict=True):
        monkeypatch.setenv("DOCKER_BUILD_OPTIONS", options)
        manifest = read(road.project.bundle)[0]
        try:
            image = docker_engine.build_image(road.project, manifest.commit, building.make_labels(road.project, manifest))
            found.append(in_image(image))
            assert docker_engine.name_base(docker_engine.find_image(image)).partition("@")[0] == BASE
        finally:
            forget_images(road)
    assert len(found[0]) > 1000
    assert first_difference(*found) is None


@pytest.mark.parametrize(
    ("dockerfile", "base"),
    [
        ("FROM python:3.13.11-slim\n", "python:3.13.11-slim"),
        ("# FROM none\nFROM python:3.13.11-slim AS base\nFROM base AS packages\nRUN true\nFROM base\n", "python:3.13.11-slim"),
        ("from --platform=linux/amd64 one:1 as One\nFROM two:2 AS two\nFROM one\n", "one:1"),
        ("FROM registry.example:5000/base:1@sha256:0 AS base\nFROM base\n", "registry.example:5000/base:1@sha256:0"),
        ("FROM same AS same\nFROM same\n", "same"),
        ("", ""),
    ],
)
def test_the_base_is_what_the_last_stage_stands_on(dockerfile: str, base: str) -> None:
    assert docker_engine.read_base(dockerfile) == base


@pytest.mark.docker
def test_the_digest_of_the_base_is_known_to_the_engine_or_the_registry(registry: Registry) -> None:
    client, name = docker.from_env(), f"{registry.address}/base"
    try:
        client.images.get(REGISTRY).tag(name, "1")
        pushed = next(each["aux"]["Digest"] for each in client.images.push(name, tag="1", stream=True, decode=True) if "aux" in each)
        assert find_digest(client, f"{name}:1") == pushed
        client.images.remove(f"{name}:1")
        assert find_digest(client, f"{name}:1") == pushed
        with registry.down():
            assert find_digest(client, f"{name}:1") == ""
    finally:
        client.close()
