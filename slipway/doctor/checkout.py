"""Whether git reads this checkout, and whether the project is a repository of its own."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

from slipway import repository
from slipway.doctor.finding import Finding, good, mend, note
from slipway.errors import PipelineError
from slipway.project import Project
from slipway.template.library import LIBRARY, hash_library, read_library

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
    yield from library_findings(project)
    if folder:
        yield in_folder(folder.rstrip("/"), repository.top(project.root))


def library_findings(project: Project) -> Iterator[Finding]:
    """Yield whether the library is the template's, where project.toml says what that is."""
    noted = tomllib.loads((project.root / "project.toml").read_text(encoding="utf-8")).get("template", {})
    if not noted.get("library"):
        return
    if hash_library(read_library(project.root)) == noted["library"]:
        yield good("library", f"{LIBRARY}/ is as {noted['version'] or 'the template'} has it")
        return
    yield note(
        "library",
        f"{LIBRARY}/ was edited: it is not as {noted['version'] or 'the template'} has it",
        "The next ./run update replaces it, edits and all, and names them.",
        "git log -p slipway/ shows the edits; move what is yours into model/, pipeline/ or service/, or keep it until the template has it",
    )


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
