"""Issues on GitHub that a workflow keeps, at most one open for each subject: opened, updated, and closed when it is over."""

import os
import re
from dataclasses import dataclass

import httpx

from slipway import http_client
from slipway.say import one_line

SECONDS = 30
BACKTICKS = re.compile("`+")


@dataclass(frozen=True)
class Issue:
    """How the issue of a subject is to be. The subject is its label, and is in a mark that the page does not show."""

    subject: str
    is_open: bool
    title: str
    body: str

    @property
    def mark(self) -> str:
        """What the body begins with."""
        return f"<!-- kept by the workflow: {self.subject} -->\n"


def keep_issue(wanted: Issue) -> str:
    """Open, update or close an issue, and return which. Raises httpx.HTTPError, KeyError or ValueError where GitHub does not take it."""
    repository, token = os.environ["GITHUB_REPOSITORY"], os.environ["GITHUB_TOKEN"]
    url = f"{os.environ.get('GITHUB_API_URL') or 'https://api.github.com'}/repos/{repository}/issues"
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    with http_client.open_client(url, headers=headers, timeout=SECONDS) as client:
        found = _find_open(client, url, wanted)
        if wanted.is_open:
            return _update(client, url, wanted, found[0]) if found else _open(client, url, wanted)
        for number, _ in found:
            _comment(client, f"{url}/{number}", f"This is resolved: {wanted.title}\n\n{wanted.body}")
            client.patch(f"{url}/{number}", json={"state": "closed"}).raise_for_status()
        return ", ".join(f"issue {number}: closed" for number, _ in found) or "no issue to change"


def _find_open(client: httpx.Client, url: str, wanted: Issue) -> list[tuple[int, str]]:
    """Return number and title of the open issues of a subject. Only who may triage sets a label, so nobody else's text is taken for one."""
    answer = client.get(url, params={"labels": wanted.subject, "state": "open", "per_page": "100"}).raise_for_status().json()
    ours = [each for each in answer if "pull_request" not in each and (each.get("body") or "").startswith(wanted.mark.strip())]
    return [(each["number"], each["title"]) for each in ours]


def _open(client: httpx.Client, url: str, wanted: Issue) -> str:
    content = {"title": wanted.title, "body": wanted.mark + wanted.body, "labels": [wanted.subject]}
    return f"issue {client.post(url, json=content).raise_for_status().json()['number']}: opened"


def _update(client: httpx.Client, url: str, wanted: Issue, found: tuple[int, str]) -> str:
    """Write an issue anew. GitHub sends no mail for that, so what its title did not say yet is a comment, too."""
    number, title = found
    client.patch(f"{url}/{number}", json={"title": wanted.title, "body": wanted.mark + wanted.body}).raise_for_status()
    if title != wanted.title:
        _comment(client, f"{url}/{number}", f"Now: {wanted.title}\n\n{wanted.body}")
    return f"issue {number}: updated"


def _comment(client: httpx.Client, url: str, text: str) -> None:
    client.post(f"{url}/comments", json={"body": text}).raise_for_status()


def quote(text: str) -> str:
    """Return what a person wrote as code, in which GitHub sees no mention, link, reference or HTML."""
    ticks = "`" * (max(map(len, BACKTICKS.findall(text)), default=0) + 1)
    return f"{ticks} {one_line(text)} {ticks}"


def quote_block(text: str) -> str:
    """Return text of several lines as code."""
    ticks = "`" * max(3, max(map(len, BACKTICKS.findall(text)), default=0) + 1)
    return f"{ticks}text\n{text.strip()}\n{ticks}"
