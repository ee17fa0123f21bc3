"""`./run ui`: one page of what there is to look at, whether it is there, and the command for what is not."""

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from html import escape, unescape
from pathlib import Path
from threading import Thread

import httpx

from slipway import http_client, project
from slipway.errors import PipelineError
from slipway.gate.markup import Html, format_paragraph, frame_page
from slipway.operate import chain, targets
from slipway.project import Project, Watch
from slipway.say import REASON, line, one_line, open_in_browser, table
from slipway.tracking import ledger

# Each with its file in build/, what it shows, and the command that makes it.
REPORTS = {
    "Gate": ("gate.html", "May the candidate go live? The verdict, and what is behind it.", "./run train, ./run validate"),
    "Rehearsal": ("rehearsal/report.html", "The whole pipeline, tried on this machine: deploys and a rollback under load.", "./run demo"),
    "Drift": ("drift/drift.html", "Do requests still resemble the training data?", "./run drift FILE"),
    "Outcomes": ("outcomes/outcomes.html", "Was the live release right, and better than those before it?", "./run outcomes FILE"),
}
# Each with what it shows, where it says that it is well, and the page to open.
MONITORING = {
    "Prometheus": ("What is counted, and which alerts fire.", "/-/ready", "/alerts"),
    "Alertmanager": ("Who was alerted, and of what.", "/-/ready", "/#/alerts"),
    "Grafana": ("Dashboards: requests, errors, latency, drift.", "/api/health", "/dashboards"),
}
PORTS = Watch(9090, 9093, 3000, 30)  # where project.toml has none
MLFLOW = "http://127.0.0.1:5001"  # where ./run mlflow shows its pages
SECONDS = 5.0  # so long all services together may take to answer


@dataclass(frozen=True)
class Item:
    """A report or a service: what it shows, where it is, the command that makes or starts it, and what was found of it."""

    name: str
    shows: str
    address: str
    command: str
    is_there: bool = False
    found: str = ""


# It returns what was found, and raises an error where the service does not answer.
Ask = Callable[[], str]


def ui(at: Project, no_open: bool) -> None:
    """Write build/ui.html, print what is on it, and open it."""
    reports, services = find_reports(at.root / "build"), ask_services(list_services(at), SECONDS)
    page = at.root / "build" / "ui.html"
    page.parent.mkdir(exist_ok=True)
    page.write_text(format_page(at.name, chain.format_now(), reports, services), encoding="utf-8")
    line(table(["what", "there", "found", "open, or type"], [_list_cells(each) for each in (*reports, *services)]))
    line(f"\nThe page: {page}")
    if not no_open:
        open_in_browser(page.as_uri())


def find_reports(build: Path) -> list[Item]:
    """Return the reports; of one that is there its title, and how old it is."""
    return [_read_report(build / file, Item(name, shows, file, command)) for name, (file, shows, command) in REPORTS.items()]


def _read_report(path: Path, report: Item) -> Item:
    try:
        title = re.search("<title>(.*?)</title>", path.read_text(encoding="utf-8"))
        made = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat()
    except (OSError, ValueError):
        return report
    return replace(report, is_there=True, found=f"{unescape(title[1]) if title else path.name}, {chain.format_age(made)}")


def list_services(at: Project) -> list[tuple[Item, Ask]]:
    """Return the live release of each environment, MLflow and monitoring, and how to ask each."""
    others = [name for name in project.ENVIRONMENTS if name != at.environment] if at.has_staging else []
    places = [at, *(project.load(at.root, at.target if at.target_named else None, name) for name in others)]
    return [*map(_describe_live, places), _describe_mlflow(at), *_describe_monitoring(at, os.environ.get("DOCKER_HOST", ""))]


def _describe_live(at: Project) -> tuple[Item, Ask]:
    name = "Live release" if at.environment == project.PRODUCTION else f"Live release in {at.environment}"
    live = Item(name, f"The service, on the target {at.target}, and its routes.", _find_routes(at), "./run deploy TAG")
    return live, partial(_ask_live, at)


def _find_routes(at: Project) -> str:
    """Return the page of the service's routes, where a browser on this machine reaches it."""
    is_here = at.target == "local" or (at.target == "docker" and os.environ.get("DOCKER_HOST", "unix:").startswith(("unix:", "npipe:")))
    if not is_here or at.callers.keys or "/docs" not in at.callers.routes:
        return ""
    return http_client.format_url(at.host, at.port).replace("http:", "https:" if at.certificate else "http:", 1) + "/docs"


def _ask_live(at: Project) -> str:
    target = targets.load_target(at)
    tags = {version["tag"] for [version] in target.ask_live(("/version", None)).values()}
    return f"{', '.join(sorted(tags))} answers at {target.format_address()}"


