"""What the doctor finds of one thing: its state, why that matters, and what mends it."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# A limit is what this plan of GitHub's does not have: a fact, and no reason to be red for ever.
# What failed is to be mended too, and kept the doctor from checking further.
GOOD, MEND, LIMIT, UNSEEN, FAILED, NOTE = "ok", "to mend", "limit", "not seen", "failed", "to know"
# Of a long list so many are named.
NAMED = 8


@dataclass(frozen=True)
class Command:
    """What `gh`, or `./run`, is called with, and the JSON that it reads."""

    words: tuple[str, ...]
    body: Mapping[str, Any] | None = None
    program: str = "gh"

    def format(self) -> str:
        """Return it as one types it."""
        typed = shlex.join((self.program, *self.words))
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
        return [each.format() for each in self.commands] or self.fix.splitlines()


def good(what: str, found: str) -> Finding:
    """Return that all is well."""
    return Finding(what, GOOD, found)


def mend(what: str, found: str, why: str, fix: str = "", *commands: Command) -> Finding:
    """Return what has to be mended."""
    return Finding(what, MEND, found, why, fix, commands)


def failed(what: str, found: str, why: str, fix: str) -> Finding:
    """Return that something could not be compared with what describes it."""
    return Finding(what, FAILED, found, why, fix)


def limit(what: str, found: str, why: str, fix: str) -> Finding:
    """Return what this plan of GitHub's does not have."""
    return Finding(what, LIMIT, found, why, fix)


def unseen(what: str, why: str, fix: str) -> Finding:
    """Return that something could not be checked."""
    return Finding(what, UNSEEN, "could not be checked", why, fix)


def note(what: str, found: str, why: str, fix: str = "", *commands: Command) -> Finding:
    """Return what is worth a look, and nothing to mend."""
    return Finding(what, NOTE, found, why, fix, commands)


def list_some(texts: Sequence[str], separator: str = ", ") -> str:
    """Return the first 8 texts, and how many more there are."""
    more = len(texts) - NAMED
    return separator.join(texts[:NAMED]) + (f"{separator.rstrip(', ')} and {more} more" if more > 0 else "")
