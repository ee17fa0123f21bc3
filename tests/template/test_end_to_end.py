"""A release that learnt from other data than is asked is deployed: the drift alert arrives. It is rolled back: the alert is resolved."""

import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from slipway.cli import ROOT
from slipway.operate.process import free_port
from slipway.serving.frames import records
from tests.conftest import Registry, Road, wait_until
from tests.template import hurried

GOOD, BAD, MOVED = "v1.0.0", "v1.1.0", "windspeed"


@dataclass
class Told:
    """What Alertmanager told a webhook: of each alert its name, release and feature, whether it is firing, and when that was."""

    seen: list[tuple[str, str, str, str, float]] = field(default_factory=list)

    def has(self, alert: str, release: str, status: str) -> bool:
        """Tell whether this was told."""
        return any((name, of, said) == (alert, release, status) for name, of, _, said, _ in self.seen)


@contextmanager
def webhook(address: str) -> Iterator[tuple[int, Told]]:
    """Listen where Alertmanager reaches this machine; yields the port, and what is told."""
    told = Told()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["content-length"])))
            for each in content["alerts"]:
                name, release, feature = (each["labels"].get(label, "") for label in ("alertname", "release", "feature"))
                told.seen.append((name, release, feature, each["status"], time.monotonic()))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer((address, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, told
        server.shutdown()


@contextmanager
def load(road: Road, rows: list[Any]) -> Iterator[list[int]]:
    """Ask 20 rows at a time, as they come; yields the statuses."""
    over, statuses = threading.Event(), list[int]()

    def ask() -> None:
        with httpx.Client(base_url=road.url, timeout=30) as client:
            for first in itertools.cycle(range(0, len(rows) - 20, 20)):
                statuses.append(client.post("/predict", json=rows[first : first + 20]).status_code)
                if over.wait(0.1):
                    return

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield statuses
    finally:
        over.set()
        thread.join()


def change(path: Path, *pairs: tuple[str, str]) -> None:
    """Change a file."""
    text = path.read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in text, (path, old)
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def in_a_hurry(road: Road) -> None:
    """Have all that watches look each second, over windows of seconds."""
    watch = road.root / "infra" / "watch"
    hurried.write(watch / "rules")
    change(watch / "prometheus.yml", ("15s", "1s"), ("30s", "1s"))
    change(watch / "alertmanager.yml", ("group_wait: 30s", "group_wait: 1s"), ("group_interval: 5m", "group_interval: 2s"))
    ports = "".join(f"{service} = {free_port()}\n" for service in ("prometheus", "alertmanager", "grafana"))
    change(road.root / "project.toml", ("[bake]", f"[watch]\n{ports}days = 30\n\n[bake]"))


def prometheus(road: Road) -> str:
    """Return where Prometheus is."""
    assert road.project.watch
    return f"http://127.0.0.1:{road.project.watch.prometheus}"


def settled(road: Road) -> list[str]:
    """Return the releases that have been asked for a week."""
    found = httpx.get(f"{prometheus(road)}/api/v1/query", params={"query": "release:settled"}).raise_for_status().json()
    return [each["metric"]["release"] for each in found["data"]["result"]]


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory, registry: Registry, watching_images: dict[str, str]) -> Iterator[Road]:
    """Two releases, pushed. Rows come in any order, so that nothing has seasons; the second learnt from half of the wind."""
    assert watching_images
    road = Road.copied(tmp_path_factory.mktemp("watched") / "project")
    in_a_hurry(road)
    data = road.root / "data" / "train.csv"
    rows = pd.read_csv(data).sample(frac=1, random_state=0)
    rows.to_csv(data, index=False)
    road.make(GOOD)
    rows.assign(**{MOVED: rows[MOVED] / 2}).to_csv(data, index=False)
    road.make(BAD)
    road.target = "docker"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMAGE_REPOSITORY", f"{registry.address}/{road.project.name}")
        try:
            for tag in (GOOD, BAD):
                road.store(tag)
            road.checkout("main")
            yield road
        finally:
            road.stop()


@pytest.mark.docker
def test_the_alert_arrives_and_a_rollback_resolves_it(road: Road) -> None:
    road.must("up")
    network = road.place.client.networks.get(f"{road.project.name}-watch")  # type: ignore[attr-defined]
    gateway = network.attrs["IPAM"]["Config"][0]["Gateway"]
    rows = records(pd.read_csv(ROOT / "data" / "train.csv").sample(2000, random_state=1))
    columns = json.loads((road.kept(GOOD) / "bundle" / "golden.json").read_bytes())["rows"][0]
    rows = [{name: row[name] for name in columns} for row in rows]
    with webhook(gateway) as (port, told):
        receiver = f'- name: page-only\n    webhook_configs:\n      - url: "http://{gateway}:{port}/"'
        change(road.root / "infra" / "watch" / "alertmanager.yml", ("- name: page-only", receiver))
        road.commit("Who is told")
        road.must("up")
        road.must("deploy", GOOD)
        with load(road, rows) as statuses:
            wait_until(lambda: settled(road) == [GOOD])  # a week has passed, as long as that is here
            assert told.seen == []
            start = time.monotonic()
            road.must("deploy", BAD, "--approved-by", "Somebody", "--reason", "the wind is measured anew")  # the gate says FAIL
            deployed = time.monotonic()
            wait_until(lambda: told.has("FeatureDrift", BAD, "firing"))
            assert {each[2] for each in told.seen if each[0] == "FeatureDrift"} == {MOVED}
            said = road.run("drift", "--prometheus", prometheus(road), "--release", BAD)
            assert f"| {MOVED} | TOO EARLY |" in said.text  # seven real days have not passed
            back = time.monotonic()
            road.must("rollback")
            # Told that another release is live, Prometheus loads its rules anew, and what it sends meanwhile it sends again in a minute.
            wait_until(lambda: told.has("FeatureDrift", BAD, "resolved"), 150)
    assert set(statuses) == {200}
    assert {each[1] for each in told.seen if each[0] == "FeatureDrift"} == {BAD}
    for name, release, feature, status, at in told.seen:
        since = f"{at - deployed:.1f} s after the deploy" if at < back else f"{at - back:.1f} s after the rollback began"
        print(f"{name} {release} {feature} {status}: {since}")
    print(f"the deploy took {deployed - start:.1f} s")
