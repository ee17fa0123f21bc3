"""How sentences of the code become cells and sentences of a page."""

import re
from collections.abc import Sequence

from bench.results import markdown


def to_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of texts that may hold what ends a cell."""
    return markdown(head, [[re.sub(r"\s+", " ", cell).replace("|", "\\|") for cell in row] for row in rows])


def to_sentence(text: str) -> str:
    """Return a text as a sentence: with a capital first, and a full stop last."""
    text = re.sub(r"\s+", " ", text).strip()
    first = text[:1] if text.split(" ")[0].endswith((".py", ".toml")) or "_" in text.split(" ")[0] else text[:1].upper()
    return f"{first}{text[1:]}{'' if text.endswith(('.', ':', '!')) else '.'}" if text else ""


def to_code(value: object) -> str:
    """Return a value as code, nothing as nothing."""
    return f"`{value}`" if str(value) else ""
