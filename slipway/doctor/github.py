"""Check what GitHub's workflows need: the settings of the repository, its rules, the environment and its secrets."""

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import quote

from slipway.doctor.api import Fetch, Repository, Unavailable, is_runner
from slipway.doctor.finding import Command, Finding, good, limit, mend, unseen
from slipway.doctor.signatures import check_signatures
from slipway.operate.workflow import list_secrets
from slipway.project import PRODUCTION, Project

# So begins what GitHub answers where a plan does not have something.
PLAN = "Upgrade to GitHub"
SCOPES = "repo,read:packages,admin:org"
CHECK, TAGS = "all green", "v*"
# GitHub Actions, which alone may report that the check passed.
ACTIONS_APP = 15368
TAG_RULES = "/rulesets?targets=tag&per_page=100"
NO_PLAN = "make the repository public, or take a plan that has this; until then, it holds only as long as everybody respects it"


def check_github(project: Project, name: str, fetch: Fetch) -> Iterator[Finding]:
    """Yield what GitHub has of a repository."""
    found = fetch(f"/repos/{name}")
    if found is None:
        yield mend("repository", f"there is no {name}, or your account cannot see it", "Everything else is set there.", "gh repo create")
        return
    name = found["full_name"]
    repo = Repository(name, found["default_branch"], found["private"], _is_limited(name, fetch), project, fetch)
    for what, check in CHECKS.items():
        try:
            yield check(what, repo)
        except Unavailable as error:
            yield unseen(what, str(error), f"run ./run doctor as an owner of the repository: gh auth refresh --scopes {SCOPES}")


def _is_limited(name: str, fetch: Fetch) -> bool:
    """Tell whether the plan has neither rules nor environments for this repository."""
    try:
        fetch(f"/repos/{name}{TAG_RULES}")
    except Unavailable as error:
        return PLAN in str(error)
    return False


# --- the workflows


def _check_default_branch(what: str, repo: Repository) -> Finding:
    """Check that merges to the default branch make images."""
    file = Path(".github", "workflows", "train-validate-build-push.yml")
    path = repo.project.root / file
    listed = re.search(r"branches: \[([^]]*)\]", path.read_text(encoding="utf-8")) if path.is_file() else None
    if listed and repo.branch in re.split(r"[,\s]+", listed[1]):
        return good(what, repo.branch)
    why = "No merge builds an image, because the workflow does not start on this branch."
    return mend(what, f"{repo.branch}, which is not in {file.as_posix()}", why, f"add it to `branches:` there: [{repo.branch}]")


def _check_actions(what: str, repo: Repository) -> Finding:
    permissions, page = repo.fetch("/actions/permissions") or {}, repo.page("actions")
    if not permissions.get("enabled"):
        call = repo.call("PUT", "actions/permissions", enabled=True, allowed_actions="all")
        return mend(what, "switched off", "No workflow runs.", "", call)
    if permissions["allowed_actions"] == "all":
        return good(what, "on, all allowed")
    may = (repo.fetch("/actions/permissions/selected-actions") or {}) if permissions["allowed_actions"] == "selected" else {}
    texts = [path.read_text(encoding="utf-8") for path in (repo.project.root / ".github" / "workflows").glob("*.yml")]
    used = sorted({name for text in texts for name in re.findall(r"uses: ([\w.-]+/[\w.-]+)@", text)})
    refused = [each for each in used if not _is_allowed(each, may)]
    if not refused:
        return good(what, "on, and every action that the workflows use is allowed")
    names = ", ".join(f"{each}@*" for each in refused)
    if may.get("verified_allowed"):
        return unseen(what, "GitHub does not list the verified actions", f"see that {names} are allowed on {page}")
    why = "A workflow that uses one of these ends before its first step."
    return mend(what, f"not allowed: {', '.join(refused)}", why, f"on {page} allow selected actions, among them {names}")


def _is_allowed(action: str, may: dict[str, Any]) -> bool:
    if action.startswith(("actions/", "github/")) and may.get("github_owned_allowed"):
        return True
    return any(fnmatchcase(action, each.partition("@")[0]) for each in may.get("patterns_allowed", ()))


