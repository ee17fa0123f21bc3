"""Who receives alerts: each receiver really listens, a real Alertmanager sends, and what goes wrong is one sentence."""

import io
import json
import re
import shutil
import socketserver
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway import project
from slipway.cli import ROOT, main
from slipway.errors import PipelineError
from slipway.operate import alert, docker_engine
from slipway.operate.alert import Attempts, count_attempts, find_reason, find_receiver
from slipway.operate.process import free_port
from slipway.operate.targets import monitoring
from slipway.operate.targets.docker import Docker
from slipway.project import NOTIFIED
from tests.conftest import PROJECT
from tests.library.test_host import ON_CLUSTER

FILES = monitoring.load_files(ROOT)
METRICS = """# TYPE alertmanager_notification_requests_total counter
alertmanager_notification_requests_total{integration="email",receiver_name="mail"} 0
alertmanager_notification_requests_total{integration="slack",receiver_name="slack"} 7
alertmanager_notification_requests_failed_total{integration="slack",receiver_name="slack"} 2
alertmanager_notifications_total{integration="slack"} 99
"""
LOG = """level=WARN msg="Notify attempt failed, will retry later" receiver=slack attempts=1 err="Post \\"<redacted>\\": connection refused"
level=INFO msg="Completed loading of configuration file"
"""


# What is decided.


def test_alertmanager_s_counts_are_read() -> None:
    assert count_attempts(METRICS) == count_attempts(METRICS.replace("\n", "\r\n")) == Attempts(7, 2)
    assert count_attempts("") == Attempts(0, 0)


def test_the_reason_is_alertmanager_s_last() -> None:
    assert find_reason(LOG) == 'Post "<redacted>": connection refused'
    assert find_reason('err="first"\n' + LOG + 'err="then \\u20ac\\n@x\\x00"\n') == "then € @x\\x00"
    assert find_reason("err=EOF\n") == "EOF"
    assert find_reason("") == "its log does not say why"


def test_each_receiver_is_in_the_config_and_has_its_secret_in_a_file() -> None:
    config = yaml.safe_load(FILES[monitoring.ALERTMANAGER])
    assert [each["name"] for each in config["receivers"]] == [alert.NOBODY, *NOTIFIED]
    for each in config["receivers"][1:]:
        [[[settings]]] = [[value] for name, value in each.items() if name != "name"]
        assert [value for name, value in settings.items() if name.endswith("_file")] == [f"{monitoring.FOLDER}/{monitoring.SECRET}"]


def wanted(notify: str) -> dict[str, str]:
    return {**FILES, monitoring.ALERTMANAGER: monitoring.choose_receiver(FILES[monitoring.ALERTMANAGER], notify)}


def test_what_else_the_config_says_is_kept() -> None:
    before, after = (yaml.safe_load(each[monitoring.ALERTMANAGER]) for each in (FILES, wanted("slack")))
    assert (before["route"].pop("receiver"), after["route"].pop("receiver")) == ("page-only", "slack")
    assert before == after


@pytest.mark.parametrize(
    ("files", "there", "sentence"),
    [
        (FILES, FILES, 'Nobody receives alerts.*Next: under .watch. in project.toml, set notify = "webhook", or slack, teams, mail; then '),
        (wanted("slack"), wanted("slack"), r"slack receives no alerts: its secret is not on the host\. Next: \./run alert --secret\."),
        (wanted("slack"), {**FILES, monitoring.SECRET: "x"}, r"another Alertmanager config .* describe\. Next: \./run up\."),
        (wanted("slack"), {monitoring.SECRET: "x"}, r"Next: \./run up\."),
    ],
    ids=["nobody", "no secret", "not applied", "not started"],
)
def test_what_keeps_alerts_from_a_receiver_is_named(files: dict[str, str], there: dict[str, str], sentence: str) -> None:
    with pytest.raises(PipelineError, match=sentence):
        find_receiver(files, there)


def test_a_receiver_of_one_s_own_needs_no_secret_of_ours() -> None:
    hook = "{name: slack, slack_configs: [{api_url_file: /etc/watch/secrets/hook}]}"
    own = {**FILES, monitoring.ALERTMANAGER: f"route: {{receiver: slack}}\nreceivers: [{hook}]\n"}
    assert find_receiver(own, own) == "slack"
    assert find_receiver(wanted("slack"), {**wanted("slack"), monitoring.SECRET: "x"}) == "slack"