def _describe_mlflow(at: Project) -> tuple[Item, Ask]:
    uri = ledger.uri(at)
    shows = f"All trainings and verdicts, from {_hide_password(uri).replace(f'sqlite:///{at.root}{os.sep}', '')}."
    if not uri.startswith("http"):
        return Item("MLflow", shows, MLFLOW, "./run mlflow"), partial(_ask_page, MLFLOW, "/health")
    server = Item("MLflow", shows, _hide_password(uri), "see the server that MLFLOW_TRACKING_URI names")
    return server, partial(_ask_page, uri.rstrip("/"), "/health")


def _hide_password(url: str) -> str:
    return re.sub("//[^/@]*@", "//", url)


def _describe_monitoring(at: Project, engine: str) -> list[tuple[Item, Ask]]:
    command = _format_start(at.watch, engine) if at.watch and at.target == "docker" else "./run up --target docker"
    found: list[tuple[Item, Ask]] = []
    for name, (shows, health, page) in MONITORING.items():
        given = os.environ.get("PROMETHEUS_URL", "").rstrip("/") if name == "Prometheus" else ""
        url = given or f"http://127.0.0.1:{getattr(at.watch or PORTS, name.lower())}"
        found.append((Item(name, shows, _hide_password(url) + page, command), partial(_ask_page, url, health)))
    return found


def _format_start(watch: Watch, engine: str) -> str:
    if not engine.startswith("ssh:"):
        return "./run up"
    from slipway.operate.targets.monitoring import format_forward  # imported here: it needs the Docker SDK

    return f"./run up on the host, then here: {format_forward(watch, engine)}"


def _ask_page(url: str, path: str) -> str:
    """Ask a page. Raises PipelineError where nothing answers as it should."""
    known = _hide_password(url)
    try:
        status = http_client.send_request("GET", url + path, SECONDS / 2).status_code
    except httpx.TransportError as error:
        raise PipelineError(f"Nothing answers at {known}.") from error
    if status != httpx.codes.OK:
        raise PipelineError(f"Something else answers at {known}: {path} has status {status}.")
    return f"answers at {known}"


def ask_services(services: Sequence[tuple[Item, Ask]], seconds: float) -> list[Item]:
    """Ask all at once; one that is silent for so long counts as not there."""
    found = {each.name: replace(each, found=f"No answer within {seconds:g} s.") for each, _ in services}
    # They end with this process: one that hangs keeps nobody waiting.
    threads = [Thread(target=_ask, args=(*each, found), daemon=True) for each in services]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return list(found.values())


def _ask(service: Item, ask: Ask, found: dict[str, Item]) -> None:
    """Note what was found of a service, and the next command where an error names one."""
    try:
        found[service.name] = replace(service, is_there=True, found=ask())
    except PipelineError as error:
        text, _, command = str(error).partition(" Next: ")
        found[service.name] = replace(service, found=text, command=command.rstrip(".") or service.command)
    except Exception as error:  # whatever it is, the page is about it
        found[service.name] = replace(service, found=f"It does not answer as expected: {error}.")


def _list_cells(item: Item) -> list[str]:
    return [item.name, "yes" if item.is_there else "no", one_line(item.found, REASON), item.address if item.is_there else item.command]


def format_page(name: str, asked: str, reports: Sequence[Item], services: Sequence[Item]) -> str:
    """Return the page: reports and services as cards, those that are there with a link, the others with a command."""
    body = [
        f"<h1>{escape(name)}: what there is to look at</h1>",
        format_paragraph(f"Asked at {asked.replace('T', ' ')}. Type `./run ui` to ask again.", "read"),
        _format_cards("Reports", reports, ("✓ here", "– not made yet")),
        _format_cards("Services", services, ("✓ runs", "– does not run")),
    ]
    return frame_page(f"{name}: reports and services", "\n".join(body))


def _format_cards(title: str, items: Sequence[Item], states: tuple[str, str]) -> str:
    cards = "\n".join(_format_card(each, states) for each in items)
    return f'<section><h2>{escape(title)}</h2>\n<ul class="cards">{cards}</ul></section>'


def _format_card(item: Item, states: tuple[str, str]) -> str:
    linked = item.is_there and item.address
    name = f'<a href="{escape(item.address)}">{escape(item.name)}</a>' if linked else escape(item.name)
    state = f'<b class="pass">{states[0]}</b>' if item.is_there else f'<b class="unjudged">{states[1]}</b>'
    found = format_paragraph(item.found) if item.found else ""
    command = "" if item.is_there else format_paragraph(Html(f"Next: <code>{escape(item.command)}</code>"))
    return f"<li><h3>{name} {state}</h3>{format_paragraph(item.shows, 'read')}{found}{command}</li>"
