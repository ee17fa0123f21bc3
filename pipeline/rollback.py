"""Put back what served before: image, model, data reference and serving config together. Needs no git, no registry, no MLflow."""

import time

from slipway.operate import chain, journal, lock, targets
from slipway.operate.chain import Deployment
from slipway.operate.switch import UNTOLD, Done, attempt, finish, put, state_of
from slipway.operate.targets import Target
from slipway.project import Project


def rollback(project: Project, to: str | None, reason: str, accept_contract: bool = False) -> Done:
    """Roll back to the release before the live one, or to a tag. Raises PipelineError; then what served before still serves."""
    start = time.monotonic()
    target = targets.load_target(project)
    if target.lock.read_holder():
        planned(target, to, accept_contract)  # one that cannot be takes nothing over
    with lock.held(target, "rollback", takeover=True) as still_ours:
        live, prior = planned(target, to, accept_contract)
        files = target.fetch_rollback_files(prior.digest)
        switched = put(target, prior, files, live, still_ours)
        done = Done(live, prior, switched, time.monotonic() - start)
        finish(project, target, journal.ROLLBACK, reason, done, files)
        attempt(UNTOLD, lambda: target.notify_monitoring(prior))
        return done


def planned(target: Target, to: str | None, accept_contract: bool) -> tuple[Deployment | None, Deployment]:
    """Return what a rollback goes from and what it puts back. Raises PipelineError where there is none, or callers would notice."""
    state = state_of(target)
    live = journal.settled(state.events, state.live)
    prior = chain.prior(state.proven, live, to)
    chain.refuse_contract(live, prior, accept_contract)
    return live, prior
