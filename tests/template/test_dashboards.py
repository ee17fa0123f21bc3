"""The dashboards are what their generator makes, and a Prometheus that has scraped the service has an answer to all that they ask."""

import itertools
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest

from slipway.operate import process
from tests.conftest import wait_until
from tests.library.service.conftest import bundles, project  # noqa: F401  # fixtures
from tests.template import hurried
from tests.template.dashboards.written import FOLDER, expressions, panels, texts

ROOT = Path(__file__).parents[2]
NAMES = ["service.json", "model.json"]
IMAGE = "prom/prometheus:latest"
CONFIG = """global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [/watch/*.yml]
scrape_configs:
  - job_name: release
    static_configs: [{{targets: ["{address}"], labels: {{release: v1.0.0}}}}]
"""
FACTS = """groups:
  - name: facts
    rules: [{record: release_recorded, labels: {release: v1.0.0}, expr: vector(1)}]
"""
SECONDS = 60


@pytest.mark.parametrize("name", NAMES)
def test_the_files_are_what_the_generator_makes(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == texts()[name], "write them anew: .venv/bin/python -m tests.template.dashboards"


@pytest.mark.parametrize("name", NAMES)
def test_each_panel_says_what_it_shows_and_asks_the_one_source(name: str) -> None:
    found = panels(name)
    assert 8 <= len(found) <= 14
    for panel in found:
        assert len(panel["title"]) >= 3
        assert re.fullmatch(r"[A-Z0-9].{20,}\.", panel["description"], flags=re.DOTALL), panel["title"]
        assert {panel["datasource"]["uid"], *(each["datasource"]["uid"] for each in panel["targets"])} == {"prometheus"}
        assert all(
            "{{release}}" in each["legendFormat"] or "instance" in each["legendFormat"] or each["expr"].count(":rate5m")
            for each in panel["targets"]
        )


@contextmanager
def load(url: str, rows: list[Any]) -> Iterator[None]:
    """Ask again and again."""
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=url, timeout=30) as client:
            for number in itertools.count():
                client.post("/predict", json=rows if number % 10 == 0 else rows[number % len(rows)])
                if over.wait(0.02):
                    return

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def prometheus(folder: Path, address: str) -> Iterator[str]:
    """Run a Prometheus that scrapes an address of this machine each second; yields its URL."""
    (folder / "prometheus.yaml").write_text(CONFIG.format(address=address), encoding="utf-8")
    (folder / "facts.yml").write_text(FACTS, encoding="utf-8")
    hurried.write(folder)
    port, client = process.free_port(), docker.from_env()
    words = ["--config.file=/watch/prometheus.yaml", f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.path=/tmp/data"]
    container = client.containers.run(
        IMAGE, words, detach=True, network_mode="host", volumes={str(folder): {"bind": "/watch", "mode": "ro"}}, user="0:0"
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(f"{url}/-/ready"))
        yield url
    finally:
        container.remove(force=True, v=True)
        client.close()


def answers(url: str) -> bool:
    """Tell whether something answers."""
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def series(url: str, expression: str, start: float) -> int:
    """Return how many series an expression has had since."""
    asked = {"query": expression, "start": start, "end": time.time(), "step": 1}
    said = httpx.post(f"{url}/api/v1/query_range", data=asked, timeout=30).json()
    assert said["status"] == "success", (expression, said)
    return len(said["data"]["result"])


@pytest.mark.docker
def test_prometheus_has_an_answer_to_each_expression(bundles: tuple[Path, Path], tmp_path: Path) -> None:  # noqa: F811
    rows = json.loads((bundles[0] / "golden.json").read_bytes())["rows"]
    tmp_path.chmod(0o755)
    with (
        process.serve_release(ROOT, bundles[0]) as service,
        prometheus(tmp_path, service.removeprefix("http://")) as url,
        load(service, rows),
    ):
        start = time.time()
        wait_until(lambda: time.time() - start > SECONDS or series(url, "prediction:psi_threshold:1d", start) > 0)
        until = start + SECONDS
        while time.time() < until:
            time.sleep(1)
        found = [(name, title, expression, series(url, expression, start)) for name in NAMES for title, expression in expressions(name)]
    for each in found:
        print("| {} | {} | `{}` | {} |".format(*each))
    assert [each for each in found if each[3] == 0] == []
