"""Plain values, keywords and imports as they are written in Python."""

import keyword
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from slipway.doctor.source import quote


class NotTaken(Exception):
    """A value that is not drafted; without one that is `needed` the whole is not."""

    def __init__(self, what: str, needed: bool = False) -> None:
        super().__init__(what)
        self.needed = needed


def format_items(value: Any, items: Sequence[str]) -> str:
    """Return a list, a tuple or a set of what is written already."""
    if isinstance(value, list):
        return f"[{', '.join(items)}]"
    if isinstance(value, tuple):
        return f"({', '.join(items)}{',' * (len(items) == 1)})"
    written = f"{{{', '.join(sorted(items))}}}" if items else ""
    return f"frozenset({written})" if isinstance(value, frozenset) else written or "set()"


def format_plain(value: Any) -> str:
    """Return a number, a text, bytes or nothing. Raises NotTaken for any other value."""
    if isinstance(value, float) and not math.isfinite(value):
        return 'float("nan")' if math.isnan(value) else f'float("{value}")'
    if value is None or isinstance(value, bool | float | bytes) or (isinstance(value, int) and abs(value) < 2**64):
        return repr(value)
    if isinstance(value, str):
        return quote(value)
    raise NotTaken(f"a value of type {type(value).__name__}")


def is_parameter(key: Any) -> bool:
    """Tell whether an attribute is a parameter, and nothing that was learnt."""
    free = isinstance(key, str) and key.isidentifier() and not keyword.iskeyword(key)
    return free and not key.startswith("_") and not key.endswith("_")


def format_imports(imports: Mapping[str, set[str]], body: str) -> str:
    """Return the imports of what a text names: a default that was left out needs none."""
    words = set(re.findall(r"\w+", re.sub(r'"(\\.|[^"\\])*"', "", body)))
    used = {module: sorted(names & words) for module, names in sorted(imports.items())}
    own = used.pop("model.steps", [])
    lines = ["import numpy as np\n"] * ("np" in words)
    lines += [f"from {module} import {', '.join(names)}\n" for module, names in used.items() if names]
    lines += [f"\nfrom model.steps import {', '.join(own)}\n"] * bool(own)
    return "".join(lines)
