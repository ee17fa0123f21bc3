"""What was deployed and rolled back, newest first."""

import json

from pipeline import targets
from pipeline.project import Project
from pipeline.say import line, table


def history(project: Project, as_json: bool) -> list[dict[str, str]]:
    """Print the history. Raises PipelineError when the target cannot be asked."""
    events = targets.of(project).history()[::-1]
    if as_json:
        line(json.dumps(events, indent=2))
    else:
        rows = [[each["at"], each["what"], each["from"] or "–", each["tag"], each["by"], each["digest"][:19]] for each in events]
        line(table(["at", "what", "from", "to", "by", "digest"], rows))
    return events
