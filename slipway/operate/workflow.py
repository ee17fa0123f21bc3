"""What runs in a workflow beside the steps: the way to where releases run, from secrets; GitHub's list of deployments, and its issues."""

import os
import re
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx

from slipway import git, http_client
from slipway.errors import PipelineError
from slipway.operate import incident, issues, journal, pointer, signature, ssh, targets
from slipway.operate.incident import Run
from slipway.operate.issues import Issue
from slipway.operate.journal import Event
from slipway.operate.pointer import Recorded
from slipway.operate.switch import read_state
from slipway.project import Project
from slipway.say import append_to_workflow, line, output, report_warning, summary

HOST, KNOWN, KEY = SECRETS = ("DEPLOY_HOST", "DEPLOY_KNOWN_HOSTS", "DEPLOY_SSH_KEY")
KUBECONFIG = "DEPLOY_KUBECONFIG"
SHAPE = re.compile(r"[\w.-]+@([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d+)?")
# How a job ended, and what GitHub calls that of a deployment.
STATES = {"success": "success", "failure": "failure", "cancelled": "error"}
SECONDS = 30
# A tag may be pushed right after its merge.
BUILD, BUILD_SECONDS, POLL_SECONDS = "train-validate-build-push.yml", 25 * 60, 10


def list_secrets(target: str) -> tuple[str, ...]:
    """Return the names of the secrets that a target needs."""
    return (KUBECONFIG,) if target == "kubernetes" else SECRETS


def host(project: Project, required: bool) -> bool:
    """Write what ssh or kubectl needs, for the later steps of this run alone; returns whether the secrets are set. Raises PipelineError."""
    wanted = list_secrets(project.target)
    values = {name: os.environ.get(name, "").strip() for name in wanted}
    missing = [name for name in wanted if not values[name]]
    if len(missing) == len(wanted) and not required:
        text = (
            f"deploy skipped: set {', '.join(wanted)} in the environment `{project.environment}` of the repository's settings, see README"
        )
        line(text)
        summary(text)
    elif missing:
        place = "cluster" if project.target == "kubernetes" else "host"
        raise PipelineError(
            f"The {place} cannot be reached: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set. Nothing was changed. "
            f"Next: on GitHub under Settings, Environments, {project.environment}, add the secrets {', '.join(wanted)}; "
            "README says what they are."
        )
    elif project.target == "kubernetes":
        _write_private(_choose_path("KUBECONFIG", "kubeconfig"), values[KUBECONFIG])
    else:
        _check_host(values[HOST])
        _write_ssh(_parse_key(values[KEY]), values[KNOWN])
    output("there", "false" if missing else "true")
    return not missing


def _check_host(name: str) -> None:
    if not SHAPE.fullmatch(name):
        raise PipelineError(f"{HOST} is {name!r}. Expected: user@host or user@host:port. Next: correct it in the environment's secrets.")


def _parse_key(text: str) -> str:
    """Return the key as a file holds it. Raises PipelineError, which does not quote it, where it is none."""
    lines = text.splitlines()
    if "PRIVATE KEY-----" not in lines[0] or "PRIVATE KEY-----" not in lines[-1]:
        raise PipelineError(
            f"{KEY} does not hold a private key. Expected: the whole file, from -----BEGIN to -----END. "
            "Next: give it anew in the environment, such as: gh secret set DEPLOY_SSH_KEY --env production < FILE."
        )
    return "\n".join(lines) + "\n"


def _write_ssh(key: str, known_hosts: str) -> None:
    """Have ssh use this key, and believe a host by these lines alone. Nothing of ~/.ssh is read or written."""
    config = _choose_path(ssh.CONFIG, "config")
    key_file, known_file = config.with_name("key"), config.with_name("known_hosts")
    _write_private(key_file, key)
    _write_private(known_file, known_hosts + "\n")
    lines = (f'IdentityFile "{key_file}"', "IdentitiesOnly yes", f'UserKnownHostsFile "{known_file}"', "GlobalKnownHostsFile /dev/null")
    _write_private(config, "\n".join(lines) + "\n")


def _choose_path(variable: str, name: str) -> Path:
    """Return a new path that later steps find by a variable: in a folder of this run, which the runner empties, or as the variable says."""
    if os.environ.get("GITHUB_ENV"):
        path = Path(tempfile.mkdtemp(prefix="host-", dir=os.environ.get("RUNNER_TEMP"))) / name
        append_to_workflow("GITHUB_ENV", f"{variable}={path}\n")
        return path
    path = Path(os.environ.get(variable, "")).absolute()
    if path.exists() or not path.parent.is_dir():
        raise PipelineError(
            f"{variable} has to name a file that is not there yet: it is written for the steps after this. Nothing was changed. "
            f'Next: export {variable}="$(mktemp -d)/{name}", then the same again.'
        )
    return path


