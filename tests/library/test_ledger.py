"""What MLflow is told, and that nothing waits for it."""

import json
import re
import shutil
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest
from mlflow import MlflowClient

from slipway import project
from slipway.doctor import host
from slipway.errors import PipelineError
from slipway.gate import judge
from slipway.operate import journal
from slipway.operate.chain import Deployment
from slipway.operate.process import free_port
from slipway.operate.targets import Target
from slipway.report import Outcome
from slipway.serving.manifest import canonical, read
from slipway.tracking import ledger, pages, track
from slipway.tracking.ledger_entry import Entry, spell_name
from tests.conftest import Road
from tests.library.test_validation import judgement

A, AT = "v1.0.0", "2026-11-29T22:00:00+00:00"
# Its URL, and what it is asked.
Server = AbstractContextManager[tuple[str, list[str]]]


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """A release that was trained and judged, with a ledger in the project's own file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI")
        road = Road.copied(tmp_path_factory.mktemp("ledger") / "project")
        road.make(A)
        yield road


def released(digest: str, tag: str = A) -> Deployment:
    return Deployment(tag, f"sha256:{digest}", "c", "m", "1", None, int(digest), AT, "x")


def entry(road: Road, bundle: Path | None = None) -> Entry:
    with ledger.quiet():
        return ledger.entry(road.project, bundle or road.project.bundle)


def version(found: Entry) -> Any:
    return found.mlflow.get_model_version(found.project, found.version)


def aliased(found: Entry, alias: str) -> str:
    return str(found.mlflow.get_model_version_by_alias(found.project, alias).version)


def test_a_run_has_parameters_metrics_by_slice_datasets_and_the_bundle(road: Road) -> None:
    found, manifest = entry(road), read(road.project.bundle)[0]
    run = found.mlflow.get_run(found.run)
    assert run.data.params == {name: setting[:500] for name, setting in manifest.model.parameters.items()}
    assert run.data.metrics.items() >= manifest.metrics.values.items()
    slices = {spell_name(f"loss/{name}"): loss.mean for name, loss in manifest.metrics.slices.items()}
    assert len(slices) == len(manifest.metrics.slices) > 0
    assert run.data.metrics.items() >= slices.items()
    assert run.inputs
    datasets = {each.tags[0].value: each.dataset for each in run.inputs.dataset_inputs}
    assert {context: json.loads(each.source)["sha256"] for context, each in datasets.items()} == {
        "training": manifest.data.sha256,
        "reference": manifest.reference.sha256,
    }
    assert json.loads(datasets["training"].profile or "")["rows"] == manifest.data.rows
    kept = Path(found.mlflow.download_artifacts(found.run, "bundle"))
    assert {each.name: each.read_bytes() for each in kept.iterdir()} == {
        each.name: each.read_bytes() for each in road.project.bundle.iterdir()
    }


def test_a_verdict_is_kept_with_its_pages_and_a_pass_is_the_candidate(road: Road) -> None:
    found = entry(road)
    assert found.mlflow.get_run(found.run).data.tags["verdict"] == "PASS"
    assert version(found).tags["verdict"] == "PASS"
    assert {each.path for each in found.mlflow.list_artifacts(found.run, "gate")} == {"gate/gate.html", "gate/gate.json", "gate/gate.md"}
    assert aliased(found, "candidate") == found.version


def test_a_version_says_what_it_is_and_what_serves(road: Road) -> None:
    found, (manifest, sha) = entry(road), read(road.project.bundle)
    ledger.record_digest(road.project, "sha256:1")
    ledger.record_live(road.project, road.place, released("2"), road.project.bundle)
    told = version(found)
    assert (
        told.tags.items()
        >= {
            "commit": manifest.commit,
            "manifest_sha256": sha,
            "model_sha256": manifest.model.sha256,
            "image_digest": "sha256:2",
            "release": A,
        }.items()
    )
    assert aliased(found, "production") == found.version
    assert Path(told.source.removeprefix("file://")).joinpath("model.skops").is_file()


def test_where_mlflow_is_not_at_hand_what_serves_is_left_to_track(
    road: Road, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.record_live(road.project, road.place, released("3"), road.project.bundle)
    monkeypatch.setattr(ledger, "find_spec", lambda _: None)
    ledger.record_live(road.project, road.place, released("4"), road.project.bundle)
    assert version(entry(road)).tags["image_digest"] == "sha256:3"
    assert capsys.readouterr().err == ""


def test_what_is_recorded_is_not_recorded_again_and_what_was_cut_short_is(road: Road) -> None:
    first, again = entry(road), entry(road)
    assert again == first
    first.mlflow.delete_tag(first.run, "recorded")
    assert entry(road).run != first.run


def test_candidates_that_were_judged_on_a_reference_dataset_are_counted(road: Road, tmp_path: Path) -> None:
    one = judgement(Outcome.FAIL, None)
    another, found, uses = one.model_copy(update={"reference_sha256": "0" * 64}), entry(road), []
    manifest = json.loads((road.project.bundle / "manifest.json").read_bytes())
    for number, said in enumerate([one, one, another, one]):
        bundle = tmp_path / str(number)
        shutil.copytree(road.project.bundle, bundle)
        (bundle / "manifest.json").write_bytes(canonical({**manifest, "commit": f"{number}" * 40}))
        uses.append(entry(road, bundle).judge(said))
    assert uses == [1, 2, 1, 3]
    assert entry(road, bundle).judge(one) == 3
    assert found.mlflow.get_model_version_by_alias(found.project, "candidate").tags["commit"] == manifest["commit"]


@pytest.mark.parametrize(("uses", "worn"), [(None, False), (19, False), (20, True), (21, True)])
def test_a_reference_dataset_that_was_used_often_wears_out(
    road: Road, monkeypatch: pytest.MonkeyPatch, uses: int | None, worn: bool
) -> None:
    monkeypatch.setattr(ledger, "record_verdict", lambda *_: uses)
    told = judge.count_use(road.project, judgement(Outcome.FAIL, None))
    assert told.reference_uses == uses
    assert [f"{uses} candidates were judged" in note for note in told.notes] == [True] * worn


# When it does not answer.


@pytest.mark.parametrize(("error", "said"), [(OSError("gone.\nand more"), "gone"), (KeyError(), "KeyError()")])
def test_what_the_ledger_raises_is_a_warning_of_one_line(capsys: pytest.CaptureFixture[str], error: Exception, said: str) -> None:
    with ledger.best_effort("this"):
        raise error
    later = "Later, when MLflow answers: ./run track."
    assert capsys.readouterr().err == f"warning: MLflow could not record this; continuing without: {said}. {later}\n"


def test_an_interrupt_is_no_matter_of_the_ledger() -> None:
    with pytest.raises(KeyboardInterrupt), ledger.best_effort("this"):
        raise KeyboardInterrupt


class Refusing(BaseHTTPRequestHandler):
    """A server that is there, and lets nobody in."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.send_error(403)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        return


