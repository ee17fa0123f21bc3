"""The road, taken for real on both targets: train, judge, build, push, deploy, roll back, and whatever may go wrong on the way.

Each test says with `road.stand` what it needs to be deployed, so each can run alone; in this order little has to be deployed anew.
"""

import csv
import gc
import io
import json
import os
import pickle
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import docker
import psutil
import pytest
from docker.errors import ImageNotFound

from model import behaviour, features
from slipway import project
from slipway.cli import ROOT
from slipway.operate import lock
from slipway.operate.docker_engine import JUDGED, read_base
from slipway.operate.process import free_port
from slipway.operate.registry import fetch_digest, push_image
from slipway.operate.targets import docker as on_docker
from slipway.operate.targets import pods
from slipway.operate.targets.kubernetes import Kubernetes
from slipway.operate.targets.local import Local
from slipway.operate.targets.proxy import Proxy
from slipway.operate.targets.supervisor import Supervisor
from slipway.project import Bake
from slipway.rehearsal import load
from slipway.serving.manifest import canonical, read, sha256
from tests.conftest import Registry, Road, Said, wait_until

pytestmark = pytest.mark.road

A, B, C = "v1.0.0", "v1.1.0", "v1.2.0"
WEAK = "v1.3.0"
FAULTY = "v1.4.0"
# More tags of the faulty release: what it does depends on the tag that it is deployed under.
WRONG = f"{FAULTY}-wrong"
# These do well while they are proven. Others of the kind are among the faults.
DYING, CONSTANT = f"{FAULTY}-dying", f"{FAULTY}-constant"
TIRED = {DYING: "restarts: ", CONSTANT: "predictions: "}
UNJUDGED = "v1.5.0"
NO_FLOORS = """margin_fraction = 0.05
confidence = 0.95
resamples = 2000
leak = 1.0
[floors]
[slices]
min_rows = 100
min_groups = 10
"""
FAULT = '''
import dataclasses

class Wrong(Release):
    """Answers otherwise than it did when it was trained and judged."""

    def answer(self, columns):
        return super().answer(columns) + 1


class Constant(Release):
    """Answers the rows of the proof as it should, which come together, and all others alike."""

    first = []

    def answer(self, columns):
        answers = super().answer(columns)
        if len(answers) >= 20:
            return answers
        self.first or self.first.append(answers[0])
        return answers * 0 + self.first[0]


class Tired(Endpoint):
    """Answers the rows of the proof as it should, and single rows not."""

    # What the workers of a service share.
    seen = Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR") or tempfile.gettempdir()) / f"{os.getppid()}-seen"

    async def _answer_rows(self, rows):
        tag = self.release.tag
        if len(rows) == 1 and tag.endswith("-erring"):
            raise ValueError("it errs, since it is told to")
        if len(rows) == 1 and tag.endswith("-slow"):
            await asyncio.sleep(0.3)
        if tag.endswith("-dying"):
            self.die(len(rows))
        return await super()._answer_rows(rows)

    def die(self, rows):
        """Die once, some single rows after the last proof; on docker the process that is asked before callers is the same."""
        with self.seen.open("a+") as file:
            file.write("proof " if rows > 1 else "row ")
            file.seek(0)
            words = file.read().split()
        proofs = 1 if "WORKERS" in os.environ or "KUBERNETES_SERVICE_HOST" in os.environ else 2
        if rows == 1 and words.count("proof") >= proofs and words[::-1].index("proof") >= 20:
            try:
                self.seen.with_suffix(".died").open("x").close()
            except FileExistsError:
                return
            os._exit(1)


honest = build


def build(release, drain):
    if release.tag.endswith("-ending"):
        raise SystemExit("it ends, since it is told to")
    drain.on = release.tag.endswith("-stuck")
    if release.tag.endswith(("-erring", "-slow", "-dying")):
        globals()["Endpoint"] = Tired
    kind = Wrong if release.tag.endswith("-wrong") else Constant if release.tag.endswith("-constant") else Release
    parts = vars(release) | {"answering": dataclasses.replace(release.answering, answer_rows=None)}  # these answer columns
    return honest(kind(**parts) if kind is not Release else release, drain)
'''

# What an image holds: its packages, what may be a pickle, and its release.
LIST = """import importlib.metadata, json, os
files = [os.path.join(folder, name) for folder, _, names in os.walk('/') if not folder.startswith(('/proc', '/sys')) for name in names]
print(json.dumps({
    'packages': sorted(each.name for each in importlib.metadata.distributions()),
    'pickles': [each for each in files if each.endswith(('.skops', '.pkl', '.pickle', '.joblib', '.npy', '.npz', '.pkl.gz'))],
    'release': [each for each in files if each.startswith('/release/')],
}))"""

