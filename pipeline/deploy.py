"""Deploy: make a tagged release live, and prove it. Until then, the live release stays live."""

import time
from dataclasses import replace

from slipway import git
from slipway.operate import chain, journal, lock, promotion, switch, targets
from slipway.operate.promotion import Terms
from slipway.operate.switch import Done
from slipway.project import Project
from slipway.serving.manifest import read


def deploy(
    project: Project, tag: str, ref: str = "", judge_again: bool = False, approved_by: str = "", reason: str = "", resume: bool = False
) -> Done:
    """Deploy the release of a git tag. Raises PipelineError; then the live release stays live."""
    git.refuse_changes(project.root, "deploy")
    terms = Terms(ref or git.find_default_branch(project.root), judge_again, approved_by, reason)
    promotion.refuse_half(terms)
    tag, commit = git.find_release(project.root, tag, project.takes_commits)
    target = targets.load_target(project)
    digest = target.find_digest(commit)
    files = target.fetch_release(digest)
    contract = promotion.read_manifest(files, digest, commit).features.contract_version
    with lock.hold_lock(target, f"deploy {tag}") as check_lock:
        start = time.monotonic()
        state = switch.read_state(target)
        why = journal.describe_resumption(state.events, resume)
        new = chain.Deployment(tag, digest, commit, read(files)[1], str(contract), None, 0, chain.format_now(), lock.find_user())
        new = chain.append_deployment(state.recorded, state.proven, state.live, new)
        chain.refuse_moved(state.proven, new)
        judged = promotion.find_verdict(project, target, new, files, state.live, terms)
        new = replace(new, approved=promotion.require_approval(judged, terms))
        switched = switch.switch_new_release(project, target, new, files, state.live, check_lock)
        done = switch.record_switch(project, target, journal.DEPLOY, why, Done(state.live, new, switched, time.monotonic() - start), files)
        switch.attempt("releases that are no longer needed were not stopped", lambda: switch.stop_unneeded(target, new, state, check_lock))
        switch.attempt(switch.NOT_NOTIFIED, lambda: switch.notify_monitoring(target, new, check_lock))
        switch.attempt("whether it was live on staging is not known", lambda: promotion.report_staging(project, new))
        return done
