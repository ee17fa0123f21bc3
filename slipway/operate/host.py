"""In a workflow: the way to where releases run, from the secrets of the environment `production`: to a host, or to a cluster."""

import os
import re
from pathlib import Path

from slipway.errors import PipelineError
from slipway.project import Project
from slipway.say import append, line, output, summary

HOST, KNOWN, KEY = SECRETS = ("DEPLOY_HOST", "DEPLOY_KNOWN_HOSTS", "DEPLOY_SSH_KEY")
KUBECONFIG = "DEPLOY_KUBECONFIG"
SHAPE = re.compile(r"[\w.-]+@(?P<name>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d+)?")


def secrets(target: str) -> tuple[str, ...]:
    """Return the secrets that lead to where a target runs."""
    return (KUBECONFIG,) if target == "kubernetes" else SECRETS


def host(project: Project, required: bool) -> bool:
    """Write what ssh or kubectl needs, and tell whether there is a way. Raises PipelineError when only some of it is given."""
    wanted = secrets(project.target)
    given = {name: os.environ.get(name, "").strip() for name in wanted}
    missing = [name for name in wanted if not given[name]]
    if len(missing) == len(wanted) and not required:
        text = f"deploy skipped: set {', '.join(wanted)} in the environment `production` of the repository's settings, see README"
        line(text)
        summary(text)
    elif missing:
        place = "cluster" if project.target == "kubernetes" else "host"
        raise PipelineError(
            f"There is no way to the {place}: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set. Nothing was changed. "
            f"Next: on GitHub under Settings, Environments, production, add {', '.join(wanted)} as secrets; README says what they are."
        )
    elif project.target == "kubernetes":
        append("GITHUB_ENV", f"KUBECONFIG={private('kubeconfig', given[KUBECONFIG])}\n")
    else:
        write(host_name(given[HOST]), private_key(given[KEY]), given[KNOWN])
    output("there", "false" if missing else "true")
    return not missing


def host_name(given: str) -> str:
    """Return what ssh calls the host. Raises PipelineError unless it is user@host or user@host:port."""
    found = SHAPE.fullmatch(given)
    if not found:
        raise PipelineError(f"{HOST} is {given!r}. Expected: user@host or user@host:port. Next: correct it in the environment production.")
    return found["name"].strip("[]")


def private_key(given: str) -> str:
    """Return the key as a file holds it. Raises PipelineError, which does not quote it, where it is none."""
    lines = given.splitlines()
    if "PRIVATE KEY-----" not in lines[0] or "PRIVATE KEY-----" not in lines[-1]:
        raise PipelineError(
            f"{KEY} does not hold a private key. Expected: the whole file, from -----BEGIN to -----END. "
            "Next: give it anew in the environment production: gh secret set DEPLOY_SSH_KEY --env production < FILE."
        )
    return "\n".join(lines) + "\n"


def write(name: str, key: str, known: str) -> None:
    """Have ssh, and the Docker SDK, which reads the same files, use this key for the host, and believe it by these lines alone."""
    folder, path = Path.home() / ".ssh", private("deploy_key", key)
    add(folder / "config", f'Host {name}\n  IdentityFile "{path}"\n  IdentitiesOnly yes')
    add(folder / "known_hosts", known)


def private(name: str, text: str) -> Path:
    """Write what nobody else may read, and return where: the runner empties its own folder when the job ends."""
    folder = Path.home() / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = Path(os.environ.get("RUNNER_TEMP") or folder) / name
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")
    return path


def add(path: Path, text: str) -> None:
    """Append a text to a file that does not hold it yet."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if text not in before:
        path.touch(mode=0o600)
        path.write_text(before + ("\n" if before and not before.endswith("\n") else "") + text + "\n", encoding="utf-8")
