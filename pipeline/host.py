"""In a workflow: the way to the host where releases run, from the three secrets of the environment `production`."""

import os
import re
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.project import Project
from pipeline.say import line, output, summary

HOST, KNOWN, KEY = SECRETS = ("DEPLOY_HOST", "DEPLOY_KNOWN_HOSTS", "DEPLOY_SSH_KEY")
SHAPE = re.compile(r"[\w.-]+@(?P<name>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d+)?")


def host(_: Project, required: bool) -> bool:
    """Write what ssh needs into `~/.ssh`, and tell whether there is a host. Raises PipelineError when only some of it is given."""
    given = {name: os.environ.get(name, "").strip() for name in SECRETS}
    missing = [name for name in SECRETS if not given[name]]
    if len(missing) == len(SECRETS) and not required:
        text = f"deploy skipped: set {', '.join(SECRETS)} in the environment `production` of the repository's settings, see README"
        line(text)
        summary(text)
    elif missing:
        raise PipelineError(
            f"There is no way to the host: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set. Nothing was changed. "
            f"Next: on GitHub under Settings, Environments, production, add {', '.join(SECRETS)} as secrets; README says what they are."
        )
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
    folder = Path.home() / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    # The runner empties its own folder when the job ends.
    path = Path(os.environ.get("RUNNER_TEMP") or folder) / "deploy_key"
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(key, encoding="utf-8")
    add(folder / "config", f'Host {name}\n  IdentityFile "{path}"\n  IdentitiesOnly yes')
    add(folder / "known_hosts", known)


def add(path: Path, text: str) -> None:
    """Append a text to a file that does not hold it yet."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if text not in before:
        path.touch(mode=0o600)
        path.write_text(before + ("\n" if before and not before.endswith("\n") else "") + text + "\n", encoding="utf-8")
