"""Make the previous release live again: image, model, data reference and serving config together. Needs no git, no registry, no MLflow."""

import time

from slipway.operate import chain, journal, lock, switch, targets
from slipway.operate.chain import Deployment
from slipway.operate.switch import Done
from slipway.operate.targets import Target
from slipway.project import Project


def rollback(project: Project, to: str | None, reason: str, accept_contract: bool = False) -> Done:
    """Roll back to the previous release, or to a tag. Raises PipelineError; then the live release stays live."""
    start = time.monotonic()
    target = targets.load_target(project)
    if target.lock.read_holder():
        plan_rollback(target, to, accept_contract)  # a rollback that is impossible takes over no lock
    with lock.hold_lock(target, "rollback", takeover=True) as check_lock:
        live, prior = plan_rollback(target, to, accept_contract)
        files = target.fetch_rollback_files(prior.digest)
        switched = switch.switch_release(target, prior, files, live, check_lock)
        done = Done(live, prior, switched, time.monotonic() - start)
        switch.record_switch(project, target, journal.ROLLBACK, reason, done, files)
        switch.attempt(switch.NOT_NOTIFIED, lambda: target.notify_monitoring(prior))
        return done


def plan_rollback(target: Target, to: str | None, accept_contract: bool) -> tuple[Deployment | None, Deployment]:
    """Return the live release and the one to go back to. Raises PipelineError if there is none, or callers would have to change."""
    state = switch.read_state(target)
    live = journal.find_origin(state.events, state.live)
    prior = chain.find_prior(state.proven, live, to)
    chain.refuse_contract(live, prior, accept_contract)
    return live, prior
