"""Why a service failed, from its log: the line of the owner's code, and what it raised there."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from slipway.errors import ServiceFailed

# A traceback is logged after the answer is sent.
LOGGED_WITHIN_SECONDS = 5.0
TRACEBACK = "Traceback (most recent call last):"
FRAME = re.compile(r'^\s+File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>.+)$')
OWN = re.compile(r"(?:^|/)(model/[^/]+\.py)$")
SHOWN = 300


@contextmanager
def explain_failures(read: Callable[[], str]) -> Iterator[None]:
    """Add to a failure of a service what its log says of it. Raises ServiceFailed."""
    try:
        yield
    except ServiceFailed as error:
        raise ServiceFailed(f"{error} {wait_for_reason(read)}") from error


def wait_for_reason(read: Callable[[], str]) -> str:
    """Return why a service failed, as soon as its log has a traceback; otherwise the end of its log."""
    deadline = time.monotonic() + LOGGED_WITHIN_SECONDS
    while True:
        log = read()
        if (reason := describe_failure(log)) or time.monotonic() > deadline:
            return reason or f"Its log ends: {' / '.join(log.strip().splitlines()[-5:])[-SHOWN:] or 'it is empty'}. Next: mend that."
        time.sleep(0.05)


def describe_failure(log: str) -> str:
    """Say where the last traceback of a log ends, by preference in `model/`, and with what; empty where there is none."""
    lines = last_traceback(log).splitlines()
    frames = [found for line in lines if (found := FRAME.match(line))]
    if not frames:
        return ""
    at = next((each for each in reversed(frames) if OWN.search(each["file"])), frames[-1])
    own = OWN.search(at["file"])
    ends = max(number for number, line in enumerate(lines) if FRAME.match(line))
    raised = next((line for line in lines[ends + 1 :] if line and not line[0].isspace()), "an exception")
    return (
        f"It was in {own[1] if own else at['file']}, line {at['line']}, {at['function']}: {raised[:SHOWN].rstrip('.: ')}. "
        f"Next: correct {'that' if own else 'model/'}, then ./run train."
    )


def last_traceback(log: str) -> str:
    """Return the last traceback of a log, which has it in a line of JSON, or as Python prints it."""
    for line in reversed(log.splitlines()):
        with suppress(ValueError):
            said: Any = json.loads(line)
            if isinstance(said, dict) and TRACEBACK in str(said.get("traceback")):
                return str(said["traceback"])
    start = log.rfind(TRACEBACK)
    return log[start:] if start >= 0 else ""
