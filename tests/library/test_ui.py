"""`./run ui`: what is there has a link, what is not has its command; and pages open in the browser, or say where they are."""

import html
import itertools
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from slipway import project, rehearsal
from slipway.cli import ROOT, main
from slipway.operate.process import free_port
from slipway.rehearsal import demo
from slipway.rehearsal import report as rehearsal_report
from slipway.say import open_in_browser
from slipway.watch import ui
from slipway.watch.ui import Item
from tests.library.test_page import HOSTILE, read

SETTINGS = (ROOT / "project.toml").read_text(encoding="utf-8")
ANSWERS = {"/version": {"tag": "v1.4.0"}, "/-/ready": {}, "/api/health": {}, "/health": {}}
NAMES = ["Gate", "Rehearsal", "Drift", "Outcomes", "Live release", "MLflow", "Prometheus", "Alertmanager", "Grafana"]


class Stub(BaseHTTPRequestHandler):
    """Answers as a release, MLflow and monitoring do where they are well; nothing else."""

    def do_GET(self) -> None:
        known = self.path in ANSWERS
        self.send_response(200 if known else 404)
        self.end_headers()
        self.wfile.write(json.dumps(ANSWERS.get(self.path)).encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running() -> Iterator[int]:
    """Run one, and yield its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Stub) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def place(root: Path, port: int, more: str = "") -> Path:
    """Write a project whose release and monitoring are on one port."""
    text = SETTINGS.replace("127.0.0.1:8080", f"127.0.0.1:{port}").replace('target = "docker"', 'target = "local"') + more
    for name, usual in (("prometheus", 9090), ("alertmanager", 9093), ("grafana", 3000)):
        assert f"{name} = {usual}" in text
        text = text.replace(f"{name} = {usual}", f"{name} = {port}")
    (root / "project.toml").write_text(text, encoding="utf-8")
    return root


def show(root: Path, capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, list[str]], str]:
    """Call the verb; return the cells of each row that it prints, and its page."""
    assert main(["ui", "--no-open"], root=root) == 0
    out = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in out.splitlines() if line.startswith("| ")][2:]
    assert f"The page: {root / 'build' / 'ui.html'}" in out
    return {name: cells for name, *cells in rows}, (root / "build" / "ui.html").read_text(encoding="utf-8")


def test_where_nothing_is_yet_each_has_the_command_that_makes_or_starts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PROMETHEUS_URL", raising=False)
    monkeypatch.setattr(ui, "MLFLOW", f"http://127.0.0.1:{free_port()}")
    rows, page = show(place(tmp_path, free_port()), capsys)
    assert list(rows) == NAMES
    assert {there for there, *_ in rows.values()} == {"no"}
    commands = {name: command for name, (_, _, command) in rows.items()}
    for name, (_, _, command) in ui.REPORTS.items():
        assert commands[name] == command
    assert commands["MLflow"] == "./run mlflow"
    assert all(commands[name].startswith("./run up") for name in ui.MONITORING)
    assert commands["Live release"].startswith("./run ")
    assert all(f"<code>{html.escape(command)}</code>" in page for command in commands.values())
    assert "<a " not in page


def test_what_runs_and_what_was_made_is_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("PROMETHEUS_URL", raising=False)
    for file, _, _ in ui.REPORTS.values():
        (tmp_path / "build" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "build" / file).write_text(f"<title>PASS: &lt;of&gt; {file}</title>", encoding="utf-8")
    with running() as port:
        monkeypatch.setattr(ui, "MLFLOW", f"http://127.0.0.1:{port}")
        rows, page = show(place(tmp_path, port), capsys)
    assert {there for there, *_ in rows.values()} == {"yes"}
    assert rows["Gate"] == ["yes", "PASS: <of> gate.html, just now", "gate.html"]
    assert rows["Live release"] == ["yes", f"v1.4.0 answers at 127.0.0.1:{port}", f"http://127.0.0.1:{port}/docs"]
    assert rows["Grafana"][2] == f"http://127.0.0.1:{port}/dashboards"
    links = [attributes["href"] for tag, attributes in read(page).elements if tag == "a"]
    assert links == [address for _, _, address in rows.values()]
    assert all(":" in str(link) or (tmp_path / "build" / str(link)).is_file() for link in links)


def test_another_service_on_the_port_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ANSWERS", {"/version": {"another": "service"}})
    with running() as port:
        rows, _ = show(place(tmp_path, port), capsys)
    assert {rows[name][0] for name in NAMES[4:]} == {"no"}
    assert "404" in rows["Grafana"][1]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is full is made by Linux's /dev/full")
def test_a_full_disk_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = place(tmp_path, free_port())
    (root / "build").mkdir()
    (root / "build" / "ui.html").symlink_to("/dev/full")
    assert main(["ui", "--no-open"], root=root) == 2
    said = capsys.readouterr().err
    assert "No space left on device" in said
    assert said.endswith("Next: make room there, or let this user write there; then ./run ui.\n")
    assert "Traceback" not in said


def test_staging_is_a_release_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running() as port:
        rows, _ = show(place(tmp_path, free_port(), f'[environments.staging]\naddress = "127.0.0.1:{port}"\n'), capsys)
    assert rows["Live release"][0] == "no"
    assert rows["Live release in staging"][:2] == ["yes", f"v1.4.0 answers at 127.0.0.1:{port}"]


def test_one_that_hangs_keeps_nobody_waiting() -> None:
    ended = Event()
    hangs = Item("Slow", "", "http://127.0.0.1:1", "./run up"), lambda: str(ended.wait())
    found = ui.ask_services([hangs, (Item("Quick", "", "", ""), lambda: "answers")], 1)
    ended.set()
    assert [(each.is_there, each.found) for each in found] == [(False, "No answer within 1 s."), (True, "answers")]


def test_of_a_host_behind_ssh_the_command_brings_the_ports_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place(tmp_path, 9999) / "project.toml").write_text(SETTINGS, encoding="utf-8")
    monkeypatch.setenv("DOCKER_HOST", "ssh://deploy@203.0.113.7:2222")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://someone:secret@mlflow.example/base/")
    monkeypatch.setenv("PROMETHEUS_URL", "https://someone:secret@prometheus.example/")
    (live, _), (mlflow, _), (prometheus, _), *_ = ui.list_services(project.load(tmp_path))
    assert prometheus.command.startswith("./run up on the host, then here: ssh -N -L 3000:127.0.0.1:3000 -L 9090:127.0.0.1:9090 ")
    assert prometheus.command.endswith(" -p 2222 deploy@203.0.113.7")
    assert live.address == ""  # the address is the host's
    assert mlflow.address == "https://mlflow.example/base/"
    assert prometheus.address == "https://prometheus.example/alerts"
    assert "secret" not in str((mlflow, prometheus))


def test_a_page_is_whole_and_what_was_found_is_text() -> None:
    items = [Item(HOSTILE, HOSTILE, HOSTILE, HOSTILE, is_there, HOSTILE) for is_there in (True, False)]
    page = ui.format_page(HOSTILE, HOSTILE, items, items)
    found = read(page)
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in found.elements}
    assert "<script>alert(1)</script>" in found.said
    assert not any(name.startswith("on") for _, attributes in found.elements for name in attributes)
    levels = [int(each[1]) for each in found.headings()]
    assert (levels[0], levels.count(1)) == (1, 1)
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_where_no_browser_is_the_page_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    opened = list[str]()

    def open_once(address: str) -> bool:
        opened.append(address)
        return len(opened) < 2

    monkeypatch.setattr("webbrowser.open", open_once)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    open_in_browser("file:///a.html")
    monkeypatch.setenv("BROWSER", "any")
    open_in_browser("file:///b.html")
    open_in_browser("file:///c.html")
    monkeypatch.undo()
    monkeypatch.setenv("BROWSER", '"%s')
    open_in_browser("file:///d.html")
    lines = [f"No browser can be opened here. The page: file:///{name}.html" for name in "acd"]
    assert capsys.readouterr().out.splitlines() == lines
    assert opened == ["file:///b.html", "file:///c.html"]


@pytest.mark.parametrize("words", [["--open"], []])
def test_the_rehearsal_ends_on_its_page_when_asked_to(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = list[str]()
    monkeypatch.setattr(demo, "open_in_browser", opened.append)
    monkeypatch.setattr(demo, "_rehearse", lambda *_: None)
    for name, stand_in in {"choose_target": lambda _: ("local", ""), "prepare": rehearsal.locate, "clear": lambda _: None}.items():
        monkeypatch.setattr(rehearsal, name, stand_in)
    for name, stand_in in {"write_report": lambda *_: {}, "format_markdown": lambda _: "", "has_passed": lambda _: True}.items():
        monkeypatch.setattr(rehearsal_report, name, stand_in)
    assert main(["demo", *words], root=place(tmp_path, 9999)) == 0
    assert opened == [(tmp_path / "build" / "rehearsal" / "report.html").as_uri()] * len(words)