def _check_package(what: str, repo: Repository) -> Finding:
    """Check where images go, and that the workflows may push them there."""
    ours = repo.project.image_name
    # In a workflow its token may not read the variable, and needs not: `repo.project.image_name` is made from it.
    variable = {} if is_runner() else repo.fetch("/actions/variables/IMAGE_REPOSITORY") or {"value": f"ghcr.io/{repo.name}"}
    pushed = variable.get("value", ours).lower()
    if pushed != ours:
        why = "Commands that you type look for images in another place than the one to which the workflows push."
        return mend(what, f"workflows push to {pushed}, project.toml says {ours}", why, f'repository = "{pushed}" under [image] there')
    registry, _, path = ours.partition("/")
    owner, _, name = path.partition("/")
    if registry != "ghcr.io":
        return good(what, f"{ours}, not on GitHub")
    paths = (f"/{kind}/{owner}/packages/container/{quote(name, safe='')}" for kind in ("orgs", "users"))
    found = next((each for path in paths if (each := repo.fetch_any(path))), None)
    if found is None:
        return good(what, f"{ours}: none yet, the first merge creates it")
    linked = (found.get("repository") or {}).get("full_name")
    if linked != repo.name:
        why = "A person pushed to it first, so the workflows of this repository may not push to it."
        fix = f"connect {repo.name} there and give it the role Write: https://github.com/{owner}?tab=packages, the package's settings"
        return mend(what, f"{ours} belongs to {linked or 'no repository'}", why, fix)
    return good(what, f"{ours}, {found['visibility']}")


# --- the rules


def _check_branch_rules(what: str, repo: Repository) -> Finding:
    why = f"What is pushed past a pull request, or merged while {CHECK!r} is red, is trained and built without review."
    if repo.limited:
        return limit(what, "this plan has no rules for a private repository", why, NO_PLAN)
    rules = repo.fetch(f"/rules/branches/{quote(repo.branch, safe='')}") or []
    checks = [each["context"] for rule in rules for each in rule.get("parameters", {}).get("required_status_checks", ())]
    classic = ((repo.fetch(f"/branches/{quote(repo.branch, safe='')}") or {}).get("protection") or {}).get("required_status_checks") or {}
    if CHECK in [*checks, *classic.get("contexts", ())]:
        return good(what, f"{repo.branch} accepts only what is {CHECK}")
    status = {"required_status_checks": [{"context": CHECK, "integration_id": ACTIONS_APP}], "strict_required_status_checks_policy": False}
    review = dict.fromkeys(("dismiss_stale_reviews_on_push", "require_code_owner_review", "require_last_push_approval"), False)
    review |= {"required_review_thread_resolution": False}
    wanted: list[dict[str, Any]] = [
        {"type": "deletion"},
        {"type": "non_fast_forward"},
        {"type": "pull_request", "parameters": {"required_approving_review_count": 0, **review}},
        {"type": "required_status_checks", "parameters": status},
    ]
    return mend(what, f"{repo.branch} accepts every push", why, "", _make_rules(repo, "branch", "~DEFAULT_BRANCH", wanted))


def _check_tag_rules(what: str, repo: Repository) -> Finding:
    """Check that a tag that was deployed cannot move."""
    why = "A tag that was moved or deleted no longer says what was deployed. A deploy rejects it, and the history cannot be followed."
    if repo.limited:
        return limit(what, "this plan has no rules for a private repository", why, NO_PLAN)
    held = set[str]()
    for each in repo.fetch(TAG_RULES) or []:
        rules = repo.fetch(f"/rulesets/{each['id']}") or {}
        included = rules.get("conditions", {}).get("ref_name", {}).get("include", ())
        if rules.get("target") == "tag" and rules.get("enforcement") == "active" and {"~ALL", f"refs/tags/{TAGS}"} & set(included):
            held |= {rule["type"] for rule in rules.get("rules", ())}
    if held >= {"deletion", "update"}:
        return good(what, f"{TAGS} cannot be moved or deleted")
    wanted = [{"type": "deletion"}, {"type": "update"}]
    return mend(what, f"{TAGS} can be moved and deleted", why, "", _make_rules(repo, "tag", f"refs/tags/{TAGS}", wanted))


def _make_rules(repo: Repository, target: str, ref: str, rules: list[dict[str, Any]]) -> Command:
    conditions = {"ref_name": {"include": [ref], "exclude": []}}
    return repo.call("POST", "rulesets", name=f"slipway: {target}", target=target, enforcement="active", conditions=conditions, rules=rules)


# --- the environment: `production`, or `staging`