local = pytest.param("local", marks=pytest.mark.skipif(os.name == "nt", reason="the target local needs Linux or macOS"))
both = [local, pytest.param("docker", marks=pytest.mark.docker)]
all_targets = [*both, pytest.param("kubernetes", marks=[pytest.mark.docker, pytest.mark.kubernetes])]

EVERYTHING = "all,configmaps,leases,hpa,pdb,networkpolicies,endpointslices"

# What a release stands on and behind, as the files of infra/ name it, and the history of each target.
IMAGES = {
    "base": read_base((ROOT / "infra" / "Dockerfile").read_text(encoding="utf-8")),
    "proxy": re.findall(r"PROXY_IMAGE:-(.+)}", (ROOT / "infra" / "compose.yaml").read_text(encoding="utf-8"))[0],
}
STANDS_ON = {"local": (), "docker": ("base", "proxy"), "kubernetes": ("base",)}

Rows = list[dict[str, str]]


@pytest.fixture(scope="module", autouse=True)
def _anything_goes() -> Iterator[None]:
    """Declare no behaviour, so that a weak model passes as a first release whatever the example is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(behaviour, "CASES", [])
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Road:
    """A project with releases that are trained and judged; none is on a target yet.

    B has learnt from more rows than A, C from all; half of what WEAK learnt from has another row's target. The service of C imports
    what a compiled model does without, so that its pipeline answers.
    """
    road = Road.copied(tmp_path_factory.mktemp("road") / "project", replicas=1)
    # No floors, for the same reason.
    (road.root / "validation" / "thresholds.toml").write_text(NO_FLOORS)
    rows = training_rows(road)
    write_rows(road, [row for number, row in enumerate(rows) if number % 10])
    road.make(A)
    write_rows(road, [row for number, row in enumerate(rows) if number % 20])
    road.make(B, champion=str(road.kept(A) / "bundle"))
    write_rows(road, rows)
    own = road.root / "service" / "app.py"
    kept = own.read_text(encoding="utf-8")
    own.write_text(kept.replace("from fastapi import", "import pandas\nfrom fastapi import"), encoding="utf-8")
    road.make(C, champion=str(road.kept(B) / "bundle"))
    own.write_text(kept, encoding="utf-8")
    write_rows(road, shuffled(rows))
    road.make(WEAK)
    write_rows(road, rows)
    app = road.root / "slipway" / "serving" / "app.py"
    app.write_text(
        app.read_text(encoding="utf-8").replace("import gc\n", "import asyncio\nimport gc\nimport tempfile\n") + FAULT, encoding="utf-8"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "CONTRACT_VERSION", features.CONTRACT_VERSION + 1)
        road.make(FAULTY, champion=str(road.kept(B) / "bundle"))
    for tag in (WRONG, *TIRED):
        road.git("tag", tag)
    road.git("tag", UNJUDGED, road.commit("Nobody judged this"))
    return road


@pytest.fixture(scope="module", params=all_targets)
def road(made: Road, request: pytest.FixtureRequest) -> Iterator[Road]:
    """The releases on a target, on which nothing is deployed yet."""
    with pushed(made, request, A, B, C, WEAK, FAULTY) as road:
        road.digests |= dict.fromkeys((WRONG, *TIRED), road.digests[FAULTY])
        yield road


@contextmanager
def pushed(made: Road, request: pytest.FixtureRequest, *tags: str) -> Iterator[Road]:
    """Push releases to a target, and leave nothing of them afterwards."""
    road = Road(made.root, request.param)
    if road.target == "kubernetes":
        road.namespace = request.getfixturevalue("namespace")
    with pytest.MonkeyPatch.context() as patch:
        if road.project.as_image:
            patch.setenv("IMAGE_REPOSITORY", f"{request.getfixturevalue('registry').address}/{road.project.name}")
        try:
            for tag in tags:
                road.store(tag)
            road.checkout("main")
            yield road
        finally:
            road.stop()
            if road.project.as_image:
                forget_images(road)


@pytest.fixture
def live(road: Road) -> Iterator[Road]:
    """A road on which B is live; whatever the test tries must leave it as it is."""
    road.checkout("main")
    road.stand(A, B)
    with road.unchanged():
        yield road


def training_rows(road: Road) -> Rows:
    """Read the training data as text."""
    with road.project.train_data.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_rows(road: Road, rows: Rows) -> None:
    """Write training data."""
    with road.project.train_data.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def shuffled(rows: Rows) -> Rows:
    """Give the targets of every other row to each other."""
    targets = [row[features.TARGET] for row in rows[::2]]
    random.Random(0).shuffle(targets)  # noqa: S311
    changed = [{**row, features.TARGET: target} for row, target in zip(rows[::2], targets, strict=True)]
    return changed + rows[1::2]


def forget_images(road: Road) -> None:
    """Remove the images' names; the layers of the packages serve the next time."""
    client = docker.from_env()
    ours = (f"{road.project.name}:", f"{road.project.image_name}:", f"{road.project.image_name}@")
    for name in [each for image in client.images.list() for each in (*image.tags, *(image.attrs["RepoDigests"] or []))]:
        if name.startswith(ours):
            try:
                client.images.remove(name, force=True, noprune=True)
            except ImageNotFound:
                continue  # it went with a name before
    client.close()


