"""The parts of a deploy that act: put a new release before callers, stop what is no longer needed, notify what watches."""

from collections.abc import Callable
from pathlib import Path

from slipway.errors import Busy
from slipway.operate import chain
from slipway.operate.chain import Deployment
from slipway.operate.switch import KEPT, State, Switched, put
from slipway.operate.targets import Target
from slipway.project import Bake


def put_new(
    target: Target, new: Deployment, files: Path, live: Deployment | None, still_ours: Callable[[], None], limits: Bake
) -> Switched:
    """Put a new release before callers; what did not get there is taken away again."""
    try:
        return put(target, new, files, live, still_ours, limits)
    except BaseException as error:
        # Not what serves: only a first release is taken away again, unless whoever took over decides.
        if target.read_live_sequence() != new.sequence or (live is None and not isinstance(error, Busy)):
            target.discard_release(new)
        raise


def tidy(target: Target, new: Deployment, state: State, still_ours: Callable[[], None]) -> None:
    """Stop what is no longer needed; not when a rollback has taken over, which may need it."""
    still_ours()
    target.remove_old_releases(new, chain.kept([*state.proven, new], new, KEPT))


def tell(target: Target, new: Deployment, still_ours: Callable[[], None]) -> None:
    """Have what watches run, and know of the new release; not when a rollback has taken over, which tells it of another."""
    still_ours()
    target.notify_monitoring(new, start=True)
