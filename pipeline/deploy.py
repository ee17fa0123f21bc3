"""Put a tagged release before callers, and prove it. The release that served before goes on serving until then."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pipeline import chain, journal, lock, promotion, repository, targets
from pipeline.chain import Deployment
from pipeline.errors import Busy
from pipeline.project import Bake, Project
from pipeline.promotion import Terms
from pipeline.switch import KEPT, UNTOLD, Done, State, Switched, attempt, finish, put, state_of
from pipeline.targets import Target
from service.manifest import read


def deploy(project: Project, tag: str, ref: str = "", judge_again: bool = False, approved_by: str = "", reason: str = "") -> Done:
    """Deploy the release of a git tag. Raises PipelineError; then what served before still serves."""
    repository.refuse_changes(project.root, "deploy")
    terms = Terms(ref or repository.default_branch(project.root), judge_again, approved_by, reason)
    promotion.refuse_half(terms)
    commit = repository.commit_of(project.root, tag)
    target = targets.of(project)
    digest = target.find(commit)
    files = target.fetch(digest)
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


def put_new(
    target: Target, new: Deployment, files: Path, live: Deployment | None, still_ours: Callable[[], None], limits: Bake
) -> Switched:
    """Put a new release before callers; what did not get there is taken away again."""
    try:
        return put(target, new, files, live, still_ours, limits)
    except BaseException as error:
        # Not what serves: only a first release is taken away again, unless whoever took over decides.
        if target.live_sequence() != new.sequence or (live is None and not isinstance(error, Busy)):
            target.discard(new)
        raise


def tidy(target: Target, new: Deployment, state: State, still_ours: Callable[[], None]) -> None:
    """Stop what is no longer needed; not when a rollback has taken over, which may need it."""
    still_ours()
    target.tidy(new, chain.kept([*state.proven, new], new, KEPT))


def tell(target: Target, new: Deployment, still_ours: Callable[[], None]) -> None:
    """Have what watches run, and know of the new release; not when a rollback has taken over, which tells it of another."""
    still_ours()
    target.tell(new, begin=True)
