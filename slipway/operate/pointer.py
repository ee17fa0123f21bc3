"""The pointer `production` of a registry that was down: moved once it answers. Until then GitHub's record says what is live instead."""

import json
import os
from dataclasses import asdict, dataclass
from typing import Any

import httpx

from slipway import http_client
from slipway.operate import journal
from slipway.operate.switch import State, read_state
from slipway.operate.targets import Target
from slipway.say import REASON, line, one_line, report_warning

SECONDS, FEW = 10, 5


@dataclass(frozen=True)
class Recorded:
    """The live release, the digest that the pointer named then, as far as that is known, and when it became live."""

    tag: str
    live: str
    production: str = ""
    at: str = ""


def retry_pointer(target: Target) -> Recorded | None:
    """Move the pointer to the live release where it lags behind, and return what to record of it. Raises PipelineError."""
    state = read_state(target)
    proof = journal.find_proof(state.events, state.live) if state.live else None
    if state.live is None or proof is None:
        return None
    try:
        named = target.read_pointer()
        if named != state.live.digest:
            target.move_pointer(state.live.digest)
            line(f"the pointer `production` names {state.live.tag} now")
        named = state.live.digest
    except Exception as error:  # the registry is still down
        report_warning(f"the pointer `production` lags behind {state.live.tag}, which is live: {error}")
        named = _find_before(state)
    return Recorded(state.live.tag, state.live.digest, named, proof.at)


def _find_before(state: State) -> str:
    """Return the digest that was live before the live one: the pointer was moved to it then."""
    return next((each.release.digest for each in reversed(state.events) if each.release and each.release != state.live), "")


def find_live(named: str) -> Recorded | None:
    """Return the live release where the pointer is known to lag behind it; None where it does not, or where nobody says."""
    if not all(os.environ.get(name) for name in ("GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_TOKEN")):
        return None
    try:
        found = fetch_recorded("production")
    except (httpx.HTTPError, KeyError, TypeError, ValueError) as error:
        why = one_line(str(error) or repr(error), REASON)
        report_warning(
            "GitHub's list of deployments does not say what is live, so the candidate is compared with the release that "
            f"`production` names: {why}"
        )
        return None
    # Another digest than then: it was moved since.
    return found if found and named == found.production != found.live else None


def fetch_recorded(environment: str) -> Recorded | None:
    """Return what GitHub recorded last of an environment, None where it says nothing. Raises httpx.HTTPError, KeyError, ValueError."""
    url = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}/deployments"
    headers = {"Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}", "Accept": "application/vnd.github+json"}
    with http_client.open_client(url, headers=headers, timeout=SECONDS) as client:
        found = client.get(url, params={"environment": environment, "per_page": FEW}).raise_for_status().json()
        for each in found:
            states = client.get(f"{url}/{each['id']}/statuses").raise_for_status().json()
            if any(status["state"] == "success" for status in states):
                return _parse(each)
    return None


def _parse(deployment: dict[str, Any]) -> Recorded | None:
    payload = deployment.get("payload") or {}
    payload = json.loads(payload) if isinstance(payload, str) else payload
    return Recorded(deployment["ref"], payload["live"], payload["production"], payload.get("at", "")) if "live" in payload else None


def describe(recorded: Recorded | None) -> dict[str, str]:
    """Return what GitHub's record of a deployment keeps."""
    return asdict(recorded) if recorded else {}
