"""GitHub's API, asked and never changed."""

import os
import re
import subprocess
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from slipway import http_client, repository
from slipway.errors import PipelineError

# Ask for a path; returns the answer, or None where there is no such thing. Raises NotTold.
Ask = Callable[[str], Any]
REMOTE = re.compile(r"(?:https://(?:[^/@]+@)?|ssh://git@|git@)(?P<host>[^/:]+)[/:](?P<name>[^/]+/[^/]+?)(?:\.git)?/?")
SECONDS = 30


class NotTold(Exception):
    """GitHub does not tell this, and why."""


def full_name(root: Path) -> str:
    """Return OWNER/NAME of the repository on GitHub: this workflow's, or the remote's. Raises NotTold."""
    if name := os.environ.get("GITHUB_REPOSITORY"):
        return name
    try:
        url = repository.git(root, "remote", "get-url", "origin")
    except PipelineError as error:
        raise NotTold("there is no remote `origin`") from error
    found = REMOTE.fullmatch(url)
    if found is None or found["host"] != "github.com":
        raise NotTold(f"the remote `origin` is {url}, which is not a repository on github.com")
    return found["name"]


def token() -> str:
    """Return the token of the environment, or the one `gh` has. Raises NotTold."""
    if given := os.environ.get("GH_TOKEN") or os.environ.get("GITHUB_TOKEN"):
        return given
    try:
        done = subprocess.run(["gh", "auth", "token"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotTold("`gh` is not there, or nobody is logged in") from error
    return done.stdout.strip()


@contextmanager
def connected() -> Any:
    """Yield how to ask. Raises NotTold without a token."""
    headers = {"Authorization": f"Bearer {token()}", "Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    url = os.environ.get("GITHUB_API_URL") or "https://api.github.com"
    try:
        client = http_client.open_client(url, headers=headers, timeout=SECONDS, follow_redirects=True)
    except PipelineError as error:
        raise NotTold(str(error)) from error
    with client:
        yield lambda path: asked(client, path)


def asked(client: httpx.Client, path: str) -> Any:
    """Return the answer to one question, None where GitHub says that there is no such thing. Raises NotTold with what it says."""
    try:
        answer = client.get(path)
        if answer.status_code == 404:
            return None
        said = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise NotTold(str(error)) from error
    if answer.is_success:
        return said
    raise NotTold(f"{said.get('message', said)} ({answer.status_code})")
