"""What was deployed and rolled back, newest first."""

import json

from slipway.operate import targets
from slipway.operate.journal import Event
from slipway.project import Project
from slipway.say import REASON, line, one_line, table


def history(project: Project, as_json: bool) -> list[Event]:
    """Print the history. Raises PipelineError when the target cannot be asked."""
    events = targets.load_target(project).read_history()[::-1]
    if as_json:
        line(json.dumps([each.record() for each in events], indent=2))
    else:
        line(table(["at", "what", "from", "to", "by", "digest", "approved"], [row(each) for each in events]))
    return events


def row(event: Event) -> list[str]:
    """Return an event as a row of the table."""
    digest = event.release.digest[:19] if event.release else ""
    approved = one_line(event.release.approved or "", REASON) if event.release else ""
    return [event.at, one_line(event.what, REASON), event.before or "–", event.tag, event.by, digest, approved]
