"""Deploy: put a tagged release before callers, and prove it. The release that served before goes on serving until then."""

import time
from dataclasses import replace

from slipway import repository
from slipway.operate import chain, journal, lock, promotion, targets
from slipway.operate.chain import Deployment
from slipway.operate.deployment import put_new, tell, tidy
from slipway.operate.promotion import Terms
from slipway.operate.switch import UNTOLD, Done, attempt, finish, state_of
from slipway.project import Project
from slipway.serving.manifest import read


def deploy(project: Project, tag: str, ref: str = "", judge_again: bool = False, approved_by: str = "", reason: str = "") -> Done:
    """Deploy the release of a git tag. Raises PipelineError; then what served before still serves."""
    repository.refuse_changes(project.root, "deploy")
    terms = Terms(ref or repository.default_branch(project.root), judge_again, approved_by, reason)
    promotion.refuse_half(terms)
    commit = repository.commit_of(project.root, tag)
    target = targets.load_target(project)
    digest = target.find_digest(commit)
    files = target.fetch_release(digest)
    contract = promotion.refuse_other(files, digest, commit).features.contract_version
    with lock.held(target, f"deploy {tag}") as still_ours:
        start = time.monotonic()
        state = state_of(target)
        journal.refuse_held(state.events)
        new = Deployment(tag, digest, commit, read(files)[1], str(contract), None, 0, chain.now(), lock.who())
        new = chain.successor(state.recorded, state.proven, state.live, new)
        chain.refuse_moved(state.proven, new)
        judged = promotion.admitted(project, target, new, files, state.live, terms)
        new = replace(new, approved=promotion.approval(judged, terms))
        switched = put_new(target, new, files, state.live, still_ours, project.bake)
        done = finish(project, target, journal.DEPLOY, "", Done(state.live, new, switched, time.monotonic() - start), files)
        attempt("what is no longer needed was not stopped", lambda: tidy(target, new, state, still_ours))
        attempt(UNTOLD, lambda: tell(target, new, still_ours))
        return done
