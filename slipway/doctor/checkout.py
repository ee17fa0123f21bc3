"""Whether git reads this checkout, and whether the project is a repository of its own."""

from collections.abc import Iterator
from pathlib import Path

from slipway import repository
from slipway.doctor.finding import Finding, good, mend
from slipway.errors import PipelineError
from slipway.project import Project

WORKFLOWS = Path(".github", "workflows")


def findings(project: Project) -> Iterator[Finding]:
    """Yield what git says of the checkout."""
    try:
        commit, folder = repository.head(project.root), repository.prefix(project.root)
    except PipelineError as error:
        what, _, fix = str(error).partition(" Next: ")
        yield mend("git", what.rstrip("."), "A release is named by its commit.", fix)
        return
    yield good("git", f"commit {commit[:12]}")
    if folder:
        yield in_folder(folder.rstrip("/"), repository.top(project.root))


def in_folder(folder: str, top: Path) -> Finding:
    """Tell whether workflows run for a project that is a folder of a repository."""
    what, named = "workflows", [each.name for each in sorted((top / WORKFLOWS).glob("*.y*ml")) if names(each, folder)]
    if named:
        return good(what, f"{', '.join(named)} at the root of the repository name the folder {folder}")
    return mend(
        what,
        f"the project is the folder {folder} of the repository {top}",
        "What is typed here works, but GitHub runs the workflows at the root of a repository alone: none of the project's own runs.",
        f"make the project a repository of its own, git subtree split --prefix {folder} keeps its history; or write workflows into "
        f"{top / WORKFLOWS} that have working-directory: {folder}",
    )


def names(workflow: Path, folder: str) -> bool:
    """Tell whether a workflow speaks of a folder."""
    return folder in workflow.read_text(encoding="utf-8", errors="replace")
