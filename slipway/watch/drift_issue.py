"""One issue on GitHub for as long as something has drifted."""

import os
from typing import Any

import httpx

from slipway import http_client
from slipway.errors import PipelineError
from slipway.say import line
from slipway.watch.drift_report import Report, Verdict, markdown

LABEL = "drift"
SECONDS = 30


def update(said: Report) -> None:
    """Open the issue, update it, or close it when it is over. Raises PipelineError where GitHub does not take it."""
    try:
        repository, token = os.environ["GITHUB_REPOSITORY"], os.environ["GITHUB_TOKEN"]
        url = f"{os.environ.get('GITHUB_API_URL') or 'https://api.github.com'}/repos/{repository}/issues"
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
        with http_client.open_client(url, headers=headers, timeout=SECONDS) as client:
            line(told(client, url, said))
    except (httpx.HTTPError, KeyError, ValueError) as error:
        raise PipelineError(f"The issue was not written: {error!r}. Next: run the workflow drift again.") from error


def told(client: httpx.Client, url: str, said: Report) -> str:
    """Do what the verdict asks for, and say what that was."""
    found = client.get(url, params={"labels": LABEL, "state": "open"}).raise_for_status().json()
    at = f"{url}/{found[0]['number']}" if found else None
    if said.verdict is Verdict.DRIFT:
        content: dict[str, Any] = {"title": title(said), "body": markdown(said)}
        response = client.patch(at, json=content) if at else client.post(url, json={**content, "labels": [LABEL]})
        return f"issue {response.raise_for_status().json()['number']}: {'updated' if at else 'opened'}"
    if said.verdict is Verdict.NO_DRIFT and at:
        client.post(f"{at}/comments", json={"body": f"It is over.\n\n{markdown(said)}"}).raise_for_status()
        client.patch(at, json={"state": "closed"}).raise_for_status()
        return f"issue {found[0]['number']}: closed"
    return "no issue to change"


def title(said: Report) -> str:
    """Return the issue's title."""
    names = [each.name for each in said.findings if each.verdict is Verdict.DRIFT]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"Drift: {', '.join(names[:3])}{more}, since {said.release} was trained"
