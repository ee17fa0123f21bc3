"""Put back what served before: image, model, data reference and serving config together. Needs no git, no registry, no MLflow."""

import time

from pipeline import chain, lock, targets
from pipeline.project import Project
from pipeline.switch import Done, finish, live_of, put


def rollback(project: Project, to: str | None, reason: str) -> Done:
    """Roll back to the release before the live one, or to a tag. Raises PipelineError; then what served before still serves."""
    start = time.monotonic()
    target = targets.of(project)
    chain.prior(target.deployed(), live_of(target), to)  # one that cannot be takes nothing over
    with lock.held(target, "rollback", takeover=True) as still_ours:
        live = live_of(target)
        prior = chain.prior(target.deployed(), live, to)
        files = target.fetch(prior.digest)
        checks = put(target, prior, files, live, still_ours)
        done = Done(live, prior, checks, time.monotonic() - start)
        return finish(project, target, f"rollback{f' ({reason})' if reason else ''}", done, files)
