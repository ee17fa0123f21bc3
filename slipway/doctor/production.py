"""The environment `production`: for which refs it is, who approves, and the secrets in it."""

from typing import Any

from slipway.doctor.api import Ask, NotTold
from slipway.doctor.finding import Command, Finding, good, limit, mend, unseen
from slipway.doctor.repository import Repository
from slipway.doctor.rules import TAGS
from slipway.operate.host import secrets as needed
from slipway.operate.record import ENVIRONMENT


def environment(what: str, repo: Repository, ask: Ask, _: Ask) -> Finding:
    """Look whether the secrets have their place, for the default branch and the tags alone."""
    if repo.limited:
        why = "The secrets for the host are the whole repository's, so a workflow on any branch can read them."
        return limit(what, "this plan has none for a private repository", why, "make the repository public, or take a plan that has them")
    found, path = ask(f"/environments/{ENVIRONMENT}"), f"environments/{ENVIRONMENT}"
    restrict = repo.api("PUT", path, deployment_branch_policy={"protected_branches": False, "custom_branch_policies": True})
    wanted = {(repo.branch, "branch"), (TAGS, "tag")}
    named = {each: repo.api("POST", f"{path}/deployment-branch-policies", name=each[0], type=each[1]) for each in sorted(wanted)}
    if wrong := misplaced(found):
        return mend(what, *wrong, "", restrict, *named.values())
    listed = (ask(f"/{path}/deployment-branch-policies?per_page=100") or {}).get("branch_policies", ())
    open_to = {(each["name"], each.get("type", "branch")) for each in listed}
    if missing := sorted(wanted - open_to):
        why = f"A rollback runs on {repo.branch}, a deploy on a tag: both are refused unless they are listed."
        return mend(
            what, f"{ENVIRONMENT} is not for {' and '.join(name for name, _ in missing)}", why, "", *(named[each] for each in missing)
        )
    if more := sorted(name for name, _ in open_to - wanted):
        why = "A workflow there can read the secrets for the host."
        page = repo.page("environments")
        return mend(what, f"{ENVIRONMENT} is also for {', '.join(more)}", why, f"take that away on {page}")
    return good(what, f"{ENVIRONMENT}, for {' and '.join(sorted(name for name, _ in open_to))}")


def misplaced(found: dict[str, Any] | None) -> tuple[str, str] | None:
    """Return what is wrong with an environment before it comes to single refs, and why that matters; None where nothing is."""
    if found is None:
        return f"there is no {ENVIRONMENT}", "The secrets for the host have no place, and a tag is not deployed."
    policy = found.get("deployment_branch_policy")
    if not policy:
        why = "A workflow on any branch can read the secrets for the host, before anybody has read the workflow."
        return f"{ENVIRONMENT} is open to every branch", why
    if policy["protected_branches"]:
        return f"{ENVIRONMENT} is for protected branches only", "Tags are refused, so nothing is deployed."
    return None


def reviewers(what: str, repo: Repository, ask: Ask, top: Ask) -> Finding:
    """Look who has to approve, and whether this plan holds to it."""
    if repo.limited or (repo.private and not is_enterprise(repo, top)):
        why = "For a private repository only GitHub Enterprise has them. Whoever may push a tag deploys; what stops a bad one is the gate."
        return limit(what, "not enforced by this plan", why, "none, if that is meant; or make the repository public, or take that plan")
    page, found = repo.page("environments"), ask(f"/environments/{ENVIRONMENT}")
    if found is None:
        return unseen(what, f"there is no {ENVIRONMENT} yet", "mend the environment first")
    rules = found.get("protection_rules", ())
    named = [each for rule in rules if rule["type"] == "required_reviewers" for each in rule.get("reviewers", ())]
    if not named:
        why = "Whoever may push a tag deploys; what stops a bad one is the gate."
        return mend(what, "nobody has to approve a deploy", why, f"add them on {page}; let those on call approve their own, for rollbacks")
    if found.get("can_admins_bypass"):
        why = "An administrator's token deploys past them."
        return mend(what, f"{len(named)}, and administrators need none", why, f"untick that administrators may bypass on {page}")
    return good(what, f"{len(named)}, enforced")


def is_enterprise(repo: Repository, top: Ask) -> bool:
    """Tell whether the owner's plan has reviewers for private repositories; the plan is only told to its owners."""
    owner = top(f"/orgs/{repo.name.partition('/')[0]}") or {}
    if owner and "plan" not in owner:
        raise NotTold("which plan this is, is only told to an owner of the organisation")
    return bool(owner.get("plan", {}).get("name") == "enterprise")


def secrets(what: str, repo: Repository, ask: Ask, _: Ask) -> Finding:
    """Look whether the way to the host is given, and only where it belongs."""
    wide = {each["name"] for each in (ask("/actions/secrets?per_page=100") or {}).get("secrets", ())} & set(needed(repo.project.target))
    if wide and not repo.limited:
        calls = [Command(("secret", "delete", name, "--repo", repo.name)) for name in sorted(wide)]
        why = "A workflow on any branch can read them."
        fix = f"{'; '.join(each.shown() for each in calls)}, once they are in {ENVIRONMENT}"
        return mend(what, f"{', '.join(sorted(wide))} for the whole repository", why, fix)
    own = {} if repo.limited else ask(f"/environments/{ENVIRONMENT}/secrets?per_page=100") or {}
    held = wide if repo.limited else {each["name"] for each in own.get("secrets", ())}
    place, option = ("the repository", "") if repo.limited else (ENVIRONMENT, f" --env {ENVIRONMENT}")
    if missing := [name for name in needed(repo.project.target) if name not in held]:
        fix = "; ".join(f"gh secret set {name}{option} --repo {repo.name} < FILE" for name in missing)
        return mend(what, f"not set in {place}: {', '.join(missing)}", "A tag ends with `deploy skipped`, a rollback red.", fix)
    return good(what, f"{', '.join(needed(repo.project.target))}, in {place}")
