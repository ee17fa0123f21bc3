"""Check whether releases are signed, and that only the default branch's runs have the key."""

from slipway.doctor.api import Repository
from slipway.doctor.finding import Command, Finding, good, limit, mend, note
from slipway.operate.signature import FILE, read_signers
from slipway.operate.signing import ENVIRONMENT, KEY

PLACE = f"environments/{ENVIRONMENT}"
NEW_KEY = Command(("sign", "--new-key"), program="./run")


def check_signatures(what: str, repo: Repository) -> Finding:
    """Check that there is a key that deploys hold releases against, and that no other branch can read its private half."""
    if repo.limited:
        why = "A key would belong to the whole repository, so a workflow on any branch could sign with it."
        return limit(what, "this plan has no environments for a private repository", why, "make it public, or take a plan that has them")
    signers, listed = read_signers(repo.project.root), repo.fetch(f"/{PLACE}/deployment-branch-policies?per_page=100") or {}
    open_to = {(each["name"], each.get("type", "branch")) for each in listed.get("branch_policies", ())}
    restrict = () if (repo.branch, "branch") in open_to else _restrict(repo)
    if signers is None:
        why = f"Whoever may push to the registry can get any image deployed. Then commit {FILE}: only signed images are deployed."
        return note(what, f"nothing is signed: the default branch has no {FILE}", why, "", *restrict, NEW_KEY)
    if not any(each.strip() and not each.lstrip().startswith(b"#") for each in signers.splitlines()):
        return mend(what, f"{FILE} has no key", "No release can be deployed.", "", *restrict, NEW_KEY)
    held = {each["name"] for each in (repo.fetch(f"/{PLACE}/secrets?per_page=100") or {}).get("secrets", ())}
    why = "A workflow on another branch can read the key, and sign what nobody has judged."
    if restrict:
        return mend(what, f"{ENVIRONMENT} is not for {repo.branch} alone", why, "", *restrict)
    if more := sorted(name for name, _ in open_to - {(repo.branch, "branch")}):
        return mend(what, f"{ENVIRONMENT} is also for {', '.join(more)}", why, f"take that away on {repo.page('environments')}")
    if KEY not in held:
        return mend(what, f"{KEY} is not set in {ENVIRONMENT}", "A merge signs nothing, so it cannot be deployed.", "", NEW_KEY)
    return good(what, f"by {FILE}, with the key in {ENVIRONMENT}")


def _restrict(repo: Repository) -> tuple[Command, ...]:
    policy = {"protected_branches": False, "custom_branch_policies": True}
    return (
        repo.call("PUT", PLACE, deployment_branch_policy=policy),
        repo.call("POST", f"{PLACE}/deployment-branch-policies", name=repo.branch, type="branch"),
    )
