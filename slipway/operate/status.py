"""What is live, what a rollback would do, and what was deployed and rolled back."""

import json
from typing import Any

from slipway.errors import PipelineError
from slipway.operate import chain, journal, targets
from slipway.operate.chain import Deployment
from slipway.operate.journal import Event
from slipway.operate.switch import read_state
from slipway.operate.targets import Target
from slipway.project import Project
from slipway.say import REASON, line, one_line, table


def status(project: Project, as_json: bool) -> dict[str, Any]:
    """Print what is live, and what a rollback would do. Raises PipelineError when the target does not answer."""
    target = targets.load_target(project)
    found = read_state(target)
    live, events = found.live, found.events
    stands = journal.find_origin(events, live)
    try:
        prior = chain.find_prior(found.proven, stands, None)
    except PipelineError:
        prior = None
    warm = target.is_warm(prior) if prior else None
    proof = journal.find_proof(events, live) if live else None
    held = journal.find_hold(events)
    state = {
        "target": project.target,
        "address": target.format_address(),
        "live": live.record() if live else None,
        "since": proof.at if proof else None,
        "proof": proof.proof if proof else None,
        "answers": _check_answers(target, live) if live else None,
        "rollback_to": prior.tag if prior else None,
        "rollback_is_warm": warm,
        "rollback_seconds": round(journal.estimate_seconds(events, prior, bool(warm)), 1) if prior else None,
        "rollback_changes_contract": prior.contract != stands.contract if prior and stands else None,
        "held_by": held.record() if held else None,
        "busy": target.lock.read_holder(),
    }
    line(json.dumps(state, indent=2) if as_json else format_status(state))
    return state


def describe_failure(project: Project, verb: str, error: Exception) -> str:
    """Return what the summary of a workflow says of a verb that failed; its first line is what serves now, what failed, what to type."""
    first, _, rest = (str(error) or repr(error)).partition("\n")
    serves = _describe_live(project) if verb != "host" else "The live release was not changed"  # the way there is not known yet
    again = "`./run status`, then `./run rollback --reason TEXT` or `./run deploy TAG` (docs/rollback.md)"
    return f"**{serves}. {verb} failed:** {first} By hand, on a machine with this repository that reaches the host: {again}.\n{rest}"


def _describe_live(project: Project) -> str:
    try:
        live = read_state(target := targets.load_target(project)).live
        return f"{live.tag} is live, and callers get {_check_answers(target, live)}" if live else "Nothing is deployed"
    except Exception as error:  # that may be why a verb failed
        return f"The live release could not be asked ({one_line(str(error), REASON)})"


def _check_answers(target: Target, live: Deployment) -> str:
    try:
        versions = [version for [version] in target.ask_live(("/version", None)).values()]
    except PipelineError as error:
        return f"NOTHING: {error}"
    for version in versions:
        if (version["tag"], version["digest"], version["manifest_sha256"]) != (live.tag, live.digest, live.manifest_sha256):
            return f"ANOTHER RELEASE: {version['tag']}, {version['digest']}. Next: ./run deploy {live.tag} again, or ./run rollback"
    return f"{live.tag}, as expected" + (f", on {len(versions)} replicas" if len(versions) > 1 else "")


def format_status(state: dict[str, Any]) -> str:
    """Return the state as a table for people."""
    live = state["live"]
    rows = [["live", f"{live['tag']} on {state['target']}, {state['address']}" if live else "nothing yet: ./run deploy TAG"]]
    if live:
        rows += [
            ["since", _format_since(state)],
            ["answers now", state["answers"]],
            ["deployed", f"{live['at']} by {live['by']}"],
            ["commit", live["commit"]],
            ["digest", live["digest"]],
            *([["approved", one_line(live["approved"], REASON)]] if "approved" in live else []),
            ["a rollback goes to", _format_rollback(state)],
        ]
    if held := state["held_by"]:
        why = f"{one_line(held['what'], REASON)} by {held['by']}"
        rows += [["deploys", f"held since {chain.format_age(held['at'])}, {why}: ./run resume allows them again"]]
    if busy := state["busy"]:
        when = f"begun {chain.format_age(busy['at'])}"
        rows += [["cut short" if "gone" in busy else "at work", f"{busy['what']} by {busy['by']}, {when}"]]
    return table(["what", "is"], rows)


def _format_since(state: dict[str, Any]) -> str:
    if state["proof"]:
        return f"{state['since']} ({chain.format_age(state['since'])}), proven then: {state['proof']}"
    return "NOT PROVEN: a deploy or rollback is running, or was interrupted. Next: type the same again, or ./run rollback"


def _format_rollback(state: dict[str, Any]) -> str:
    if state["rollback_to"] is None:
        return "nowhere: this is the first release"
    how = "warm: it runs, one switch" if state["rollback_is_warm"] else "cold: it is started first"
    contract = "; callers must send other requests: --accept-contract" if state["rollback_changes_contract"] else ""
    return f"{state['rollback_to']} ({how}, about {state['rollback_seconds']:.0f} s{contract})"


def history(project: Project, as_json: bool) -> list[Event]:
    """Print the history, newest first. Raises PipelineError when the target does not answer."""
    events = targets.load_target(project).read_history()[::-1]
    if as_json:
        line(json.dumps([each.record() for each in events], indent=2))
    else:
        line(table(["at", "what", "from", "to", "by", "digest", "approved"], [format_event(each) for each in events]))
    return events


def format_event(event: Event) -> list[str]:
    """Return an event as a row of the table."""
    digest = event.release.digest[:19] if event.release else ""
    approved = one_line(event.release.approved or "", REASON) if event.release else ""
    return [event.at, one_line(event.what, REASON), event.before or "–", event.tag, event.by, digest, approved]
