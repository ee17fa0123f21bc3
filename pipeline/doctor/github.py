"""What GitHub has to know for the workflows to do their part. Each check says what it found; nothing here changes anything."""

from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.doctor import production, rules, workflows
from pipeline.doctor.api import Ask, NotTold
from pipeline.doctor.finding import Finding, mend, unseen
from pipeline.doctor.repository import Repository


def findings(root: Path, name: str, images: str, ask: Ask) -> Iterator[Finding]:
    """Yield what GitHub has of a repository."""
    told = ask(f"/repos/{name}")
    if told is None:
        yield mend("repository", f"there is no {name}, or it is not shown to you", "Everything else is set there.", "gh repo create")
        return
    repo = Repository(name, told["default_branch"], told["private"], root, images)
    for what, check in CHECKS.items():
        try:
            yield check(what, repo, lambda path: ask(f"/repos/{name}{path}"), ask)
        except NotTold as error:
            yield unseen(what, str(error), "run ./run doctor as an owner of the repository: gh auth refresh --scopes repo,read:packages")


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
