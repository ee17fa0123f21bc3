"""What an error says, as one short line."""

import linecache
import re
from collections.abc import Iterator, Sequence
from traceback import walk_tb
from types import FrameType

Frames = Sequence[tuple[FrameType, int]]
LONGEST = 500
# What is no part of a sentence: colours of a terminal, and pydantic's links.
NOISE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|For further information visit \S+")
# A traceback within a message, such as scikit-learn's of fits that failed: only its last line says something.
WITHIN = re.compile(r"(?P<before>.*?)\s*(?:-{20,}|\d+ fits? failed with|Traceback \(most recent call last\))(?P<within>.*)", re.DOTALL)
RAISED = re.compile(r"^(?:\w+\.)*(?P<raised>\w*(?:Error|Exception|Warning|Exit|Iteration)\b.*)", re.MULTILINE)


def follow_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, then the parts of a group, and what it was raised from."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop(0)
        if each is None or any(each is one for one in seen):
            continue
        seen.append(each)
        yield each
        waiting += [*getattr(each, "exceptions", ()), each.__cause__ or (None if each.__suppress_context__ else each.__context__)]


def list_frames(error: BaseException) -> Frames:
    """Return the frames of an error's traceback, the innermost last."""
    return list(walk_tb(error.__traceback__))


def describe_error(error: BaseException) -> str:
    """Return type and message of an error; the line that raised it, or what it was raised from, where it has none."""
    text, root = shorten(read_message(error)), _find_root(error)
    if text and root and (more := shorten(read_message(root))) not in text:
        text += f" (from {type(root).__name__}: {more})"
    elif not text:
        text = f"from {type(root).__name__}: {shorten(read_message(root))}" if root else _read_raising_line(error)
    return f"{type(error).__name__}: {text}".rstrip(": .")


def _find_root(error: BaseException) -> BaseException | None:
    """Return the last that an error was raised from and that says something, or the first of a group."""
    found: list[BaseException] = [*getattr(error, "exceptions", ())][:1]
    last = error
    while last.__cause__ and last.__cause__ not in (error, *found):
        last = last.__cause__
        found.append(last)
    if not found and not read_message(error):
        found = [each for each in follow_causes(error) if each is not error]
    # What joblib raises an error of another process from is that error again, as text.
    return next((each for each in reversed(found) if read_message(each) and type(each).__name__ != "_RemoteTraceback"), None)


def read_message(error: BaseException) -> str:
    """Return what an error says, with its notes; nothing where it cannot say it."""
    if isinstance(error, SyntaxError):
        return f"{error.msg}{f' ({error.text.strip()})' if error.text else ''}"
    try:
        return "\n".join([str(error), *map(str, getattr(error, "__notes__", ()))]).strip()
    except Exception:  # an error of the owner's own, whatever its __str__ does
        return ""


def shorten(text: str) -> str:
    """Return a message on one line, of at most 500 characters, without a traceback in it."""
    if "Traceback (most recent call last)" in text and (found := WITHIN.match(text)):
        raised = RAISED.search(found["within"])
        before = " ".join(found["before"].split()).partition(". ")[0].rstrip(".:")
        text = f"{before}: {raised['raised']}" if raised else before
    line = " ".join("".join(each if each.isprintable() else " " for each in NOISE.sub("", text)).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "…"


def _read_raising_line(error: BaseException) -> str:
    frames = list_frames(error)
    return linecache.getline(frames[-1][0].f_code.co_filename, frames[-1][1]).strip() if frames else ""