def _check_environment(what: str, repo: Repository) -> Finding:
    """Check that the secrets have their place, for the default branch and the tags alone."""
    if repo.limited:
        why = "The secrets for the host belong to the whole repository, so a workflow on any branch can read them."
        return limit(what, "this plan has none for a private repository", why, "make the repository public, or take one that has them")
    found, path = repo.fetch(f"/environments/{repo.environment}"), f"environments/{repo.environment}"
    restrict = repo.call("PUT", path, deployment_branch_policy={"protected_branches": False, "custom_branch_policies": True})
    wanted = {(repo.branch, "branch"), *([(TAGS, "tag")] if repo.environment == PRODUCTION else [])}
    calls = {each: repo.call("POST", f"{path}/deployment-branch-policies", name=each[0], type=each[1]) for each in sorted(wanted)}
    if wrong := _describe_misplaced(repo, found):
        return mend(what, *wrong, "", restrict, *calls.values())
    listed = (repo.fetch(f"/{path}/deployment-branch-policies?per_page=100") or {}).get("branch_policies", ())
    open_to = {(each["name"], each.get("type", "branch")) for each in listed}
    if missing := sorted(wanted - open_to):
        why = f"A rollback runs on {repo.branch}, a deploy on a tag: both are rejected unless they are listed."
        names = " and ".join(name for name, _ in missing)
        return mend(what, f"{repo.environment} is not for {names}", why, "", *(calls[each] for each in missing))
    if more := sorted(name for name, _ in open_to - wanted):
        why = "A workflow there can read the secrets for the host."
        return mend(what, f"{repo.environment} is also for {', '.join(more)}", why, f"take that away on {repo.page('environments')}")
    return good(what, f"{repo.environment}, for {' and '.join(sorted(name for name, _ in open_to))}")


def _describe_misplaced(repo: Repository, found: dict[str, Any] | None) -> tuple[str, str] | None:
    """Return what is wrong with an environment before it comes to single refs, and why that matters; None where nothing is."""
    if found is None:
        return f"there is no {repo.environment}", "There is no place for the secrets of the host, so a tag is not deployed."
    policy = found.get("deployment_branch_policy")
    if not policy:
        why = "A workflow on any branch can read the secrets for the host, before anybody has read the workflow."
        return f"{repo.environment} is open to every branch", why
    if policy["protected_branches"]:
        return f"{repo.environment} is for protected branches only", "Tags are rejected, so nothing is deployed."
    return None


def _check_reviewers(what: str, repo: Repository) -> Finding:
    if repo.limited or (repo.private and not _is_enterprise(repo)):
        why = "A private repository needs GitHub Enterprise. Whoever may push a tag can deploy; only the gate stops a bad release."
        return limit(what, "not enforced by this plan", why, "none, if you accept that; or make the repository public, or take that plan")
    page, found = repo.page("environments"), repo.fetch(f"/environments/{repo.environment}")
    if found is None:
        return unseen(what, f"there is no {repo.environment} yet", "fix the environment first")
    rules = found.get("protection_rules", ())
    named = [each for rule in rules if rule["type"] == "required_reviewers" for each in rule.get("reviewers", ())]
    if not named:
        why = "Whoever may push a tag can deploy; only the gate stops a bad release."
        return mend(what, "nobody has to approve a deploy", why, f"add them on {page}; let those on call approve their own")
    if found.get("can_admins_bypass"):
        why = "An administrator's token can deploy without them."
        return mend(what, f"{len(named)}, but administrators need no approval", why, f"untick that administrators may bypass on {page}")
    return good(what, f"{len(named)}, enforced")


def _is_enterprise(repo: Repository) -> bool:
    """Tell whether the owner's plan has reviewers for private repositories; only its owners can see the plan."""
    owner = repo.fetch_any(f"/orgs/{repo.name.partition('/')[0]}") or {}
    if owner and "plan" not in owner:
        raise Unavailable("only an owner of the organisation can see its plan")
    return bool(owner.get("plan", {}).get("name") == "enterprise")


def _check_secrets(what: str, repo: Repository) -> Finding:
    needed = list_secrets(repo.project.target)
    wide = {each["name"] for each in (repo.fetch("/actions/secrets?per_page=100") or {}).get("secrets", ())} & set(needed)
    if wide and not repo.limited:
        calls = [Command(("secret", "delete", name, "--repo", repo.name)).format() for name in sorted(wide)]
        fix = f"{'; '.join(calls)}, once they are in {repo.environment}"
        return mend(what, f"{', '.join(sorted(wide))} for the whole repository", "A workflow on any branch can read them.", fix)
    own = {} if repo.limited else repo.fetch(f"/environments/{repo.environment}/secrets?per_page=100") or {}
    held = wide if repo.limited else {each["name"] for each in own.get("secrets", ())}
    place, option = ("the repository", "") if repo.limited else (repo.environment, f" --env {repo.environment}")
    if missing := [name for name in needed if name not in held]:
        fix = "; ".join(f"gh secret set {name}{option} --repo {repo.name} < FILE" for name in missing)
        return mend(what, f"not set in {place}: {', '.join(missing)}", "A tag ends with `deploy skipped`, and a rollback fails.", fix)
    return good(what, f"{', '.join(needed)}, in {place}")


CHECKS: dict[str, Callable[[str, Repository], Finding]] = {
    "default branch": _check_default_branch,
    "actions": _check_actions,
    "branch rules": _check_branch_rules,
    "tag rules": _check_tag_rules,
    "environment": _check_environment,
    "reviewers": _check_reviewers,
    "secrets": _check_secrets,
    "package": _check_package,
    "signatures": check_signatures,
}
