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
        prior = chain.prior(target.deployed(), live, None).tag
    except PipelineError:
        prior = None
    events = target.history() if live else []
    state = {
        "target": project.target,
        "address": project.address,
        "live": live.record() if live else None,
        "since": events[-1]["at"] if events else None,
        "rollback_to": prior,
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
            ["since", f"{since} ({chain.age(since)}), deployed by {live['by']}"],
            ["commit", live["commit"]],
            ["digest", live["digest"]],
        ]
        rows += [["a rollback goes to", state["rollback_to"] or "nowhere: this is the first release"]]
    if busy := state["busy"]:
        rows += [["at work", f"{busy['what']} by {busy['by']}, since {chain.age(busy['at'])}"]]
    return table(["what", "is"], rows)
