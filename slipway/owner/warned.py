"""What the owner's code warns of, or scikit-learn because of it: one line each, once, and never an error."""

import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from traceback import walk_stack
from types import FrameType
from typing import Any, TextIO

from slipway.owner import place as places
from slipway.owner.place import Place
from slipway.owner.raised import shorten
from slipway.say import warn

# A column may have the name of something that pydantic has: rows are read by `vars`, so nothing comes of it.
SHADOWS = r'Field name "\w+" in "\w+" shadows an attribute in parent "'
# What was shown, in this verb.
SHOWN: ContextVar[set[str] | None] = ContextVar("SHOWN", default=None)


@contextmanager
def show_warnings(running: str = "") -> Iterator[None]:
    """Print each warning of the owner's code in one line, once. What has nothing to do with their code is left as it is.

    While a file of theirs is `running` all warnings are theirs, and none is an error.
    """
    shown, other = SHOWN.get(), warnings.showwarning
    shown = set() if shown is None else shown

    def show(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None, line: str | None = None
    ) -> None:
        place = find_warned(filename, lineno, sys._getframe(1))
        if place is None and not running:
            other(message, category, filename, lineno, file, line)
        else:
            show_once(f"{place or running}: {category.__name__}: {shorten(str(message))}", shown)

    with warnings.catch_warnings():
        if running:
            soften()
        warnings.filterwarnings("ignore", SHADOWS, UserWarning)
        warnings.showwarning = show
        token = SHOWN.set(shown)
        try:
            yield
        finally:
            SHOWN.reset(token)


def soften() -> None:
    """Have no warning end what is run; what the owner's code ignores stays ignored."""
    softened: list[Any] = [("default", *each[1:]) if each[0] == "error" else each for each in warnings.filters]
    warnings.filters[:] = softened  # type: ignore[index]  # a list, whatever its stub says


def find_warned(filename: str, line: int, frame: FrameType) -> Place | None:
    """Return where in the owner's code a warning comes from; None where it took no part."""
    folder = places.find_model_folder()
    if file := places.owned(filename, folder):
        return Place(file, line)
    frames = list(walk_stack(frame))[::-1]
    return places.frame_place(frames, folder) or places.library_place(frames)


def show_once(text: str, shown: set[str]) -> None:
    """Print a warning unless one was printed that differs in its numbers only."""
    alike = re.sub(r"\d[\d.,]*(e[+-]?\d+)?", "0", text)
    if alike not in shown:
        shown.add(alike)
        warn(text)
