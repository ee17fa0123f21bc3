"""What Prometheus is told of the releases, and people of where to look. Pure: values in, text out."""

import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from slipway.operate.targets import haproxy
from slipway.project import Project, Watch

# Where the volume stands in each of the containers, and what the verbs write there beside what infra/watch holds.
FOLDER = "/etc/watch"
TARGETS, FACTS, DRILLED = OWN = ("targets.json", "facts.yml", "drilled")
# A person's own: `infra/watch/alertmanager.yml` says how secrets get there.
SECRETS = "secrets/"


def files(root: Path) -> dict[str, str]:
    """Return what a project's infra/watch holds, by the path in it."""
    folder = root / "infra" / "watch"
    found = [path for path in sorted(folder.rglob("*")) if path.suffix in {".yml", ".json"}]
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in found}


def targets(releases: Mapping[str, str]) -> str:
    """Return whom Prometheus asks: release containers that run, by name, each with its tag."""
    asked = [{"targets": [f"{name}:{haproxy.RELEASE_PORT}"], "labels": {"release": releases[name]}} for name in sorted(releases)]
    return json.dumps(asked, indent=2) + "\n"


def facts(live: str | None, drilled: float) -> str:
    """Return the rules that tell Prometheus which release is live, and when a rollback was rehearsed last. What is JSON is YAML too."""
    recorded = [{"record": "release_recorded", "expr": "vector(1)", "labels": {"release": live}}] if live else []
    rehearsed = {"record": "drill_success_timestamp_seconds", "expr": f"vector({drilled:.0f})"}
    return json.dumps({"groups": [{"name": "facts", "rules": [*recorded, rehearsed]}]}, indent=2) + "\n"


def drilled(there: Mapping[str, str], now: float) -> float:
    """Return when a rollback was rehearsed last; where that is not known, now: from then on it is counted."""
    noted = there.get(DRILLED, "").strip()
    return float(noted) if noted.isdecimal() else now


def stale(there: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """Name the files in the volume that infra/watch holds no more."""
    return sorted(name for name in set(there) - set(wanted) if name not in OWN and not name.startswith(SECRETS))


def settings(project: Project, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what infra/compose.yaml is filled in with; of the environment only which images are used."""
    images = {name: value for name, value in environment.items() if name.endswith("_IMAGE")}
    watch = project.watch
    watched = {f"{name.upper()}_PORT": str(port) for name, port in ports(watch).items()} | {"DAYS": str(watch.days)} if watch else {}
    return images | {"PROJECT": project.name, "ADDRESS": project.address} | watched


def ports(watch: Watch) -> dict[str, int]:
    """Return the services that watch, by their names in infra/compose.yaml, with their ports, the one to look at first."""
    return {"grafana": watch.grafana, "prometheus": watch.prometheus, "alertmanager": watch.alertmanager}


def where(watch: Watch, engine: str) -> str:
    """Say where to look, and for an engine behind ssh (its DOCKER_HOST) the command that brings the ports here."""
    pages = {"grafana": "dashboards", "prometheus": "alerts", "alertmanager": "#/alerts"}
    lines = [f"{name:<12}  http://127.0.0.1:{port}/{pages[name]}" for name, port in ports(watch).items()]
    found = urlsplit(engine)
    if found.scheme != "ssh":
        return "\n".join(lines)
    forwarded = " ".join(f"-L {port}:127.0.0.1:{port}" for port in ports(watch).values())
    login = f"{found.username}@{found.hostname}" if found.username else found.hostname
    command = f"ssh -N {forwarded}{f' -p {found.port}' if found.port else ''} {login}"
    return "\n".join([*lines, "They are ports of the host's loopback. While this runs, they are here too:", f"  {command}"])
