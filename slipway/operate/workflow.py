"""What runs in a workflow beside the steps: the way to where releases run, from secrets, and GitHub's own list of deployments."""

import os
import re
import time
from pathlib import Path

import httpx

from slipway import git, http_client
from slipway.errors import PipelineError
from slipway.operate import pointer, targets
from slipway.operate.switch import read_state
from slipway.project import Project
from slipway.say import append_to_workflow, line, output, summary, warn

HOST, KNOWN, KEY = SECRETS = ("DEPLOY_HOST", "DEPLOY_KNOWN_HOSTS", "DEPLOY_SSH_KEY")
KUBECONFIG = "DEPLOY_KUBECONFIG"
SHAPE = re.compile(r"[\w.-]+@(?P<name>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d+)?")
ENVIRONMENT = "production"
# How a job ended, and what GitHub calls that of a deployment.
STATES = {"success": "success", "failure": "failure", "cancelled": "error"}
SECONDS = 30
# A tag may be pushed right after its merge.
BUILD, BUILD_SECONDS, POLL_SECONDS = "train-validate-build-push.yml", 25 * 60, 10


def list_secrets(target: str) -> tuple[str, ...]:
    """Return the names of the secrets that a target needs."""
    return (KUBECONFIG,) if target == "kubernetes" else SECRETS


def host(project: Project, required: bool) -> bool:
    """Write what ssh or kubectl needs; returns whether the secrets are set. Raises PipelineError when only some are."""
    wanted = list_secrets(project.target)
    values = {name: os.environ.get(name, "").strip() for name in wanted}
    missing = [name for name in wanted if not values[name]]
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
        append_to_workflow("GITHUB_ENV", f"KUBECONFIG={_write_private('kubeconfig', values[KUBECONFIG])}\n")
    else:
        _write_ssh(_parse_host(values[HOST]), _parse_key(values[KEY]), values[KNOWN])
    output("there", "false" if missing else "true")
    return not missing


def _parse_host(name: str) -> str:
    found = SHAPE.fullmatch(name)
    if not found:
        raise PipelineError(f"{HOST} is {name!r}. Expected: user@host or user@host:port. Next: correct it in the environment production.")
    return found["name"].strip("[]")


def _parse_key(text: str) -> str:
    """Return the key as a file holds it. Raises PipelineError, which does not quote it, where it is none."""
    lines = text.splitlines()
    if "PRIVATE KEY-----" not in lines[0] or "PRIVATE KEY-----" not in lines[-1]:
        raise PipelineError(
            f"{KEY} does not hold a private key. Expected: the whole file, from -----BEGIN to -----END. "
            "Next: give it anew in the environment production: gh secret set DEPLOY_SSH_KEY --env production < FILE."
        )
    return "\n".join(lines) + "\n"


def _write_ssh(name: str, key: str, known_hosts: str) -> None:
    """Have ssh, and the Docker SDK, which reads the same files, use this key for the host, and believe it by these lines alone."""
    folder, path = Path.home() / ".ssh", _write_private("deploy_key", key)
    _append_missing(folder / "config", f'Host {name}\n  IdentityFile "{path}"\n  IdentitiesOnly yes')
    _append_missing(folder / "known_hosts", known_hosts)


def _write_private(name: str, text: str) -> Path:
    """Write what nobody else may read, and return where: the runner empties its own folder when the job ends."""
    folder = Path.home() / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = Path(os.environ.get("RUNNER_TEMP") or folder) / name
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")
    return path


def _append_missing(path: Path, text: str) -> None:
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if text not in before:
        path.touch(mode=0o600)
        path.write_text(before + ("\n" if before and not before.endswith("\n") else "") + text + "\n", encoding="utf-8")


def record(project: Project, tag: str, outcome: str) -> None:
    """Record a deployment of a tag, or of what is live, with how it ended. Whatever goes wrong here is a warning."""
    try:
        found = tag or _find_live_tag(project)
        _send_deployment(found, STATES[outcome], _retry_pointer(project))
    except (httpx.HTTPError, PipelineError, KeyError, ValueError) as error:
        why = f"{error} is not set, as it is in a workflow" if isinstance(error, KeyError) else str(error)
        text = f"GitHub's list of deployments does not show this one: {why}. The live release is not affected."
        warn(text)
        summary(f"warning: {text}")
    else:
        line(f"recorded on GitHub: {found}, {STATES[outcome]}")


def _retry_pointer(project: Project) -> dict[str, str]:
    try:
        return pointer.describe(pointer.retry_pointer(targets.load_target(project)))
    except Exception as error:  # the host is away
        warn(f"what is live could not be asked, so GitHub's record does not say it: {error}")
        return {}


def _find_live_tag(project: Project) -> str:
    found = read_state(targets.load_target(project)).live
    if found is None:
        raise PipelineError("Nothing is live. Next: ./run status.")
    return found.tag


def _send_deployment(tag: str, state: str, payload: dict[str, str]) -> None:
    run = f"{os.environ['GITHUB_SERVER_URL']}/{os.environ['GITHUB_REPOSITORY']}/actions/runs/{os.environ['GITHUB_RUN_ID']}"
    url = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}/deployments"
    headers = {"Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}", "Accept": "application/vnd.github+json"}
    what = {"ref": tag, "environment": ENVIRONMENT, "auto_merge": False, "required_contexts": [], "payload": payload}
    with http_client.open_client(url, headers=headers, timeout=SECONDS) as client:
        deployment = client.post(url, json=what).raise_for_status().json()
        client.post(f"{url}/{deployment['id']}/statuses", json={"state": state, "log_url": run}).raise_for_status()


def wait(project: Project, tag: str) -> None:
    """Wait while the image of a tag's commit is being built. Whatever cannot be asked here is asked again by the deploy, which says so."""
    commit, deadline = git.find_tag_commit(project.root, tag), time.monotonic() + BUILD_SECONDS
    while project.as_image and (page := _find_build(commit)) and not has_image(project, commit):
        if time.monotonic() > deadline:
            raise PipelineError(f"{page} has not ended after {BUILD_SECONDS // 60} minutes. Nothing was changed. Next: deploy {tag} again.")
        line(f"{tag} waits for its image, which is being built: {page}")
        time.sleep(POLL_SECONDS)


def has_image(project: Project, commit: str) -> bool:
    """Tell whether the image of a commit is stored."""
    try:
        return bool(targets.load_target(project).find_digest(commit))
    except PipelineError:
        return False


def _find_build(commit: str) -> str:
    """Return the page of the run that builds a commit's image, nothing where none goes on or GitHub does not say it."""
    try:
        url = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}/actions/workflows/{BUILD}/runs"
        headers = {"Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}", "Accept": "application/vnd.github+json"}
        with http_client.open_client(url, headers=headers, timeout=SECONDS) as client:
            found = client.get(url, params={"head_sha": commit}).raise_for_status().json()["workflow_runs"]
            return next((str(each["html_url"]) for each in found if each["status"] != "completed"), "")
    except (httpx.HTTPError, KeyError, ValueError, TypeError) as error:
        line(f"GitHub does not say whether the image is being built: {error!r}")
        return ""
