"""What GitHub has to know for the workflows to do their part. Each check says what it found; nothing here changes anything."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipeline.doctor.api import Ask, NotTold
from pipeline.doctor.finding import Command, Finding, good, mend, unseen
from pipeline.host import SECRETS
from pipeline.record import ENVIRONMENT

CHECK, TAGS = "all green", "v*"
# GitHub Actions, which alone may say that the check passed.
ACTIONS_APP = 15368
PLAN = "Upgrade to GitHub"
NO_PLAN = "make the repository public, or take a plan that has this; until then it holds only as long as everybody keeps to it"
PAGE = "https://github.com/{0}/settings/{1}"


@dataclass(frozen=True)
class Repository:
    """The repository, as GitHub tells it, and the checkout."""

    name: str
    branch: str
    private: bool
    root: Path
    images: str

    def page(self, of: str) -> str:
        """Return the address of a page of its settings."""
        return PAGE.format(self.name, of)

    def api(self, method: str, path: str, **body: Any) -> Command:
        """Return a call of the API."""
        return Command(("api", "--method", method, f"repos/{self.name}/{path}"), body)


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


def default_branch(what: str, repo: Repository, *_: Ask) -> Finding:
    """Look whether merges to the default branch make images."""
    file = Path(".github", "workflows", "train-validate-build-push.yml")
    listed = re.search(r"branches: \[([^]]*)\]", (repo.root / file).read_text(encoding="utf-8"))
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
    refused = [each for each in used(repo.root) if not allowed(each, may)]
    if not refused:
        return good(what, "on, what the workflows use is allowed")
    why = "A workflow that uses one ends before its first step."
    return mend(what, f"not allowed: {', '.join(refused)}", why, f"allow {', '.join(f'{each}@*' for each in refused)} on {page}")


def used(root: Path) -> list[str]:
    """Return the actions that the workflows use."""
    texts = [path.read_text(encoding="utf-8") for path in (root / ".github" / "workflows").glob("*.yml")]
    return sorted({name for text in texts for name in re.findall(r"uses: ([\w.-]+/[\w.-]+)@", text)})


def allowed(action: str, may: dict[str, Any]) -> bool:
    """Tell whether an action may be used."""
    if action.startswith(("actions/", "github/")) and may.get("github_owned_allowed"):
        return True
    return any(fnmatchcase(f"{action}@x", each.partition("@")[0] + "@x") for each in may.get("patterns_allowed", ()))


def branch_rules(what: str, repo: Repository, ask: Ask, _: Ask) -> Finding:
    """Look whether something can get to the default branch that the checks did not see."""
    why = f"What is pushed past a pull request, or merged while {CHECK!r} is red, is trained and built all the same."
    try:
        rules = ask(f"/rules/branches/{quote(repo.branch, safe='')}") or []
    except NotTold as error:
        if PLAN in str(error):
            return mend(what, "this plan has no rules for a private repository", why, NO_PLAN)
        raise
    checks = [each["context"] for rule in rules for each in rule.get("parameters", {}).get("required_status_checks", ())]
    classic = ((ask(f"/branches/{quote(repo.branch, safe='')}") or {}).get("protection") or {}).get("required_status_checks") or {}
    if CHECK in [*checks, *classic.get("contexts", ())]:
        return good(what, f"{repo.branch} takes only what is {CHECK}")
    status = {"required_status_checks": [{"context": CHECK, "integration_id": ACTIONS_APP}], "strict_required_status_checks_policy": False}
    review = dict.fromkeys(("dismiss_stale_reviews_on_push", "require_code_owner_review", "require_last_push_approval"), False)
    review |= {"required_review_thread_resolution": False}
    wanted: list[dict[str, Any]] = [
        {"type": "deletion"},
        {"type": "non_fast_forward"},
        {"type": "pull_request", "parameters": {"required_approving_review_count": 0, **review}},
        {"type": "required_status_checks", "parameters": status},
    ]
    return mend(what, f"{repo.branch} takes whatever is pushed", why, "", ruleset(repo, "branch", "~DEFAULT_BRANCH", wanted))


def tag_rules(what: str, repo: Repository, ask: Ask, _: Ask) -> Finding:
    """Look whether a tag that was deployed can move."""
    why = "A tag that moved or is gone no longer says what was deployed; the deploy verb refuses it, and the history cannot be followed."
    try:
        listed = ask("/rulesets?targets=tag") or []
    except NotTold as error:
        if PLAN in str(error):
            return mend(what, "this plan has no rules for a private repository", why, NO_PLAN)
        raise
    held = set[str]()
    for each in listed:
        rules = ask(f"/rulesets/{each['id']}") or {}
        included = rules.get("conditions", {}).get("ref_name", {}).get("include", ())
        if rules.get("target") == "tag" and rules.get("enforcement") == "active" and {"~ALL", f"refs/tags/{TAGS}"} & set(included):
            held |= {rule["type"] for rule in rules.get("rules", ())}
    if held >= {"deletion", "update"}:
        return good(what, f"{TAGS} cannot be moved or deleted")
    wanted = [{"type": "deletion"}, {"type": "update"}]
    return mend(what, f"{TAGS} can be moved and deleted", why, "", ruleset(repo, "tag", f"refs/tags/{TAGS}", wanted))


def ruleset(repo: Repository, target: str, ref: str, rules: list[dict[str, Any]]) -> Command:
    """Return how to make a set of rules."""
    conditions = {"ref_name": {"include": [ref], "exclude": []}}
    return repo.api("POST", "rulesets", name=f"slipway: {target}", target=target, enforcement="active", conditions=conditions, rules=rules)


def environment(what: str, repo: Repository, ask: Ask, _: Ask) -> Finding:
    """Look whether the secrets have their place, for the default branch and the tags alone."""
    found = ask(f"/environments/{ENVIRONMENT}")
    path = f"environments/{ENVIRONMENT}"
    restrict = repo.api("PUT", path, deployment_branch_policy={"protected_branches": False, "custom_branch_policies": True})
    wanted = {(repo.branch, "branch"), (TAGS, "tag")}
    named = {each: repo.api("POST", f"{path}/deployment-branch-policies", name=each[0], type=each[1]) for each in sorted(wanted)}
    if found is None:
        why = "The secrets for the host have no place, and a tag is not deployed."
        return mend(what, f"there is no {ENVIRONMENT}", why, "", restrict, *named.values())
    policy = found.get("deployment_branch_policy")
    if not policy:
        why = "A workflow on any branch can read the secrets for the host, before anybody has read the workflow."
        return mend(what, f"{ENVIRONMENT} is open to every branch", why, "", restrict, *named.values())
    if policy["protected_branches"]:
        why = "Tags are refused, so nothing is deployed."
        return mend(what, f"{ENVIRONMENT} is for protected branches only", why, "", restrict, *named.values())
    listed = (ask(f"/{path}/deployment-branch-policies") or {}).get("branch_policies", ())
    open_to = {(each["name"], each.get("type", "branch")) for each in listed}
    if missing := sorted(wanted - open_to):
        why = f"A rollback runs on {repo.branch}, a deploy on a tag: both are refused unless they are listed."
        return mend(
            what, f"{ENVIRONMENT} is not for {' and '.join(name for name, _ in missing)}", why, "", *(named[each] for each in missing)
        )
    return good(what, f"{ENVIRONMENT}, for {' and '.join(sorted(name for name, _ in open_to))}")


def reviewers(what: str, repo: Repository, ask: Ask, top: Ask) -> Finding:
    """Look who has to approve, and whether this plan holds to it."""
    page, found = repo.page("environments"), ask(f"/environments/{ENVIRONMENT}")
    if found is None:
        return unseen(what, f"there is no {ENVIRONMENT} yet", "mend the environment first")
    rules = found.get("protection_rules", ())
    named = [each for rule in rules if rule["type"] == "required_reviewers" for each in rule.get("reviewers", ())]
    if repo.private and not is_enterprise(repo, top):
        why = "For a private repository only GitHub Enterprise has them. Whoever may push a tag deploys; what stops a bad one is the gate."
        return mend(what, "not enforced by this plan", why, "nothing, if that is meant; else make the repository public, or take that plan")
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
    wide = {each["name"] for each in (ask("/actions/secrets") or {}).get("secrets", ())} & set(SECRETS)
    if wide:
        calls = [Command(("secret", "delete", name, "--repo", repo.name)) for name in sorted(wide)]
        why = "A workflow on any branch can read them."
        fix = f"{'; '.join(each.shown() for each in calls)}, once they are in {ENVIRONMENT}"
        return mend(what, f"{', '.join(sorted(wide))} for the whole repository", why, fix)
    held = {each["name"] for each in (ask(f"/environments/{ENVIRONMENT}/secrets") or {}).get("secrets", ())}
    if missing := [name for name in SECRETS if name not in held]:
        fix = "; ".join(f"gh secret set {name} --env {ENVIRONMENT} --repo {repo.name} < FILE" for name in missing)
        return mend(what, f"not set in {ENVIRONMENT}: {', '.join(missing)}", "A tag ends with `deploy skipped`, a rollback red.", fix)
    return good(what, f"all three, in {ENVIRONMENT}")


def package(what: str, repo: Repository, ask: Ask, top: Ask) -> Finding:
    """Look where images go, and whether the workflows may push them there."""
    pushed = ((ask("/actions/variables/IMAGE_REPOSITORY") or {}).get("value") or f"ghcr.io/{repo.name}").lower()
    if pushed != repo.images:
        why = "What is done by hand looks for images in another place than the workflows push them to."
        return mend(
            what, f"workflows push to {pushed}, project.toml says {repo.images}", why, f'repository = "{pushed}" under [image] there'
        )
    registry, _, path = repo.images.partition("/")
    owner, _, name = path.partition("/")
    if registry != "ghcr.io":
        return good(what, f"{repo.images}, not on GitHub")
    found = next((each for kind in ("orgs", "users") if (each := top(f"/{kind}/{owner}/packages/container/{quote(name, safe='')}"))), None)
    if found is None:
        return good(what, f"{repo.images}: none yet, the first merge makes it")
    linked = (found.get("repository") or {}).get("full_name")
    if linked != repo.name:
        why = "It was first pushed by a person, so the workflows of this repository may not push to it."
        page = f"the package's settings on https://github.com/{owner}?tab=packages"
        return mend(what, f"{repo.images} belongs to {linked or 'no repository'}", why, f"give {repo.name} the role Write in {page}")
    return good(what, f"{repo.images}, {found['visibility']}")


CHECKS: dict[str, Callable[[str, Repository, Ask, Ask], Finding]] = {
    "default branch": default_branch,
    "actions": actions,
    "branch rules": branch_rules,
    "tag rules": tag_rules,
    "environment": environment,
    "reviewers": reviewers,
    "secrets": secrets,
    "package": package,
}
