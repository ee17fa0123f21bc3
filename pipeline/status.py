"""What is live, and what a rollback would do."""

import json
from typing import Any

from pipeline import chain, targets
from pipeline.errors import PipelineError
from pipeline.project import Project
from pipeline.say import line, table
from pipeline.switch import live_of


def status(project: Project, as_json: bool) -> dict[str, Any]:
    """Print what is live. Raises PipelineError when the target cannot be asked."""
    target = targets.of(project)
    live = live_of(target)
    try:
        prior = chain.prior(target.deployed(), live, None)
    except PipelineError:
        prior = None
    events = target.history() if live else []
    state = {
        "target": project.target,
        "address": project.address,
        "live": live.record() if live else None,
        "since": next((each["at"] for each in reversed(events) if not each["what"].startswith("resume")), None),
        "rollback_to": prior.tag if prior else None,
        "rollback_is_warm": target.warm(prior) if prior else None,
        "rollback_changes_contract": prior.contract != live.contract if prior and live else None,
        "held_by": chain.held(events),
        "busy": target.holder(),
    }
    line(json.dumps(state, indent=2) if as_json else told(state))
    return state


def told(state: dict[str, Any]) -> str:
    """Return the state as a table."""
    live = state["live"]
    rows = [["live", f"{live['tag']} on {state['target']}, {state['address']}" if live else "nothing yet: ./run deploy TAG"]]
    if live:
        since = state["since"] or live["at"]
        rows += [
            ["since", f"{since} ({chain.age(since)}), proven then; deployed by {live['by']}"],
            ["commit", live["commit"]],
            ["digest", live["digest"]],
            ["a rollback goes to", back(state)],
        ]
    if held := state["held_by"]:
        rows += [["deploys", f"held since {chain.age(held['at'])}, {held['what']} by {held['by']}: ./run resume lets them go on"]]
    if busy := state["busy"]:
        rows += [["at work", f"{busy['what']} by {busy['by']}, since {chain.age(busy['at'])}"]]
    return table(["what", "is"], rows)


def back(state: dict[str, Any]) -> str:
    """Say what a rollback would do now."""
    if state["rollback_to"] is None:
        return "nowhere: this is the first release"
    how = "warm: it runs, one switch" if state["rollback_is_warm"] else "cold: it is started first, some seconds"
    other = "; callers must send other requests: --accept-contract" if state["rollback_changes_contract"] else ""
    return f"{state['rollback_to']} ({how}{other})"
