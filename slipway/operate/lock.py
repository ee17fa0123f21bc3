"""One deploy or rollback at a time. A rollback never waits: it takes over, and the deploy stops at its next step."""

import getpass
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from slipway.errors import Busy
from slipway.operate import chain
from slipway.operate.journal import ROLLBACK
from slipway.operate.targets import Target


def find_user() -> str:
    """Return the person who started the workflow, or this machine's user."""
    try:
        return os.environ.get("GITHUB_ACTOR") or getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container that runs as a number without a name
        if sys.platform == "win32":
            return "somebody"
        return f"user {os.getuid()}"


def explain_busy(holder: dict[str, str]) -> str:
    """Say who is at work, and what to do: a rollback after a rollback would go one release further back."""
    rolls_back = holder["what"] == ROLLBACK
    return (
        f"{holder['what']} by {holder['by']} is running here (started {chain.format_age(holder['at'])}). Wait for it"
        + (". " if rolls_back else ", or ./run rollback, which takes over. ")
        + "If it was killed, this is known after 15 s. Next: ./run status."
    )


@contextmanager
def hold_lock(target: Target, what: str, takeover: bool = False) -> Iterator[Callable[[], None]]:
    """Hold the environment's lock; yields a check to call before each step that changes something. Raises Busy."""
    ours = {"what": what, "by": find_user(), "at": chain.format_now(), "token": uuid.uuid4().hex}

    def check_lock() -> None:
        found = target.lock.read_holder()
        if found is None or found["token"] != ours["token"]:
            by = f"{found['what']} by {found['by']}" if found else "another run"
            raise Busy(f"{what} was taken over by {by}, and stopped. Next: ./run status.")

    try:
        target.lock.acquire(ours, takeover)
    except Busy as busy:
        found = target.lock.read_holder() or {"what": "another run", "by": "somebody", "at": chain.format_now()}
        raise Busy(explain_busy(found)) from busy
    try:
        yield check_lock
    finally:
        if (target.lock.read_holder() or {}).get("token") == ours["token"]:
            target.lock.release()
