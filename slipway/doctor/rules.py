"""What may get to the default branch, and whether tags stay where they are."""

from typing import Any
from urllib.parse import quote

from slipway.doctor.api import Ask
from slipway.doctor.finding import Command, Finding, good, limit, mend
from slipway.doctor.repository import Repository

CHECK, TAGS = "all green", "v*"
# GitHub Actions, which alone may say that the check passed.
ACTIONS_APP = 15368
TAG_RULES = "/rulesets?targets=tag&per_page=100"
NO_PLAN = "make the repository public, or take a plan that has this; until then it holds only as long as everybody keeps to it"


def branch_rules(what: str, repo: Repository, ask: Ask, _: Ask) -> Finding:
    """Look whether something can get to the default branch that the checks did not see."""
    why = f"What is pushed past a pull request, or merged while {CHECK!r} is red, is trained and built all the same."
    if repo.limited:
        return limit(what, "this plan has no rules for a private repository", why, NO_PLAN)
    rules = ask(f"/rules/branches/{quote(repo.branch, safe='')}") or []
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
    if repo.limited:
        return limit(what, "this plan has no rules for a private repository", why, NO_PLAN)
    listed = ask(TAG_RULES) or []
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
