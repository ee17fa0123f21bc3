"""The repository on GitHub, read through its API. Nothing here changes anything."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from slipway import git, http_client
from slipway.doctor.finding import Command
from slipway.errors import PipelineError
from slipway.project import Project

# Takes a path of the API; returns the answer, or None where there is no such thing. Raises Unavailable.
Fetch = Callable[[str], Any]
SECONDS = 30


class Unavailable(Exception):
    """GitHub does not show this, and why."""


@dataclass(frozen=True)
class Repository:
    """The repository, as GitHub describes it, and the checkout; `limited`: private, on a plan without rules and environments for that."""

    name: str
    branch: str
    private: bool
    limited: bool
    project: Project
    fetch_any: Fetch

    @property
    def environment(self) -> str:
        """The environment on GitHub that is checked."""
        return self.project.environment

    def fetch(self, path: str) -> Any:
        """Return what the API has below the repository, None where there is no such thing. Raises Unavailable."""
        return self.fetch_any(f"/repos/{self.name}{path}")

    def page(self, name: str) -> str:
        """Return the address of a page of its settings."""
        return f"https://github.com/{self.name}/settings/{name}"

    def call(self, method: str, path: str, **body: Any) -> Command:
        """Return a call of the API that `gh` can do."""
        return Command(("api", "--method", method, f"repos/{self.name}/{path}"), body)


def is_runner() -> bool:
    """Tell whether this machine is a runner of GitHub Actions, on which nothing is deployed."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def full_name(root: Path) -> str:
    """Return OWNER/NAME of the repository on GitHub: this workflow's, or the remote's. Raises Unavailable."""
    if name := os.environ.get("GITHUB_REPOSITORY"):
        return name
    try:
        url = git.run_git(root, "remote", "get-url", "origin")
    except PipelineError as error:
        raise Unavailable("there is no remote `origin`") from error
    if name := git.parse_github(url):
        return name
    raise Unavailable(f"the remote `origin` is {url}, which is not a repository on github.com")


@contextmanager
def connect() -> Iterator[Fetch]:
    """Yield how to fetch. Raises Unavailable without a token."""
    headers = {"Authorization": f"Bearer {_find_token()}", "Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    url = os.environ.get("GITHUB_API_URL") or "https://api.github.com"
    try:
        client = http_client.open_client(url, headers=headers, timeout=SECONDS, follow_redirects=True)
    except PipelineError as error:
        raise Unavailable(str(error)) from error
    with client:
        yield lambda path: _fetch(client, path)


def _find_token() -> str:
    if token := os.environ.get("GH_TOKEN") or os.environ.get("GITHUB_TOKEN"):
        return token
    try:
        done = subprocess.run(["gh", "auth", "token"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable("`gh` is not installed, or nobody is logged in") from error
    return done.stdout.strip()


def _fetch(client: httpx.Client, path: str) -> Any:
    try:
        answer = client.get(path)
        if answer.status_code == 404:
            return None
        content = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Unavailable(str(error)) from error
    if answer.is_success:
        return content
    raise Unavailable(f"{content.get('message', content)} ({answer.status_code})")
