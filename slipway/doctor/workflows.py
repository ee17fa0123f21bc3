"""Whether the workflows run, and whether what they make gets somewhere."""

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import quote

from slipway.doctor.api import Ask
from slipway.doctor.finding import Finding, good, mend, unseen
from slipway.doctor.here import in_workflow
from slipway.doctor.repository import Repository


def default_branch(what: str, repo: Repository, *_: Ask) -> Finding:
    """Look whether merges to the default branch make images."""
    file = Path(".github", "workflows", "train-validate-build-push.yml")
    path = repo.project.root / file
    listed = re.search(r"branches: \[([^]]*)\]", path.read_text(encoding="utf-8")) if path.is_file() else None
    if listed and repo.branch in re.split(r"[,\s]+", listed[1]):
        return good(what, repo.branch)
    why = "No merge makes an image, as the workflow does not listen to it."
    return mend(what, f"{repo.branch}, which is not in {file.as_posix()}", why, f"add it to `branches:` there: [{repo.branch}]")


def actions(what: str, repo: Repository, ask: Ask, _: Ask) -> Finding:
    """Look whether workflows may run, and the actions they use."""
    told, page = ask("/actions/permissions") or {}, repo.page("actions")
    if not told.get("enabled"):
        call = repo.api("PUT", "actions/permissions", enabled=True, allowed_actions="all")
        return mend(what, "switched off", "No workflow runs.", "", call)
    if told["allowed_actions"] == "all":
        return good(what, "on, all allowed")
    may = (ask("/actions/permissions/selected-actions") or {}) if told["allowed_actions"] == "selected" else {}
    refused = [each for each in used(repo.project.root) if not allowed(each, may)]
    if not refused:
        return good(what, "on, what the workflows use is allowed")
    names = ", ".join(f"{each}@*" for each in refused)
    if may.get("verified_allowed"):
        return unseen(what, "GitHub does not tell whose actions are verified", f"see that {names} are allowed on {page}")
    why = "A workflow that uses one ends before its first step."
    return mend(what, f"not allowed: {', '.join(refused)}", why, f"on {page} allow selected actions, among them {names}")


def used(root: Path) -> list[str]:
    """Return the actions that the workflows use."""
    texts = [path.read_text(encoding="utf-8") for path in (root / ".github" / "workflows").glob("*.yml")]
    return sorted({name for text in texts for name in re.findall(r"uses: ([\w.-]+/[\w.-]+)@", text)})


def allowed(action: str, may: dict[str, Any]) -> bool:
    """Tell whether an action may be used."""
    if action.startswith(("actions/", "github/")) and may.get("github_owned_allowed"):
        return True
    return any(fnmatchcase(action, each.partition("@")[0]) for each in may.get("patterns_allowed", ()))


def package(what: str, repo: Repository, ask: Ask, top: Ask) -> Finding:
    """Look where images go, and whether the workflows may push them there."""
    # In a workflow its token may not read the variable, and needs not: `repo.project.repository` is made from it.
    said = {} if in_workflow() else ask("/actions/variables/IMAGE_REPOSITORY") or {"value": f"ghcr.io/{repo.name}"}
    pushed = said.get("value", repo.project.repository).lower()
    if pushed != repo.project.repository:
        why = "What is done by hand looks for images in another place than the workflows push them to."
        return mend(
            what,
            f"workflows push to {pushed}, project.toml says {repo.project.repository}",
            why,
            f'repository = "{pushed}" under [image] there',
        )
    registry, _, path = repo.project.repository.partition("/")
    owner, _, name = path.partition("/")
    if registry != "ghcr.io":
        return good(what, f"{repo.project.repository}, not on GitHub")
    found = next((each for kind in ("orgs", "users") if (each := top(f"/{kind}/{owner}/packages/container/{quote(name, safe='')}"))), None)
    if found is None:
        return good(what, f"{repo.project.repository}: none yet, the first merge makes it")
    linked = (found.get("repository") or {}).get("full_name")
    if linked != repo.name:
        why = "It was first pushed by a person, so the workflows of this repository may not push to it."
        fix = f"connect {repo.name} there and give it the role Write: https://github.com/{owner}?tab=packages, the package's settings"
        return mend(what, f"{repo.project.repository} belongs to {linked or 'no repository'}", why, fix)
    return good(what, f"{repo.project.repository}, {found['visibility']}")
