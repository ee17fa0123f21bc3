"""The ledger on a real MLflow server, which is the one that `./run mlflow` starts; and what it missed while that was down."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from mlflow import MlflowClient

from slipway.operate.process import free_port
from slipway.serving.manifest import read, sha256
from slipway.tracking import ledger
from slipway.tracking import pages as tracking_pages
from tests.conftest import Road, wait_until

pytestmark = pytest.mark.road

A, B = "v1.0.0", "v1.1.0"
# The first time its pages are fetched.
START_SECONDS = 600


@contextmanager
def pages(road: Road, port: int) -> Iterator[str]:
    """Show the pages of the project's own file, until that is interrupted; yields their URL."""
    command = [sys.executable, "-m", "slipway.cli", "mlflow", "--port", str(port), "--no-open"]
    own = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    process = subprocess.Popen(command, cwd=road.root, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: process.poll() is not None or tracking_pages.is_ready(url), START_SECONDS)
        yield url
        started = psutil.Process(process.pid).children(recursive=True)
    finally:
        process.terminate()  # the same to it as Ctrl-C, which what was started in the background may not get
        said, _ = process.communicate()
    assert (process.returncode, {f"MLflow: {url}", "stopped"} - {*said.splitlines()}) == (0, set()), said
    assert psutil.wait_procs(started, timeout=60)[1] == []


def version(url: str, road: Road, alias: str) -> Any:
    """Return the version that an alias points to."""
    return MlflowClient(url, url).get_model_version_by_alias(road.project.name, alias)


def test_the_road_is_recorded_on_a_server_and_later_what_it_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    road, port = Road.copied(tmp_path / "project"), free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    # What is recorded is looked at here, not how soon: the server shares this machine with all that is trained on it.
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    monkeypatch.setattr(ledger, "BRIEF", ledger.Patience(60.0, 60))
    try:
        with pages(road, port) as url:
            road.make(A)
            road.store(A)
            road.must("deploy", A)
            found, manifest = version(url, road, "production"), read(road.kept(A) / "bundle")[0]
            told = {"release": A, "image_digest": road.digests[A], "model_sha256": manifest.model.sha256, "verdict": "PASS"}
            assert found.tags.items() >= {**told, "commit": manifest.commit}.items()
            assert version(url, road, "candidate").version == found.version
            client = MlflowClient(url, url)
            assert [each.path for each in client.list_artifacts(found.run_id, "gate")] == [
                "gate/gate.html",
                "gate/gate.json",
                "gate/gate.md",
            ]
            model = Path(client.download_artifacts(found.run_id, "bundle/model.skops", str(tmp_path)))
            assert sha256(model.read_bytes()) == manifest.model.sha256
        road.checkout("main")
        road.make(B, champion=str(road.kept(A) / "bundle"))
        road.store(B)
        said = road.must("deploy", B).err
        assert said.count("MLflow could not record") == said.count("./run track") == 1
        with pages(road, port) as url:
            assert version(url, road, "production").tags["release"] == A
            assert road.must("track").out.splitlines() == ["recorded: build/bundle, version 2", f"recorded: {B} serves, version 2"]
            assert (
                version(url, road, "production").tags.items() >= {"release": B, "image_digest": road.digests[B], "verdict": "PASS"}.items()
            )
            road.must("rollback")
            assert version(url, road, "production").tags["release"] == A
    finally:
        road.stop()


def test_a_server_that_ends_is_told(tmp_path: Path) -> None:
    road = Road.copied(tmp_path / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI")
        patch.setattr(tracking_pages, "_build_command", lambda *_: [sys.executable, "-c", "raise SystemExit(1)"])
        said = road.run("mlflow", "--port", str(free_port()), "--no-open")
    assert (said.code, "MLflow ended instead of showing its pages" in said.err) == (2, True)
    assert ledger.uri(road.project) == os.environ["MLFLOW_TRACKING_URI"]