@pytest.mark.parametrize("config", ["", "route: [", "route: {}", "route: {receiver: slack}", "route: {receiver: slack}\nreceivers: [{}]"])
def test_a_config_that_names_no_receiver_is_told(config: str) -> None:
    with pytest.raises(PipelineError, match=r"^infra/watch/alertmanager\.yml .* Next: correct it there, then \./run up\.$"):
        monitoring.choose_receiver(config, "slack")
    with pytest.raises(PipelineError, match=r"has no receiver 'teams'; there are page-only\. "):
        monitoring.choose_receiver("route: {receiver: page-only}\nreceivers: [{name: page-only}]", "teams")


def test_where_there_is_no_alertmanager_of_ours_it_is_said() -> None:
    with pytest.raises(PipelineError, match=r"the target 'kubernetes' has none\. Expected: .* Next: the Alertmanager of your cluster"):
        alert.alert(ON_CLUSTER, test=True, secret=False)


@pytest.mark.parametrize(("name", "text"), [("slack", "xoxb-s3cr3t"), ("slack", " \n"), ("mail", ""), ("", "https://here")])
def test_what_is_no_secret_is_refused_and_not_quoted(name: str, text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    with pytest.raises(PipelineError, match="Next: ") as refused:
        alert._read_secret(project.load(write_project(tmp_path, "slack-test", name)))
    assert "s3cr3t" not in str(refused.value)


# With a real Alertmanager.


@dataclass
class Listening:
    """Receivers on this machine, and what they were sent."""

    http: int = 0
    smtp: int = 0
    posted: list[tuple[str, str]] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def listening() -> Iterator[Listening]:
    """Listen as a webhook, which answers with the status that its path ends with, and as a mail server."""
    found = Listening()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.posted.append((self.path, self.rfile.read(int(self.headers["content-length"])).decode()))
            self.send_response(int(self.path.rpartition("/")[2]))
            self.end_headers()
            self.wfile.write(b"ok")  # Slack answers with this word, and Alertmanager looks for it

        def log_message(self, *_: object) -> None:
            return

    class Mail(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            """Speak as much of SMTP as it takes to receive a mail of who knows the password."""
            self.say("220 here")
            for line in iter(self.rfile.readline, b""):
                verb = line.decode().split()[0].upper()
                if verb == "EHLO":
                    self.say("250-here\r\n250 AUTH LOGIN")
                elif verb == "AUTH":
                    self.say("334 VXNlcm5hbWU6")  # Username:
                    found.mails.append(self.rfile.readline().decode())
                    self.say("334 UGFzc3dvcmQ6")  # Password:
                    right = self.rfile.readline().decode().strip() == "czNjcjN0"
                    self.say("235 welcome" if right else "535 who are you?")
                elif verb == "DATA":
                    self.say("354 go on")
                    found.mails.append("".join(each.decode() for each in iter(self.rfile.readline, b".\r\n")))
                    self.say("250 taken")
                else:
                    self.say("221 bye" if verb == "QUIT" else "250 well")

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with ThreadingHTTPServer(("0.0.0.0", 0), Hook) as web, socketserver.ThreadingTCPServer(("0.0.0.0", 0), Mail) as mail:
        found.http, found.smtp = web.server_port, mail.server_address[1]
        for server in (web, mail):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        yield found
        web.shutdown()
        mail.shutdown()


def write_project(root: Path, name: str, notify: str = "") -> Path:
    """Write a project that has nothing but monitoring."""
    ports = "".join(f"{service} = {free_port()}\n" for service in monitoring.SERVICES)
    text = PROJECT.format(name=name, port=free_port()) + f"[watch]\n{ports}days = 30\n"
    (root / "project.toml").write_text(text + (f'notify = "{notify}"\n' if notify else ""), encoding="utf-8")
    return root


@dataclass
class Place:
    """A host with an Alertmanager and a proxy."""

    root: Path
    address: str  # of this machine, as containers see it

    def run(self, *words: str, typed: str = "") -> tuple[int, str]:
        """Run a verb, with something to read."""
        out = io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            for stream in ("sys.stdout", "sys.stderr"):
                patch.setattr(stream, out)
            patch.setattr("sys.stdin", io.StringIO(typed))
            code = main([*words, "--target", "docker"], root=self.root)
        return code, " ".join(out.getvalue().split())

    def notify(self, name: str, secret: str) -> None:
        """Have a receiver with a secret."""
        path = self.root / "project.toml"
        before = path.read_text(encoding="utf-8")
        text = re.sub("\nnotify = .*", "", before).rstrip() + f'\nnotify = "{name}"\n'
        path.write_text(text, encoding="utf-8")
        code, said = self.run("alert", "--secret", typed=secret)
        assert (code, secret in said) == (0, False), said
        assert text == before or self.run("up")[0] == 0


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, watching_images: dict[str, str], listening: Listening) -> Iterator[Place]:
    """Start Alertmanager, and neither Prometheus nor Grafana; its mail goes to the server here."""
    assert watching_images
    root = write_project(tmp_path_factory.mktemp("alert"), f"alert-{uuid.uuid4().hex[:8]}")
    shutil.copytree(ROOT / "infra", root / "infra")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(monitoring, "SERVICES", ("alertmanager",))
        patch.setattr(monitoring, "RELOADED", {"alertmanager": monitoring.RELOADED["alertmanager"]})
        found = Place(root, "")
        try:
            code, said = found.run("up")
            assert code == 0, said
            [network] = target(found).client.networks.list(names=[f"^{target(found).project.name}-watch$"])
            found.address = network.attrs["IPAM"]["Config"][0]["Gateway"]
            path = root / "infra" / "watch" / monitoring.ALERTMANAGER
            here = f"smarthost: {found.address}:{listening.smtp}\n        require_tls: false"
            path.write_text(path.read_text().replace("smarthost: smtp.example.com:587", here))
            yield found
        finally:
            target(found).stop_all()


def target(place: Place) -> Docker:
    return Docker(project.load(place.root, "docker"))


@pytest.mark.docker
@pytest.mark.parametrize("name", ["webhook", "slack", "teams"])
def test_a_test_alert_arrives(name: str, place: Place, listening: Listening) -> None:
    listening.posted.clear()
    place.notify(name, f"http://{place.address}:{listening.http}/s3cr3t-{name}/200")
    assert place.run("alert") == (0, f"{name} receives alerts. Next: ./run alert --test sends one.")
    for _ in range(2):
        assert place.run("alert", "--test") == (0, f"Delivered: {name} took the test alert.")
    assert [path for path, _ in listening.posted][:2] == [f"/s3cr3t-{name}/200"] * 2
    assert all("This is a test: alerts arrive here." in text for _, text in listening.posted)
    json.loads(listening.posted[0][1])


@pytest.mark.docker
def test_a_test_alert_arrives_by_mail(place: Place, listening: Listening) -> None:
    place.notify("mail", "s3cr3t\n")
    assert place.run("alert", "--test") == (0, "Delivered: mail took the test alert.")
    assert "To: on-call@example.com" in listening.mails[-1]
    place.notify("mail", "another")
    code, said = place.run("alert", "--test")
    assert (code, "535 who are you?" in said) == (2, True)


@pytest.mark.docker
@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        ("http://{address}:1/s3cr3t", "connection refused"),
        ("http://{address}:{port}/s3cr3t/404", "unexpected status code 404"),
    ],
    ids=["nothing listens", "404"],
)
def test_what_the_receiver_does_not_take_is_told_with_the_reason(secret: str, reason: str, place: Place, listening: Listening) -> None:
    place.notify("slack", secret.format(address=place.address, port=listening.http))
    code, said = place.run("alert", "--test")
    assert (code, "s3cr3t" in said) == (2, False)
    assert said.startswith("error: The test alert was not delivered: slack did not take it: ")
    assert reason in said
    assert said.endswith("then ./run alert --test.")


@pytest.mark.docker
def test_the_secret_is_only_alertmanager_s_to_read_and_stays(place: Place) -> None:
    place.notify("webhook", "http://127.0.0.1/s3cr3t")
    container = target(place).monitoring.find_container("alertmanager")
    assert docker_engine.run_command(container, ["stat", "-c", "%a %u", f"{monitoring.FOLDER}/{monitoring.SECRET}"])[1] == "600 65534\n"
    assert "s3cr3t" not in json.dumps(container.attrs if container else None)
    assert [path for path in place.root.rglob("*") if path.is_file() and b"s3cr3t" in path.read_bytes()] == []


@pytest.mark.docker
def test_an_alertmanager_that_does_not_run_is_told(place: Place) -> None:
    place.notify("webhook", "http://127.0.0.1/s3cr3t")
    found: Any = target(place).monitoring.find_container("alertmanager")
    found.stop()
    assert place.run("alert", "--test") == (2, "error: Alertmanager does not run on the host. Next: ./run up.")
    assert place.run("up")[0] == 0
