"""Look at the model's folder, and at what the road needs beside this repository: GitHub's settings, the host, the registry.

It changes those only with `--fix`.
"""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from slipway.doctor import api, checkout, github, host
from slipway.doctor.finding import FAILED, MEND, Finding, unseen
from slipway.project import Project
from slipway.say import line, summary, table, warn

# A cell of the table has no more characters.
WIDEST = 110


@dataclass(frozen=True)
class Report:
    """All that was looked at."""

    findings: Sequence[Finding]

    @property
    def exit_code(self) -> int:
        """2 where something could not be judged at all, as of the other verbs; 8 while something is to be mended."""
        states = {each.state for each in self.findings}
        return 2 if FAILED in states else 8 if MEND in states else 0


def doctor(project: Project, fix: bool, model: bool = False) -> Report:
    """Print what was found and what mends it, with `model` of the model's folder only.

    With `fix` do what can be done with `gh`, each after a yes, and look again.
    """
    report = Report(of_model(project) if model else look(project))
    line(told(report))
    if fix and sum(mended(each) for each in report.findings if each.state == MEND and each.commands):
        report = Report(look(project))
        line(told(report))
    summary(told(report))
    return report


def look(project: Project) -> list[Finding]:
    """Return what is found."""
    return [*of_model(project), *checkout.findings(project), *on_github(project), *host.findings(project)]


def of_model(project: Project) -> list[Finding]:
    """Return how the model's folder is."""
    from slipway.doctor import model  # imported here: it costs some seconds

    return model.findings(project)


def on_github(project: Project) -> list[Finding]:
    """Return what GitHub has; one finding where it cannot be asked."""
    try:
        with api.connected() as ask:
            return list(github.findings(project, api.full_name(project.root), ask))
    except api.NotTold as error:
        fix = "gh auth status, in a clone of the repository, says whether GitHub is reached and knows you; gh is at https://cli.github.com"
        return [unseen("GitHub", str(error), fix)]


def told(report: Report) -> str:
    """Return the report: a table, and below it what to do."""
    rows = [[each.what, each.state, shorten(each)] for each in report.findings]
    todo = [
        "\n".join([f"**{each.what}**: {' '.join(each.found.split())}. {each.why}", *(f"    {step}" for step in each.next())])
        for each in report.findings
        if each.fix or each.commands
    ]
    return "\n\n".join([table(["what", "is", "found"], rows), *todo])


def shorten(finding: Finding) -> str:
    """Return what was found as it fits into a table; all of it stands below where there is something to do."""
    found = " ".join(finding.found.split())
    return f"{found[:WIDEST].rstrip()}…" if len(found) > WIDEST and (finding.fix or finding.commands) else found


def mended(finding: Finding) -> bool:
    """Show what would be done, and do it on a yes; tells whether all of it was done."""
    line(f"\n{finding.what}: " + "\n".join(finding.next()))
    try:
        answer = input("Do this? [y/N] ")
    except EOFError:  # nobody is there to ask
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        return False
    for command in finding.commands:
        given = command.words if command.body is None else (*command.words, "--input", "-")
        text = "" if command.body is None else json.dumps(command.body)
        try:
            subprocess.run(["gh", *given], input=text, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            warn(f"{command.shown()} failed: {getattr(error, 'stderr', '') or error}")
            return False
    return True
