"""Who receives alerts: `./run alert` says it, writes the secret that this takes to the host, and sends an alert to try it."""

import ast
import getpass
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from slipway.errors import PipelineError
from slipway.operate.targets.ask_service import format_request
from slipway.project import NOTIFIED, Project
from slipway.say import line, one_line

if TYPE_CHECKING:  # imported late: other targets do without the Docker SDK
    from docker.models.containers import Container

    from slipway.operate.targets.monitoring import Monitoring

NOBODY = "page-only"
# A receiver of a config without a route for tests waits for others of its group first, 30 seconds.
WAIT_SECONDS, POLL_SECONDS = 60, 0.5
PORT = 9093
ASK = f'exec 3<>/dev/tcp/127.0.0.1/{PORT} && printf %s "$1" >&3 && cat <&3'
COUNTED = re.compile(r"^alertmanager_notification_requests(?P<failed>_failed)?_total\{[^}]*\} (?P<count>\S+)$", re.MULTILINE)
REASON = re.compile(r'err=("(?:[^"\\]|\\.)*"|[^"\s]\S*)')


class Nobody(PipelineError):
    """Alerts are sent to nobody."""


@dataclass(frozen=True)
class Attempts:
    """How often Alertmanager has sent a notification so far, and how often that failed."""

    sent: float
    failed: float


def alert(project: Project, test: bool, secret: bool) -> None:
    """Show who receives alerts. With `secret` write theirs, from the standard input; with `test` send one. Raises PipelineError."""
    monitoring = _load_monitoring(project)
    if secret:
        monitoring.volume.write_secret(_read_secret(project))
        line("The secret is on the host, in a file that only Alertmanager reads. Next: ./run up, then ./run alert --test.")
        if not test:
            return
    receiver = find_receiver(monitoring.load_files(), monitoring.volume.read())
    if test:
        _send_test(monitoring, receiver)
        line(f"Delivered: {receiver} took the test alert.")
    else:
        line(f"{receiver} receives alerts. Next: ./run alert --test sends one.")


def _load_monitoring(project: Project) -> "Monitoring":
    if project.target != "docker" or project.watch is None:
        why = f"the target {project.target!r} has none" if project.target != "docker" else "[watch] is not in project.toml"
        raise PipelineError(
            f"./run alert is for the Alertmanager that ./run up starts, and {why}. Expected: the target docker, with [watch]. "
            "Next: the Alertmanager of your cluster can take the receivers of infra/watch/alertmanager.yml."
        )
    from slipway.operate.targets.docker import Docker

    return Docker(project).monitoring


def _read_secret(project: Project) -> str:
    """Read the secret of the receiver that project.toml names. Raises PipelineError, which does not quote it."""
    name = project.watch.notify if project.watch else ""
    if not name:
        raise PipelineError(f"[watch] notify is not set, so there is no receiver to have a secret. Next: {format_next()}")
    text = (getpass.getpass(f"{NOTIFIED[name]}: ") if sys.stdin.isatty() else sys.stdin.read()).strip()
    if not text or (name != "mail" and not re.fullmatch(r"https?://\S+", text)):
        form = "a password" if name == "mail" else "an address, https://..."
        raise PipelineError(f"That is not {NOTIFIED[name]}. Expected: {form}. Nothing was written. Next: ./run alert --secret < FILE.")
    return text


def format_next() -> str:
    """Return what makes somebody receive alerts."""
    names = list(NOTIFIED)
    return f'under [watch] in project.toml, set notify = "{names[0]}", or {", ".join(names[1:])}; then ./run alert --secret, and ./run up.'


def find_receiver(wanted: Mapping[str, str], there: Mapping[str, str]) -> str:
    """Return who receives alerts, by the files that are wanted on the host and those that are there. Raises PipelineError for nobody."""
    from slipway.operate.targets import monitoring

    found = monitoring.read_receiver(monitoring.parse_alertmanager(wanted.get(monitoring.ALERTMANAGER, "")))
    receiver = str(found["name"])
    if receiver == NOBODY:
        raise Nobody(f"Nobody receives alerts: they are shown on Alertmanager's page only. Next: {format_next()}")
    if monitoring.SECRET in json.dumps(found) and monitoring.SECRET not in there:  # a config of one's own may have another file
        raise PipelineError(f"{receiver} receives no alerts: its secret is not on the host. Next: ./run alert --secret.")
    if there.get(monitoring.ALERTMANAGER) != wanted[monitoring.ALERTMANAGER]:
        raise PipelineError("The host has another Alertmanager config than infra/watch and project.toml describe. Next: ./run up.")
    return receiver