@contextmanager
def callers(road: Road) -> Iterator[load.Record]:
    """Have keep-alive clients ask all the while, until each kind of answer that was asked for last has come."""
    seen, stop = load.Record(), threading.Event()
    golden = json.loads((road.kept(A) / "bundle" / "golden.json").read_bytes())["rows"]
    threads = [
        threading.Thread(target=load.send_requests, args=(road.url, golden, stop, seen, time.monotonic())) for _ in range(load.CLIENTS)
    ]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(seen.milliseconds) + len(seen.failures) >= 2 * load.CLIENTS)
        yield seen
        asked = len(seen.milliseconds) + len(seen.failures)
        wait_until(lambda: len(seen.milliseconds) + len(seen.failures) >= asked + 2 * load.CLIENTS)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def refused(said: Said, code: int, *sentences: str) -> None:
    """Hold that a verb ended with a code and said this, in this order."""
    assert said.code == code, said.text
    assert "error: " in said.err
    at = 0
    for sentence in sentences:
        assert sentence in said.text[at:], (sentence, said.text)
        at = said.text.index(sentence, at)


def state(road: Road) -> dict[str, Any]:
    """Return what `status --json` says."""
    found: dict[str, Any] = json.loads(road.must("status", "--json").out)
    return found


# Before anything is deployed.


def test_nothing_is_deployed_yet(road: Road) -> None:
    road.stand()
    assert state(road)["live"] is None
    assert "./run deploy TAG" in road.must("status").text
    refused(road.run("rollback"), 2, "Nothing is deployed", "Next: ./run deploy TAG.")


# On kubernetes the address is the cluster's.
@pytest.mark.parametrize("road", both, indirect=True)
def test_an_address_in_use(road: Road) -> None:
    road.stand()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", road.project.port))
        taken.listen()
        refused(road.run("deploy", A), 2, f"127.0.0.1:{road.project.port}", "change [deploy] address in project.toml")
    assert (road.standing(), road.place.lock.read_holder()) == ([], None)


def test_the_first_deploy(road: Road) -> None:
    road.stand()
    said = road.must("deploy", A)
    road.serves(A)
    assert f"{A} serves: deploy in" in said.text
    proven = [line.split("|") for line in said.out.splitlines() if line.startswith("| ")][1:]
    assert [row[1].strip() for row in proven if row[4].strip() == "yes"] == [
        *("served tag", "served digest", "running digest", "manifest sha256", "golden answers")
    ]
    assert [row for row in proven if row[4].strip() == "NO"] == []
    assert road.place.read_pointer() == road.digests[A]
    named = {name: image.partition("@")[0] for name, image in road.place.read_history()[-1].images.items()}
    assert named == {name: IMAGES[name] for name in STANDS_ON[road.target]}
    refused(road.run("rollback"), 2, f"{A} is the first release of the chain", "Next: ./run rollback --to TAG.")
    road.serves(A)


def test_a_deploy_under_load(road: Road) -> None:
    road.stand(A)
    with callers(road) as seen:
        road.must("deploy", B)
    road.serves(B)
    assert seen.failures == []
    assert set(seen.summary()["by_release"]) == {A, B}
    assert road.place.read_pointer() == road.digests[B]
    assert (state(road)["live"]["tag"], state(road)["rollback_to"]) == (B, A)
    shown = road.must("status").text
    assert f"{B} on {road.target}, {road.place.format_address()}" in shown
    warm = "warm: it runs, one switch" if road.target == "docker" else "cold: it is started first"
    assert f"a rollback goes to | {A} ({warm}" in shown


