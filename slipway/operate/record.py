"""Tell GitHub which tag was deployed: its own record would name the commit of the branch whose workflow ran."""

import os

import httpx

from slipway import http_client
from slipway.errors import PipelineError
from slipway.operate import targets
from slipway.operate.switch import state_of
from slipway.project import Project
from slipway.say import line, summary, warn

ENVIRONMENT = "production"
# How a job ended, and what GitHub calls that of a deployment.
STATES = {"success": "success", "failure": "failure", "cancelled": "error"}
SECONDS = 30


def record(project: Project, tag: str, outcome: str) -> None:
    """Record a deployment of a tag, or of what is live, with how it ended. Whatever goes wrong here is a warning."""
    try:
        found = tag or live(project)
        sent(found, STATES[outcome])
    except (httpx.HTTPError, PipelineError, KeyError, ValueError) as error:
        why = f"{error} is not set, as it is in a workflow" if isinstance(error, KeyError) else str(error)
        text = f"GitHub's list of deployments does not show this one: {why}. What serves is not concerned."
        warn(text)
        summary(f"warning: {text}")
    else:
        line(f"recorded on GitHub: {found}, {STATES[outcome]}")


def live(project: Project) -> str:
    """Return the tag that is live. Raises PipelineError."""
    found = state_of(targets.load_target(project)).live
    if found is None:
        raise PipelineError("Nothing is live. Next: ./run status.")
    return found.tag


def sent(tag: str, state: str) -> None:
    """Make a deployment of a tag, and its status. Raises httpx.HTTPError, and KeyError outside a workflow."""
    run = f"{os.environ['GITHUB_SERVER_URL']}/{os.environ['GITHUB_REPOSITORY']}/actions/runs/{os.environ['GITHUB_RUN_ID']}"
    url = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}/deployments"
    headers = {"Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}", "Accept": "application/vnd.github+json"}
    what = {"ref": tag, "environment": ENVIRONMENT, "auto_merge": False, "required_contexts": []}
    with http_client.open_client(url, headers=headers, timeout=SECONDS) as client:
        made = client.post(url, json=what).raise_for_status().json()
        client.post(f"{url}/{made['id']}/statuses", json={"state": state, "log_url": run}).raise_for_status()