def _write_private(path: Path, text: str) -> None:
    """Write what nobody else may read."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")


def record(project: Project, tag: str, outcome: str, drill: bool = False) -> None:
    """Record a deployment of a tag, or of what is live, with how it ended, and keep the issue of it; with `drill`, only that of the drill.

    Whatever goes wrong here is a warning.
    """
    if not drill:
        _attempt("GitHub's list of deployments does not show this one", lambda: _record_deployment(project, tag, outcome))
    _attempt("GitHub's issue does not say so", lambda: line(issues.keep_issue(_describe(project, _read_run(tag, outcome), drill))))


def _attempt(otherwise: str, act: Callable[[], None]) -> None:
    try:
        act()
    except Exception as error:  # GitHub or the host is down, or answers otherwise than it does today
        why = f"{error} is not set, as it is in a workflow" if isinstance(error, KeyError) else str(error)
        report_warning(f"{otherwise}: {why}. The live release is not affected.")


def _record_deployment(project: Project, tag: str, outcome: str) -> None:
    now = _retry_pointer(project)
    _attempt("GitHub's list of deployments still lacks what it missed before", lambda: _record_missed(project, outcome, now))
    if tag or outcome == "success":  # without either it is another release that is live
        found = tag or _find_live_tag(project)
        _send_deployment(project.environment, found, STATES[outcome], now)
        line(f"recorded on GitHub: {found}, {STATES[outcome]}")


def _record_missed(project: Project, outcome: str, now: dict[str, str]) -> None:
    """Record what was proven since GitHub's last record, before the present run: by hand, or while GitHub was away."""
    last = pointer.fetch_recorded(project.environment)
    found = journal.list_since(targets.load_target(project).read_history(), last.at) if last else []
    for event in found[:-1] if outcome == "success" else found:
        _attempt(f"GitHub's list of deployments does not show {event.tag}", partial(_send_event, project, event, now))


def _send_event(project: Project, event: Event, now: dict[str, str]) -> None:
    assert event.release
    ref = event.release.commit if project.takes_commits else event.tag
    then = pointer.describe(Recorded(event.tag, event.release.digest, at=event.at))
    _send_deployment(project.environment, ref, "success", now if event.at == now.get("at") else then)
    line(f"recorded on GitHub, which had missed it: {event.tag}, {event.at}")


def _read_run(tag: str, outcome: str) -> Run:
    return Run(os.environ["GITHUB_JOB"], tag, outcome, _format_run_url())


def _describe(project: Project, run: Run, drill: bool) -> Issue:
    if drill:
        report = project.root / "build" / "rehearsal" / "report.md"
        return incident.describe_drill(report.read_text(encoding="utf-8") if report.is_file() else "", run)
    try:
        state = read_state(targets.load_target(project))
    except Exception:
        if run.outcome == "success":
            raise
        return incident.describe_environment(project.environment, "", [], run)  # that the host is gone may be why it failed
    return incident.describe_environment(project.environment, state.live.tag if state.live else "", state.events, run)


def _retry_pointer(project: Project) -> dict[str, str]:
    try:
        return pointer.describe(pointer.retry_pointer(targets.load_target(project)))
    except Exception as error:  # the host is away
        report_warning(f"the live release could not be asked, so GitHub's record does not name it: {error}")
        return {}


def _find_live_tag(project: Project) -> str:
    found = read_state(targets.load_target(project)).live
    if found is None:
        raise PipelineError("Nothing is live. Next: ./run status.")
    return found.tag


def _send_deployment(environment: str, tag: str, state: str, payload: dict[str, str]) -> None:
    url = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}/deployments"
    headers = {"Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}", "Accept": "application/vnd.github+json"}
    what = {"ref": tag, "environment": environment, "auto_merge": False, "required_contexts": [], "payload": payload}
    with http_client.open_client(url, headers=headers, timeout=SECONDS) as client:
        deployment = client.post(url, json=what).raise_for_status().json()
        client.post(f"{url}/{deployment['id']}/statuses", json={"state": state, "log_url": _format_run_url()}).raise_for_status()


def _format_run_url() -> str:
    return f"{os.environ['GITHUB_SERVER_URL']}/{os.environ['GITHUB_REPOSITORY']}/actions/runs/{os.environ['GITHUB_RUN_ID']}"


def wait(project: Project, tag: str) -> None:
    """Wait while the image of a tag's commit is being built. Whatever cannot be asked here is asked again by the deploy, which says so."""
    commit, deadline = git.find_release(project.root, tag, project.takes_commits)[1], time.monotonic() + BUILD_SECONDS
    while project.as_image and (page := _find_build(commit)) and not has_image(project, commit):
        if time.monotonic() > deadline:
            raise PipelineError(f"{page} has not ended after {BUILD_SECONDS // 60} minutes. Nothing was changed. Next: deploy {tag} again.")
        line(f"{tag} waits for its image, which is being built: {page}")
        time.sleep(POLL_SECONDS)


def has_image(project: Project, commit: str) -> bool:
    """Tell whether the image of a commit is stored, with its signature where releases are signed."""
    try:
        target = targets.load_target(project)
        digest = target.find_digest(commit)
        return signature.read_signers(project.root) is None or target.read_signature(digest) is not None
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