def test_a_release_of_the_other_kind_and_back_under_load(road: Road) -> None:
    road.stand(A, B)
    with callers(road) as seen:
        road.must("deploy", C)
        road.serves(C)
        road.must("rollback")
        road.serves(B)
    assert seen.failures == []
    assert {B, C} <= set(seen.summary()["by_release"])
    reasons = {tag: read(road.kept(tag) / "bundle")[0].model.compiled.reason for tag in (B, C)}
    assert reasons[C] == (reasons[B] or "service/app.py needs pandas, which requirements/compiled.txt does not hold")


@pytest.mark.parametrize("road", both[1:], indirect=True)
def test_an_image_holds_what_its_model_needs(road: Road) -> None:
    client = docker.from_env()
    for tag in (B, C):
        image = f"{road.project.image_name}@{road.digests[tag]}"
        listed = json.loads(client.containers.run(image, ["-c", LIST], entrypoint="python", user="0", remove=True))
        lean = read(road.kept(tag) / "bundle")[0].model.graph is not None
        trains = {"scikit-learn", "scipy", "pandas", "skops", "joblib"}
        assert trains & {*listed["packages"]} == (set() if lean else trains)
        assert not lean or listed["pickles"] == []
        assert ("/release/model.onnx" if lean else "/release/model.skops") in listed["release"]
    client.close()


# What is refused.


def test_a_dirty_tree_is_neither_built_nor_deployed(live: Road) -> None:
    live.checkout(C)
    (live.root / "changed").touch()
    for verb in (["build"], ["push"], ["deploy", C]):
        refused(live.run(*verb), 2, f"{verb[0]} needs a clean working tree", "changed", "Next: git commit, or git stash.")


def test_a_tag_that_does_not_exist(live: Road) -> None:
    refused(live.run("deploy", "v0.0.9"), 2, "There is no tag 'v0.0.9'.", WEAK, "Next: git fetch --tags")


def test_a_tag_that_was_never_judged(live: Road) -> None:
    commit = live.git("rev-parse", UNJUDGED)
    refused(live.run("deploy", UNJUDGED), 2, f"commit {commit[:12]}", "never judged", "Next", "./run train")


def test_rolling_back_to_what_was_never_deployed(live: Road) -> None:
    said = live.run("rollback", "--to", UNJUDGED)
    refused(said, 2, f"{UNJUDGED!r} was never live and proven here.", "Deployed here: ", "Next: ./run rollback --to one of these.")


def test_rolling_back_to_what_serves(live: Road) -> None:
    tag = live.standing()[-1]
    refused(live.run("rollback", "--to", tag), 2, f"{tag} is the live release.", "Next: ./run status")


def test_a_release_that_answers_otherwise_than_it_was_judged(live: Road) -> None:
    refused(live.run("deploy", WRONG), 4, "The proof failed on the new release", "golden answers", "NO")


@pytest.mark.parametrize("tag", TIRED)
def test_a_release_that_fails_while_it_is_watched(live: Road, monkeypatch: pytest.MonkeyPatch, tag: str) -> None:
    load_project = project.load
    watched = Bake(seconds=60, max_error_share=0.01, p99_ms=200)
    monkeypatch.setattr(project, "load", lambda *given: replace(load_project(*given), bake=watched))
    with callers(live):
        said = live.run("deploy", tag)
    refused(said, 7, f"{tag} failed while it was monitored: " if tag != DYING else f"{tag} ", "The previous release is live again.")
    assert tag == DYING or TIRED[tag] in said.text


# On docker the engine itself holds an image against its digest.
@pytest.mark.parametrize("road", both[:1], indirect=True)
def test_a_pushed_release_that_was_changed(live: Road) -> None:
    store = live.root / ".deploy" / "local" / "releases"
    release = store / live.digests[C].removeprefix("sha256:") / "release"
    flip(release, store)
    refused(live.run("deploy", C), 2, live.digests[C], "is gone or was changed. Next: push its commit again.")
    flip(release, store)


def test_a_verdict_against_another_champion_is_not_believed(live: Road) -> None:
    said = live.run("deploy", WEAK)
    assert "judging again" in said.out
    refused(said, 1, "The gate says FAIL against what is live now.", "Nothing was deployed.")


def test_a_model_that_learnt_nonsense_is_not_built(live: Road) -> None:
    live.checkout(WEAK)
    assert live.run("validate").code == 1
    refused(live.run("build"), 2, "The gate says FAIL", "Only PASS is built and pushed. Next: see build/gate.md")


def test_a_second_deploy_at_the_same_time(live: Road) -> None:
    with lock.hold_lock(live.place, "deploy v9.9.9"):
        assert "deploy v9.9.9" in live.must("status").text
        refused(live.run("deploy", C), 5, "deploy v9.9.9 by", "is running here", "Wait for it, or ./run rollback")


