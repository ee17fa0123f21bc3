"""What GitHub has to know for the workflows to do their part. Each check says what it found; nothing here changes anything."""

from collections.abc import Callable, Iterator

from slipway.doctor import production, rules, workflows
from slipway.doctor.api import Ask, NotTold
from slipway.doctor.finding import Finding, mend, unseen
from slipway.doctor.repository import Repository
from slipway.project import Project

# So begins what GitHub answers where a plan does not have something.
PLAN = "Upgrade to GitHub"
SCOPES = "repo,read:packages,admin:org"


def findings(project: Project, name: str, ask: Ask) -> Iterator[Finding]:
    """Yield what GitHub has of a repository."""
    told = ask(f"/repos/{name}")
    if told is None:
        yield mend("repository", f"there is no {name}, or it is not shown to you", "Everything else is set there.", "gh repo create")
        return
    at = f"/repos/{told['full_name']}"
    repo = Repository(told["full_name"], told["default_branch"], told["private"], is_limited(at, ask), project)
    for what, check in CHECKS.items():
        try:
            yield check(what, repo, lambda path: ask(at + path), ask)
        except NotTold as error:
            yield unseen(what, str(error), f"run ./run doctor as an owner of the repository: gh auth refresh --scopes {SCOPES}")


def is_limited(at: str, ask: Ask) -> bool:
    """Tell whether the plan has neither rules nor environments for this repository."""
    try:
        ask(f"{at}{rules.TAG_RULES}")
    except NotTold as error:
        return PLAN in str(error)
    return False


CHECKS: dict[str, Callable[[str, Repository, Ask, Ask], Finding]] = {
    "default branch": workflows.default_branch,
    "actions": workflows.actions,
    "branch rules": rules.branch_rules,
    "tag rules": rules.tag_rules,
    "environment": production.environment,
    "reviewers": production.reviewers,
    "secrets": production.secrets,
    "package": workflows.package,
}