def _send_test(monitoring: "Monitoring", receiver: str) -> None:
    """Send an alert, and wait until Alertmanager counts that it was delivered. Raises PipelineError with the reason where it was not."""
    container = monitoring.find_container("alertmanager")
    if container is None or container.status != "running":
        raise PipelineError("Alertmanager does not run on the host. Next: ./run up.")
    now = monitoring.read_clock()
    with _reach(monitoring, container) as ask:
        before = count_attempts(ask("/metrics", None))
        ask("/api/v2/alerts", [build_alert(now)])
        deadline = time.monotonic() + WAIT_SECONDS
        while (found := count_attempts(ask("/metrics", None))).sent == before.sent:
            if time.monotonic() > deadline:
                raise PipelineError(
                    f"Alertmanager has not sent the test alert within {WAIT_SECONDS} s, or {receiver} has not answered: {receiver} may be "
                    "unreachable from the host, or alerts are silenced. Next: look at Alertmanager's page, which ./run up names."
                )
            time.sleep(POLL_SECONDS)
    if found.sent - before.sent == found.failed - before.failed:
        reason = find_reason(container.logs(since=int(now.timestamp())).decode(errors="replace"))
        raise PipelineError(
            f"The test alert was not delivered: {receiver} did not take it: {reason}. Next: correct that, or ./run alert --secret; "
            "then ./run alert --test."
        )


@contextmanager
def _reach(monitoring: "Monitoring", container: "Container") -> Iterator[Callable[[str, Any], str]]:
    """Yield a way to ask Alertmanager from inside its network: of a remote host its port is not reached from here."""
    from docker.errors import DockerException

    from slipway.operate.docker_engine import CONFINED, run_command

    image, joined = monitoring.volume.choose_image(), f"container:{container.id}"
    settings: dict[str, Any] = {"entrypoint": ["sleep", str(2 * WAIT_SECONDS)], "network_mode": joined, "auto_remove": True, **CONFINED}
    try:
        beside = monitoring.client.containers.run(image, detach=True, **settings)
    except DockerException as error:  # such as for want of room
        raise PipelineError(f"Alertmanager on the host cannot be reached: {error}. Next: fix that, then ./run alert --test.") from error

    def ask(path: str, body: Any) -> str:
        code, output = run_command(beside, ["bash", "-c", ASK, "bash", format_request(path, body).decode()])
        if code or " 200 " not in output.partition("\r\n")[0]:
            raise PipelineError(f"Alertmanager does not answer: {one_line(output, 300)}. Next: docker logs {container.name}.")
        return output

    try:
        yield ask
    finally:
        with suppress(DockerException):  # it has ended by itself
            beside.remove(force=True)


def build_alert(now: datetime) -> dict[str, Any]:
    """Return an alert that no other is grouped with, and that is over when nobody waits for it any more."""
    labels = {"alertname": "Test", "severity": "ticket", "test": now.isoformat()}
    annotations = {"summary": "This is a test: alerts arrive here.", "value": "Nothing is wrong.", "runbook": "docs/monitoring.md"}
    return {"labels": labels, "annotations": annotations, "endsAt": (now + timedelta(seconds=WAIT_SECONDS)).isoformat()}


def count_attempts(metrics: str) -> Attempts:
    """Return what Alertmanager's metrics count."""
    found = [(bool(each["failed"]), float(each["count"])) for each in COUNTED.finditer(metrics.replace("\r\n", "\n"))]
    sent, failed = (sum(count for is_failed, count in found if is_failed is which) for which in (False, True))
    return Attempts(sent, failed)


def find_reason(log: str) -> str:
    """Return why Alertmanager could not deliver last, by its log, which names no secret."""
    found = REASON.findall(log)
    if not found:
        return "its log does not say why"
    return one_line(ast.literal_eval(found[-1]) if found[-1].startswith('"') else found[-1], 300)