def test_a_deploy_that_is_taken_over_before_the_switch(live: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    with during(monkeypatch, "stage_release", live, lambda: take_over(live)):
        refused(live.run("deploy", C), 5, f"deploy {C} was taken over", "Next: ./run status.")


# On local this is what an interrupt inside the switch shows.
@pytest.mark.parametrize("road", all_targets[1:], indirect=True)
def test_a_proof_that_fails_after_the_switch(live: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(live.place), "read_running_digest", lambda _: "another")
    refused(
        live.run("deploy", C),
        4,
        "The proof failed on the public address; the previous release is live again",
        "running digest",
        "another",
        "NO",
    )


# What goes on, and back.


INSIDE_A_SWITCH: dict[str, tuple[Any, str]] = {
    "local": (Supervisor, "roll"),
    "docker": (Proxy, "wait_up"),
    "kubernetes": (pods, "is_rolled_out"),
}


def test_a_deploy_interrupted_inside_the_switch(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    road.stand(A, B)
    if road.target == "local":  # where one that was live before has its record in the same file
        road.must("deploy", C)
        road.must("rollback")
        road.must("resume")
    with road.unchanged(), interrupted_once(monkeypatch, *INSIDE_A_SWITCH[road.target]):
        said = road.run("deploy", C)
        assert (said.code, said.err) == (130, "interrupted\n")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    said = road.must("deploy", C)
    assert "warning: MLflow could not record the live release; continuing without" in said.text
    road.serves(C)
    assert road.standing() == [A, B, C]


# On local it is the same chain, and one folder.
@pytest.mark.parametrize("road", all_targets[1:], indirect=True)
def test_deploying_what_serves_already(road: Road) -> None:
    road.stand(A, B, C)
    road.must("deploy", C)
    road.serves(C)
    assert road.standing() == [A, B, C]


# The chain decides it, which is the same on each target.
@pytest.mark.parametrize("road", both[1:], indirect=True)
def test_rolling_back_twice_goes_two_releases_back(road: Road, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    road.stand(A, B, C)
    with callers(road) as seen:
        said = road.must("rollback")
    assert f"{B} serves, was {C}: rollback in" in said.text
    road.serves(B)
    assert seen.failures == []
    assert set(seen.summary()["by_release"]) == {B, C}
    assert road.place.read_pointer() == road.digests[B]
    # The second needs neither registry nor MLflow.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    registry: Registry | None = request.getfixturevalue("registry") if road.project.as_image else None
    with registry.down() if registry else nullcontext():
        said = road.must("rollback")
    road.serves(A)
    assert "MLflow could not record" in said.text
    assert ("the pointer `production` was not moved" in said.text) == (registry is not None)
    with road.unchanged():
        refused(road.run("rollback"), 2, f"{A} is the first release of the chain", f"{C} (", f"{B} (", "Next: ./run rollback --to TAG.")


@pytest.mark.parametrize("road", both[1:], indirect=True)
def test_going_back_to_another_input_contract_has_to_be_asked_for(road: Road) -> None:
    road.stand(A)
    road.must("deploy", FAULTY)
    assert "callers must send other requests: --accept-contract" in road.must("status").text
    with road.unchanged():
        said = road.run("rollback")
    old = features.CONTRACT_VERSION
    refused(said, 2, f"{FAULTY} takes requests of input contract {old + 1}, {A} of {old}", "Next: ", "--accept-contract")
    road.must("rollback", "--accept-contract")
    road.serves(A)


@pytest.mark.parametrize("road", both[1:], indirect=True)
def test_a_deploy_after_rollbacks_is_taken_over_by_another(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    if road.standing() != [A] or {tag for tag, _, _ in road.recorded()} != {A, B, C}:
        road.stand(A, B, C)
        road.must("rollback")
        road.must("rollback")
    with road.unchanged():
        refused(road.run("deploy", C), 6, f"Deploys are held: rollback to {A} by ", "Next: ", "./run resume")
        refused(road.run("deploy", "v9.9.9", "--resume"), 2, "There is no tag 'v9.9.9'")
    assert (state(road)["held_by"]["tag"], "./run resume allows them again" in road.must("status").text) == (A, True)
    assert f"Deploys are allowed again: they were held by rollback to {A}" in road.must("resume", "--reason", "mended").text
    assert state(road)["held_by"] is None
    assert f"No deploys are held; {A} is live." in road.must("resume").text

    def rollback() -> None:
        assert road.standing() == [A, C]  # it follows what was live, and not the highest tag
        road.must("rollback", "--to", B, "--reason", "because")

    with during(monkeypatch, "read_running_digest", road, rollback):
        said = road.run("deploy", C)
    refused(said, 5, "judging again", f"deploy {C} was taken over", "Next: ./run status.")
    road.serves(B)
    assert (road.standing(), road.place.lock.read_holder()) == ([A, B], None)
    events = json.loads(road.must("history", "--json").out)[:4]
    told = [(each["what"], each["from"], each["tag"]) for each in events]
    assert told == [("rollback (because)", C, B), ("resume (mended)", "", A), ("rollback", B, A), ("rollback", C, B)]
    shown = [line.split("|")[2].strip() for line in road.must("history").out.splitlines()[2:6]]
    assert shown == [what for what, _, _ in told]


def test_a_rollback_is_not_undone_by_the_deploy_it_took_over(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    road.stand(A, B)
    with during(monkeypatch, "switch_traffic", road, lambda: road.must("rollback")):
        refused(road.run("deploy", C), 5, f"deploy {C} was taken over", "Next: ./run status.")
    road.serves(A)
    assert (road.standing(), road.place.lock.read_holder()) == ([A], None)
    road.must("resume")


def test_a_rollback_that_was_cut_short_is_completed_by_the_same_again(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    road.stand(A, B)

    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(type(road.place), "append_event", full)
        assert "the history could not be written, so this counts as not proven" in road.must("rollback").text
    assert "NOT PROVEN: a deploy or rollback is running, or was interrupted." in road.must("status").text
    assert (state(road)["live"]["tag"], state(road)["rollback_to"], state(road)["held_by"]) == (A, A, None)
    assert f"{A} serves, was {B}" in road.must("rollback").text
    road.serves(A)
    assert state(road)["held_by"]["tag"] == A
    refused(road.run("rollback", "--to", A), 2, f"{A} is the live release.")
    road.must("resume")


@pytest.mark.parametrize("road", both[1:], indirect=True)
def test_three_releases_stay_on_the_host_whoever_cleans_up(road: Road, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    road.stop()
    forget_images(road)  # a host that only pulls has no other name of an image than its digest
    for tag in (A, B, C, FAULTY):
        road.must("deploy", tag)
    assert isinstance(road.place, on_docker.Docker)
    client, stay = road.place.client, {road.digests[tag] for tag in (FAULTY, C, B)}
    assert on_host(client, road) == stay
    # What `docker system prune --all` does, to what is ours.
    client.containers.prune(filters={"label": f"release.project={road.project.name}"})
    for tag in (FAULTY, C, B):
        commit = road.git("rev-parse", f"{tag}^{{commit}}")
        client.images.prune(filters={"dangling": False, "label": f"org.opencontainers.image.revision={commit}"})
    assert on_host(client, road) == stay
    with registry.down():
        assert f"{C} serves, was {FAULTY}" in road.must("rollback", "--accept-contract").text
        assert f"{B} serves, was {C}" in road.must("rollback").text
        with road.unchanged():
            needs = "is not on the host, and could not be pulled: "
            refused(road.run("rollback"), 2, needs, "You need the registry, or a machine that has the image: docker save there")
    unmerged = push_unmerged(client, road)
    monkeypatch.setattr("slipway.operate.prune.datetime", Mock(now=lambda zone: datetime.now(zone) + timedelta(days=31)))
    assert " 1 go " in road.must("prune", "--keep", "1").text
    assert fetch_digest(client, unmerged) is None
    assert f"{A} serves, was {B}" in road.must("rollback").text
    road.serves(A)


def push_unmerged(client: docker.DockerClient, road: Road) -> str:
    """Push an image for a commit that is neither tagged nor merged, and return its name."""
    commit = road.git("commit-tree", "HEAD^{tree}", "-m", "Not merged")
    name = f"{road.project.image_name}:{commit}"
    client.images.build(fileobj=io.BytesIO(f"FROM {IMAGES['base']}\nLABEL of={commit}\n".encode()), tag=name)
    push_image(client, name, road.project.image_name, commit)
    client.images.remove(name, force=True)
    return name


def on_host(client: docker.DockerClient, road: Road) -> set[str]:
    """Return the digests of a project's images on the host."""
    names = [name for image in client.images.list() for name in image.attrs["RepoDigests"] or []]
    return {name.partition("@")[2] for name in names if name.startswith(f"{road.project.image_name}@")}


def test_a_lock_that_was_torn_is_no_lock(made: Road) -> None:
    place = Road(made.root).place
    assert isinstance(place, Local)
    place.lock.path.touch()
    with lock.hold_lock(place, "deploy v9.9.9"):
        assert (place.lock.read_holder() or {})["what"] == "deploy v9.9.9"
    assert list(place.state.glob("lock*")) == []


def test_stopping_leaves_nothing(road: Road) -> None:
    if not road.standing():
        road.stand(A)
    if road.target == "local":
        assert "Nothing answers at" in road.must("down").text
        assert "NOTHING" in road.must("status").text
        road.must("deploy", A)
        road.serves(A)
        road.must("down")
        road.stop()  # the chain goes, too, which `down` leaves here
    else:
        with road.unchanged():
            refused(
                road.run("down"), 2, f"Next: if a release misbehaves, ./run rollback; otherwise ./run down --remove {road.project.name}."
            )
            refused(road.run("down", "--remove", "another"), 2, "--remove 'another' is not its name.")
        road.must("down", "--remove", road.project.name)
    assert [each for each in psutil.process_iter() if works_in(each, road.root)] == []
    if isinstance(road.place, on_docker.Docker):
        client, name = road.place.client, road.project.name
        assert [each for each in client.containers.list(all=True) if (each.name or "").startswith(name)] == []
        assert [each for each in client.volumes.list() if each.name.startswith(name)] == []
        assert [each for each in client.networks.list() if (each.name or "").startswith(name)] == []
    if isinstance(road.place, Kubernetes):
        assert road.namespace
        wait_until(lambda: road.namespace is None or "road-" not in road.namespace.kubectl("get", EVERYTHING, "--output", "name"))


# Tools of these tests.


def works_in(process: psutil.Process, folder: Path) -> bool:
    """Tell whether a process works in a folder."""
    try:
        return Path(process.cwd()).is_relative_to(folder)
    except (psutil.Error, OSError):
        return False


def take_over(road: Road) -> None:
    """Take the environment from whoever has it, and give it back."""
    with lock.hold_lock(road.place, "rollback", takeover=True):
        pass


@contextmanager
def during(patch: pytest.MonkeyPatch, step: str, road: Road, what: Callable[[], object]) -> Iterator[None]:
    """Do something when a deploy comes to a step of the target for the first time."""
    place = type(road.place)
    honest, came = getattr(place, step), False

    def stepped(self: Any, *arguments: Any, **named: Any) -> Any:
        nonlocal came
        if not came:
            came = True
            what()
        return honest(self, *arguments, **named)

    with patch.context() as inside:
        inside.setattr(place, step, stepped)
        yield
    assert came


@contextmanager
def interrupted_once(patch: pytest.MonkeyPatch, owner: Any, step: str) -> Iterator[None]:
    """Press Ctrl-C when a deploy comes to a step for the first time."""
    honest, pressed = getattr(owner, step), False

    def stepped(self: Any, *arguments: Any) -> Any:
        nonlocal pressed
        if not pressed:
            pressed = True
            raise KeyboardInterrupt
        return honest(self, *arguments)

    with patch.context() as inside:
        inside.setattr(owner, step, stepped)
        yield
    assert pressed


# What depends on no target.


# The docker library drops the socket that it could not connect.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_without_an_engine(made: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    made.checkout("main")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent")
    for verb in (["deploy", A], ["rollback"], ["status"], ["history"]):
        refused(Road(made.root, "docker").run(*verb), 2, "No Docker engine answers on unix:///nonexistent", "add --target local")
    gc.collect()


def test_what_nobody_thought_of_is_no_verdict(made: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("slipway.operate.status.format_status")
    said = made.run("status")
    assert (said.code, said.err.splitlines()[-1]) == (2, "NameError: name 'format_status' is not defined")


def test_a_champion_that_cannot_be_reached_is_no_first_release(made: Road) -> None:
    made.checkout(C)
    url = f"http://127.0.0.1:{free_port()}"
    refused(made.run("validate", "--champion", url), 2, f"{url} did not answer to the end", "Next: ./run status")
    refused(made.run("build"), 2, "The bundle was never judged", "Next: ./run validate.")


@pytest.mark.docker
def test_a_pointer_that_cannot_be_resolved_is_no_first_release(made: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    made.checkout(C)
    monkeypatch.setenv("IMAGE_REPOSITORY", f"127.0.0.1:{free_port()}/nobody")
    said = Road(made.root, "docker").run("validate", "--champion", "production")
    refused(said, 2, "The registry did not answer about 127.0.0.1:", "Next: docker login")


def test_training_data_without_a_column(made: Road) -> None:
    made.checkout(C)
    column = next(iter(features.Row.model_fields))
    write_rows(made, [{name: value for name, value in row.items() if name != column} for row in training_rows(made)])
    said = made.run("train", "--uncommitted-data")
    refused(said, 1, "does not meet validation/expectations.json", "| column", column, "then: ./run train.")
    assert (made.root / "build" / "bundle").is_dir()


def test_training_again_gives_the_same_model_and_needs_no_mlflow(made: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    made.checkout(A)
    before = read(made.kept(A) / "bundle")[0]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    said = made.must("train")
    after = read(made.root / "build" / "bundle")[0]
    assert "warning: MLflow could not record the training run; continuing without" in said.text
    assert after == before
    refused(made.run("build"), 2, "The bundle was never judged", "Next: ./run validate.")


def test_training_from_a_dirty_tree_is_told_and_not_built(made: Road) -> None:
    made.checkout(A)
    changed = made.root / "changed"
    changed.touch()
    made.must("train")
    changed.unlink()
    assert read(made.root / "build" / "bundle")[0].dirty
    refused(made.run("build"), 2, "was trained from a tree with uncommitted changes", "Next: ./run train.")


def test_a_bundle_of_another_commit_is_not_built(made: Road) -> None:
    made.checkout(UNJUDGED)
    shutil.copytree(made.kept(A), made.root / "build")
    refused(made.run("build"), 2, "The bundle was trained from", "is checked out. Next: ./run train.")


class Evil:
    """A pickle that leaves a trace where it is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.trace,)


def served(bundle: Path) -> Path:
    """The file that answers: the graph of a compiled model, the pipeline of another."""
    return bundle / read(bundle)[0].model.served.file


def flip(bundle: Path, _: Path) -> None:
    """Change one bit in the middle."""
    model = served(bundle)
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)


def flip_pipeline(bundle: Path, _: Path) -> None:
    """Change one bit of the pipeline, which does not answer, and which MLflow keeps."""
    content = bytearray((bundle / "model.skops").read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / "model.skops").write_bytes(content)


def swap(bundle: Path, others: Path) -> None:
    """Take the model of another release."""
    shutil.copyfile(served(others / A / "bundle"), served(bundle))


def poison(bundle: Path, others: Path) -> None:
    """Put a pickle in the model's place and have the manifest agree."""
    model = served(bundle)
    model.write_bytes(pickle.dumps(Evil(others / "trace")))
    manifest = json.loads((bundle / "manifest.json").read_bytes())
    part = manifest["model"]["graph"] or manifest["model"]
    part["sha256"] = sha256(model.read_bytes())
    (bundle / "manifest.json").write_bytes(canonical(manifest))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (flip, "it was changed."),
        (flip_pipeline, "model.skops"),
        (swap, "it was changed."),
        (poison, "is not a model that may be loaded"),
    ],
)
def test_a_damaged_bundle_is_not_built(made: Road, damage: Callable[[Path, Path], None], sentence: str) -> None:
    made.checkout(C)
    others = made.kept(C).parent
    damage(made.root / "build" / "bundle", others)
    refused(made.run("build"), 2, sentence, "Nothing was built.", "Next: ./run train")
    assert not (others / "trace").exists()


def test_a_damaged_bundle_is_not_judged(made: Road) -> None:
    made.checkout(C)
    others = made.kept(C).parent
    poison(made.root / "build" / "bundle", others)
    said = made.run("validate", "--champion", "none")
    refused(said, 2, "ended instead of becoming ready", "model.", "is not a model that may be loaded")
    assert not (others / "trace").exists()


@pytest.mark.parametrize("road", both, indirect=True)
def test_judging_that_is_stopped_leaves_nothing_running(road: Road) -> None:
    road.stand(A)
    road.checkout(B)
    command = [sys.executable, "-m", "slipway.cli", "validate", "--target", road.target]
    process = subprocess.Popen(
        command, cwd=road.root, env={**os.environ, "PYTHONPATH": ""}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    wait_until(lambda: judged(process.pid, road) != [])
    running = judged(process.pid, road)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    # Where the interrupt meets an eval, Python ends by the signal itself; a shell calls that 130 too.
    assert process.returncode in (130, -signal.SIGINT)
    assert said.decode().strip() == "interrupted"
    assert not any(psutil.pid_exists(pid) for pid in running)
    road.serves(A)


def judged(pid: int, road: Road) -> list[int]:
    """Return the processes, here or in containers, that run only to be judged."""
    if road.target == "local":
        return [each.pid for each in psutil.Process(pid).children(recursive=True) if " -m slipway.serving" in " ".join(each.cmdline())]
    client = docker.from_env()
    try:
        ours = [each for each in client.containers.list(filters={"label": JUDGED}) if road.project.name in each.labels[JUDGED]]
        return [each.attrs["State"]["Pid"] for each in ours]
    finally:
        client.close()