class Hanging(Refusing):
    """A server that says that it is there, and then no more."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        if self.path == "/":
            self.send_error(404)
        else:
            cast(threading.Event, self.server.over).wait()  # type: ignore[attr-defined]

    do_POST = do_GET  # noqa: N815


@contextmanager
def server(kind: type[BaseHTTPRequestHandler]) -> Iterator[tuple[str, list[str]]]:
    """Start a server; yields its URL and what it is asked."""
    asked = list[str]()
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as found:
        found.asked, found.over = asked, threading.Event()  # type: ignore[attr-defined]
        found.daemon_threads = True
        threading.Thread(target=found.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{found.server_port}", asked
        finally:
            found.over.set()  # type: ignore[attr-defined]
            found.shutdown()


@contextmanager
def silent() -> Iterator[tuple[str, list[str]]]:
    """Listen, and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", []


@contextmanager
def down() -> Iterator[tuple[str, list[str]]]:
    """Have nobody listen."""
    yield f"http://127.0.0.1:{free_port()}", []


SERVERS: dict[str, Callable[[], Server]] = {
    "down": down,
    "silent": silent,
    "refusing": lambda: server(Refusing),
    "hanging": lambda: server(Hanging),
}


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_that_does_not_record_costs_one_warning_and_is_asked_once(
    road: Road, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    at, one = road.project, judgement(Outcome.FAIL, None)
    monkeypatch.setattr(track, "PATIENCE", ledger.BRIEF)
    with SERVERS[kind]() as (url, asked):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        ledger.record_training(at)
        assert judge.count_use(at, one).reference_uses is None
        ledger.record_digest(at, "sha256:1")
        ledger.record_live(at, road.place, released("1"), at.bundle)
        said = road.run("track")
    told = capsys.readouterr().err.splitlines()
    what = ["the training run", "the verdict", "the digest", "the live release"]
    assert [line.partition("; continuing without: ")[0] for line in told] == [f"warning: MLflow could not record {each}" for each in what]
    assert all(line.endswith("Later, when MLflow answers: ./run track.") for line in told)
    assert (said.code, f"MLflow at {url} could not record it: " in said.err) == (2, True)
    assert len([each for each in asked if each != "/"]) == (5 if kind in ("refusing", "hanging") else 0)


class Busy(Refusing):
    """A server that takes its time before it refuses."""

    def do_GET(self) -> None:
        cast(threading.Event, self.server.over).wait(0.5)  # type: ignore[attr-defined]
        super().do_GET()

    do_POST = do_GET  # noqa: N815


def test_the_verb_for_what_was_missed_waits_for_a_busy_server(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "BRIEF", ledger.Patience(0.1, 1))
    with server(Busy) as (url, asked):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        ledger.record_digest(road.project, "sha256:1")
        assert asked == []
        assert road.run("track").code == 2
        assert asked != []


def test_its_patience_is_five_seconds() -> None:
    assert sum(ledger.BRIEF) <= 5
    assert ledger.SETTINGS["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0"


# What it missed.


def test_what_was_missed_is_recorded_later(road: Road, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri := f"sqlite:///{tmp_path / 'another.db'}")
    said = road.must("track")
    assert said.out == "recorded: build/bundle, version 1\n"
    found = MlflowClient(uri, uri).get_model_version_by_alias(road.project.name, "candidate")
    assert found.tags["manifest_sha256"] == read(road.project.bundle)[1]
    assert road.must("track").out == said.out


class Kept:
    """A target with a history, and the files of each release in it."""

    def __init__(self, bundle: Path, into: Path) -> None:
        self.into, self.events, manifest = into, list[journal.Event](), json.loads((bundle / "manifest.json").read_bytes())
        for each in (released(str(number), f"v1.{number}.0") for number in range(1, 6)):
            shutil.copytree(bundle, into / each.digest)
            (into / each.digest / "manifest.json").write_bytes(canonical({**manifest, "commit": each.digest[-1] * 40}))
            self.events.append(journal.Event(journal.DEPLOY, "deploy", each.tag, AT, "x", release=each))

    def read_history(self) -> list[journal.Event]:
        return self.events

    def fetch_release(self, digest: str) -> Path:
        return self.into / digest


def test_the_next_deploy_or_rollback_records_what_was_live_while_mlflow_was_away(
    road: Road, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Kept(road.project.bundle, tmp_path / "kept")
    first, *missed, live = (each.release for each in place.events if each.release)
    with server(Refusing) as (url, _):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        ledger.record_live(road.project, cast(Target, place), missed[-1], place.into / missed[-1].digest)
    assert "MLflow could not record the live release" in capsys.readouterr().err
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri := f"sqlite:///{tmp_path / 'another.db'}")
    for told in ([each.tag for each in missed[-2:]], []):
        ledger.record_live(road.project, cast(Target, place), live, place.into / live.digest)
        assert re.findall("which had missed it: (.+) was live", capsys.readouterr().out) == told
    versions = MlflowClient(uri, uri).search_model_versions(f"name='{road.project.name}'")
    assert {each.tags["image_digest"]: each.tags["release"] for each in versions} == {
        each.digest: each.tag for each in (*missed[-2:], live)
    }
    assert first.digest not in {each.tags["image_digest"] for each in versions}, "it is long ago"


def test_where_there_is_nothing_nothing_is_recorded(tmp_path: Path) -> None:
    road = Road.copied(tmp_path / "project")
    said = road.run("track")
    assert (said.code, "There is nothing to record" in said.err, "Next: ./run train." in said.err) == (2, True, True)


@pytest.mark.parametrize("name", ["gate.json", "bundle/manifest.json", "release.json"])
def test_what_is_damaged_is_not_blamed_on_mlflow(road: Road, name: str) -> None:
    damaged = road.root / "build" / name
    kept = damaged.read_bytes() if damaged.is_file() else None
    damaged.write_text("{")
    try:
        said = road.run("track")
    finally:
        damaged.write_bytes(kept) if kept else damaged.unlink()
    assert (said.code, "is damaged: " in said.err, "MLflow" in said.err, "Next: ./run train" in said.err) == (2, True, False, True)


def test_a_port_that_is_taken_is_told_with_the_way_out(road: Road) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for verb in ("mlflow", "serve"):
            said = road.run(verb, "--port", str(taken.getsockname()[1]))
            assert (said.code, "take another with --port" in said.err) == (2, True)


def test_a_server_s_pages_are_only_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    opened = list[str]()
    monkeypatch.setattr(pages, "open_in_browser", opened.append)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example:5000")
    at = cast(project.Project, None)
    pages.mlflow(at, 5001, no_open=True)
    pages.mlflow(at, 5001, no_open=False)
    assert capsys.readouterr().out == "MLflow: http://mlflow.example:5000\n" * 2
    assert opened == ["http://mlflow.example:5000"]


ODD = ["#", "'", '"', ":", ":name", " ", ";&$", "[a]{b}*", "größe", "%", "100%41", "?", "a?b=c"]


@pytest.mark.parametrize("name", ODD)
def test_in_a_folder_of_any_name_the_runs_are_recorded_or_its_name_is_the_reason(
    road: Road, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", "")  # is set, and goes away with the test
    root = tmp_path / f"of {name}s"
    root.mkdir()
    odd = replace(road.project, root=root)
    if "%" in name or "?" in name:
        said = (
            rf"MLflow's database cannot be in a folder with [%?] in its name, as in {re.escape(str(root))}\. Next: rename the folder; "
            r"or set "
        )
        with pytest.raises(PipelineError, match=said), ledger.quiet():
            ledger.entry(odd, road.project.bundle)
        assert (host.check_ledger(odd).state, host.check_ledger(odd).fix[:17]) == ("to mend", "rename the folder")
    else:
        with ledger.quiet():
            found = ledger.entry(odd, road.project.bundle)
            assert ledger.entry(odd, road.project.bundle) == found
        kept = [each.name for each in (root / "mlartifacts").rglob("bundle/*")]
        assert {"manifest.json", "model.skops"} <= set(kept)
        assert host.check_ledger(odd).state == "ok"
    assert [each.name for each in tmp_path.iterdir()] == [root.name]


def test_packages_in_a_folder_that_alembic_cannot_read_are_the_reason(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", "/home/a%b/.venv")
    with pytest.raises(PipelineError, match=r"cannot be in a folder with % in its name, as in /home/a%b/\.venv\."):
        ledger.refuse_folder(road.project)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    ledger.refuse_folder(road.project)
