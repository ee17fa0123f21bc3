"""What the doctor says of one thing: how it is, why that matters, and what mends it."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# A limit is what this plan of GitHub's does not have: to be known, and no reason to be red for ever.
# What failed is to be mended too, and kept the doctor from looking further.
GOOD, MEND, LIMIT, UNSEEN, FAILED, NOTE = "ok", "to mend", "limit", "not seen", "failed", "to know"


@dataclass(frozen=True)
class Command:
    """What `gh` is called with, and the JSON that it reads."""

    words: tuple[str, ...]
    body: Mapping[str, Any] | None = None

    def shown(self) -> str:
        """Return it as one types it."""
        typed = shlex.join(("gh", *self.words))
        return typed if self.body is None else f"{typed} --input - <<< {shlex.quote(json.dumps(self.body))}"


@dataclass(frozen=True)
class Finding:
    """One thing: `commands` are what `--fix` may do, `fix` says it where only a person can."""

    what: str
    state: str
    found: str
    why: str = ""
    fix: str = ""
    commands: tuple[Command, ...] = ()

    def next(self) -> list[str]:
        """Return what mends it, a line each."""
        return [each.shown() for each in self.commands] or self.fix.splitlines()


def good(what: str, found: str) -> Finding:
    """Return that all is well."""
    return Finding(what, GOOD, found)


def mend(what: str, found: str, why: str, fix: str = "", *commands: Command) -> Finding:
    """Return what has to be mended."""
    return Finding(what, MEND, found, why, fix, commands)


def failed(what: str, found: str, why: str, fix: str) -> Finding:
    """Return that something could not be held against what it describes."""
    return Finding(what, FAILED, found, why, fix)


def limit(what: str, found: str, why: str, fix: str) -> Finding:
    """Return what cannot be had on this plan."""
    return Finding(what, LIMIT, found, why, fix)


def unseen(what: str, why: str, fix: str) -> Finding:
    """Return that something could not be looked at."""
    return Finding(what, UNSEEN, "could not be asked", why, fix)


def note(what: str, found: str, why: str, fix: str = "") -> Finding:
    """Return what is to be known, and nothing to mend."""
    return Finding(what, NOTE, found, why, fix)
