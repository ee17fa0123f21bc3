"""What is live, and what a rollback would do."""

import json
from typing import Any

from slipway.errors import PipelineError
from slipway.operate import chain, journal, targets
from slipway.operate.chain import Deployment
from slipway.operate.switch import state_of
from slipway.operate.targets import Target
from slipway.project import Project
from slipway.say import REASON, line, one_line, table


def status(project: Project, as_json: bool) -> dict[str, Any]:
    """Print what is live. Raises PipelineError when the target cannot be asked."""
    target = targets.load_target(project)
    found = state_of(target)
    live, events = found.live, found.events
    stands = journal.settled(events, live)
    try:
        prior = chain.prior(found.proven, stands, None)
    except PipelineError:
        prior = None
    warm = target.is_warm(prior) if prior else None
    proof = journal.last_proof(events, live) if live else None
    held = journal.held(events)
    state = {
        "target": project.target,
        "address": target.format_address(),
        "live": live.record() if live else None,
        "since": proof.at if proof else None,
        "proof": proof.proof if proof else None,
        "answers": answers(target, live) if live else None,
        "rollback_to": prior.tag if prior else None,
        "rollback_is_warm": warm,
        "rollback_seconds": round(journal.expected_seconds(events, prior, bool(warm)), 1) if prior else None,
        "rollback_changes_contract": prior.contract != stands.contract if prior and stands else None,
        "held_by": held.record() if held else None,
        "busy": target.lock.read_holder(),
    }
    line(json.dumps(state, indent=2) if as_json else told(state))
    return state


def answers(target: Target, live: Deployment) -> str:
    """Ask callers' address which release answers now."""
    try:
        versions = [version for [version] in target.ask_live(("/version", None)).values()]
    except PipelineError as error:
        return f"NOTHING: {error}"
    for version in versions:
        if (version["tag"], version["digest"], version["manifest_sha256"]) != (live.tag, live.digest, live.manifest_sha256):
            return f"ANOTHER RELEASE: {version['tag']}, {version['digest']}. Next: ./run deploy {live.tag} again, or ./run rollback"
    return f"{live.tag}, as it should" + (f", on {len(versions)} replicas" if len(versions) > 1 else "")


def told(state: dict[str, Any]) -> str:
    """Return the state as a table."""
    live = state["live"]
    rows = [["live", f"{live['tag']} on {state['target']}, {state['address']}" if live else "nothing yet: ./run deploy TAG"]]
    if live:
        rows += [
            ["since", since(state)],
            ["answers now", state["answers"]],
            ["deployed", f"{live['at']} by {live['by']}"],
            ["commit", live["commit"]],
            ["digest", live["digest"]],
            *([["approved", one_line(live["approved"], REASON)]] if "approved" in live else []),
            ["a rollback goes to", back(state)],
        ]
    if held := state["held_by"]:
        why = f"{one_line(held['what'], REASON)} by {held['by']}"
        rows += [["deploys", f"held since {chain.age(held['at'])}, {why}: ./run resume lets them go on"]]
    if busy := state["busy"]:
        when = f"begun {chain.age(busy['at'])}"
        rows += [["cut short" if "gone" in busy else "at work", f"{busy['what']} by {busy['by']}, {when}"]]
    return table(["what", "is"], rows)


def since(state: dict[str, Any]) -> str:
    """Say since when the live release serves, and whether that was proven."""
    if state["proof"]:
        return f"{state['since']} ({chain.age(state['since'])}), proven then: {state['proof']}"
    return "NOT PROVEN: a deploy or rollback is at work, or was cut short. Next: the same again, or ./run rollback"


def back(state: dict[str, Any]) -> str:
    """Say what a rollback would do now, and how long that would take."""
    if state["rollback_to"] is None:
        return "nowhere: this is the first release"
    how = "warm: it runs, one switch" if state["rollback_is_warm"] else "cold: it is started first"
    other = "; callers must send other requests: --accept-contract" if state["rollback_changes_contract"] else ""
    return f"{state['rollback_to']} ({how}, about {state['rollback_seconds']:.0f} s{other})"
