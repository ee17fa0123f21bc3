"""Look at the model's folder, and at what the pipeline needs beside it: the checkout, GitHub's settings, the host, the registry.

It changes those only with `--fix`.
"""

import json
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from slipway import git
from slipway.doctor import api, github, host
from slipway.doctor.finding import FAILED, MEND, NOTE, Finding, good, mend, note, unseen
from slipway.errors import PipelineError
from slipway.project import Project
from slipway.say import line, summary, table, warn
from slipway.template import LIBRARY, hash_library, read_library

# A cell of the table has no more characters.
WIDEST = 110
WORKFLOWS = Path(".github", "workflows")


@dataclass(frozen=True)
class Report:
    """All findings."""

    findings: Sequence[Finding]

    @property
    def exit_code(self) -> int:
        """2 where something could not be judged at all, as of the other verbs; 8 while something is to be mended."""
        states = {each.state for each in self.findings}
        return 2 if FAILED in states else 8 if MEND in states else 0


def doctor(project: Project, fix: bool, model: bool = False) -> Report:
    """Print what was found and what mends it, with `model` of the model's folder only.

    With `fix` do what can be done with `gh`, each after a yes, and check again.
    """
    report = Report(check_model(project) if model else check_all(project))
    text = _format(report)
    line(text)
    if fix and sum(_confirm_fix(project.root, each) for each in report.findings if each.state in (MEND, NOTE) and each.commands):
        report = Report(check_all(project))
        text = _format(report)
        line(text)
    summary(text)
    return report


def check_all(project: Project) -> list[Finding]:
    """Return what is found of the model's folder, the checkout, GitHub and the host."""
    return [*check_model(project), *check_checkout(project), *check_github(project), *host.check_host(project)]


def check_model(project: Project) -> list[Finding]:
    """Return what is found of `model/`, `data/` and `validation/`."""
    from slipway.doctor import model  # imported here: it costs some seconds

    return model.check_model(project)


def check_github(project: Project) -> list[Finding]:
    """Return what GitHub has; one finding where it cannot be asked."""
    try:
        with api.connect() as fetch:
            return list(github.check_github(project, api.full_name(project.root), fetch))
    except api.Unavailable as error:
        fix = "gh auth status, in a clone of the repository, says whether you are logged in; gh is at https://cli.github.com"
        return [unseen("GitHub", str(error), fix)]


def check_checkout(project: Project) -> Iterator[Finding]:
    """Yield whether git reads this checkout, whether the library is unchanged, and whether the project is a repository of its own."""
    try:
        commit, folder = git.read_head(project.root), git.read_prefix(project.root)
    except PipelineError as error:
        what, _, fix = str(error).partition(" Next: ")
        yield mend("git", what.rstrip("."), "A release is named by its commit.", fix)
        return
    yield good("git", f"commit {commit[:12]}")
    yield from _check_library(project)
    if folder:
        yield _check_workflows(folder.rstrip("/"), git.read_top(project.root))


def _check_library(project: Project) -> Iterator[Finding]:
    """Yield whether the library is the template's, where project.toml says what that is."""
    template = tomllib.loads((project.root / "project.toml").read_text(encoding="utf-8")).get("template", {})
    if not template.get("library"):
        return
    original = f"as {template['version'] or 'the template'} has it"
    if hash_library(read_library(project.root)) == template["library"]:
        yield good("library", f"{LIBRARY}/ is {original}")
        return
    yield note(
        "library",
        f"{LIBRARY}/ was edited: it is not {original}",
        "The next ./run update replaces it together with your edits, and lists them.",
        "git log -p slipway/ shows the edits; move yours into model/, pipeline/ or service/, or keep it until the template has it",
    )


def _check_workflows(folder: str, top: Path) -> Finding:
    """Check that workflows run for a project that is a folder of a repository."""
    files = sorted((top / WORKFLOWS).glob("*.y*ml"))
    if named := [each.name for each in files if folder in each.read_text(encoding="utf-8", errors="replace")]:
        return good("workflows", f"{', '.join(named)} at the root of the repository name the folder {folder}")
    return mend(
        "workflows",
        f"the project is the folder {folder} of the repository {top}",
        "Commands work here, but GitHub runs only the workflows at the root of a repository: none of the project's own.",
        f"make the project a separate repository, git subtree split --prefix {folder} keeps its history; or write workflows into "
        f"{top / WORKFLOWS} that have working-directory: {folder}",
    )


# --- what is printed, and what is done


def _format(report: Report) -> str:
    """Return the report: a table, and below it what to do."""
    rows = [[each.what, each.state, _format_cell(each)] for each in report.findings]
    todo = [
        "\n".join([f"**{each.what}**: {' '.join(each.found.split())}. {each.why}", *(f"    {step}" for step in each.next())])
        for each in report.findings
        if each.fix or each.commands
    ]
    return "\n\n".join([table(["what", "is", "found"], rows), *todo])


def _format_cell(finding: Finding) -> str:
    """Return what was found as it fits into a table; all of it stands below where there is something to do."""
    found = " ".join(finding.found.split())
    return f"{found[:WIDEST].rstrip()}…" if len(found) > WIDEST and (finding.fix or finding.commands) else found


def _confirm_fix(root: Path, finding: Finding) -> bool:
    """Show what would be done, and do it on a yes; tells whether all of it was done."""
    line(f"\n{finding.what}: " + "\n".join(finding.next()))
    try:
        answer = input("Do this? [y/N] ")
    except EOFError:  # nobody is there to ask
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        return False
    for command in finding.commands:
        words = command.words if command.body is None else (*command.words, "--input", "-")
        text = "" if command.body is None else json.dumps(command.body)
        try:
            subprocess.run([command.program, *words], cwd=root, input=text, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            warn(f"{command.format()} failed: {getattr(error, 'stderr', '') or error}")
            return False
    return True
