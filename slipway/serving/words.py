"""A text as counts of the words that training knew, cut as scikit-learn's CountVectorizer does it, without scikit-learn."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.serving.rows import Columns

# Of each row the places of its words, and their counts, both of shape (n, most words of a row). What is left over counts 0 at place 0.
Counts = tuple[NDArray[np.int64], NDArray[np.float64]]
BLANKS = re.compile(r"\s\s+")


@dataclass(frozen=True)
class Words:
    """A feature as counts of words, which are runs of a length between two, of what `analyzer` names: "word", "char" or "char_wb"."""

    feature: str
    missing: str | None
    analyzer: str
    lowercase: bool
    accents: str | None
    pattern: str
    lengths: tuple[int, int]
    stop: tuple[str, ...]
    binary: bool
    vocabulary: tuple[str, ...]


def build_counter(words: Words) -> Callable[[Columns], Counts]:
    """Return what counts the words of a column. What is no text counts NaN at place 0."""
    places = {word: place for place, word in enumerate(words.vocabulary)}
    cut = _build_cutter(words)

    def tally(text: Any) -> Mapping[Any, float]:
        text = words.missing if text is None else text
        if not isinstance(text, str):
            return {0: np.nan}
        found = Counter(map(places.get, cut(text)))
        found.pop(None, None)
        return dict.fromkeys(found, 1) if words.binary else found

    def count(columns: Columns) -> Counts:
        rows = [tally(text) for text in columns[words.feature].tolist()]
        most = max(1, *map(len, rows), 0)
        spots, counts = np.zeros((len(rows), most), dtype=np.int64), np.zeros((len(rows), most))
        for row, found in enumerate(rows):
            spots[row, : len(found)] = list(found)
            counts[row, : len(found)] = list(found.values())
        return spots, counts

    return count


def _build_cutter(words: Words) -> Callable[[str], Iterable[str]]:
    find, stop, lengths = re.compile(words.pattern).findall, frozenset(words.stop), words.lengths

    def cut(text: str) -> Iterable[str]:
        text = _strip_accents(text.lower() if words.lowercase else text, words.accents)
        if words.analyzer == "char":
            return _cut_text(BLANKS.sub(" ", text), *lengths)
        if words.analyzer == "char_wb":
            return _cut_within_words(BLANKS.sub(" ", text), *lengths)
        found: list[str] = find(text)
        if stop:
            found = [word for word in found if word not in stop]
        return found if lengths[1] == 1 else _join_words(found, *lengths)

    return cut


def _strip_accents(text: str, how: str | None) -> str:
    if how is None or text.isascii():
        return text
    apart = unicodedata.normalize("NFKD", text)
    if how == "ascii":
        return apart.encode("ascii", "ignore").decode("ascii")
    return "".join(each for each in apart if not unicodedata.combining(each))


def _join_words(words: list[str], shortest: int, longest: int) -> Iterator[str]:
    for length in range(shortest, min(longest, len(words)) + 1):
        for first in range(len(words) - length + 1):
            yield " ".join(words[first : first + length])


def _cut_text(text: str, shortest: int, longest: int) -> Iterator[str]:
    for length in range(shortest, min(longest, len(text)) + 1):
        for first in range(len(text) - length + 1):
            yield text[first : first + length]


def _cut_within_words(text: str, shortest: int, longest: int) -> Iterator[str]:
    for word in text.split():
        padded = f" {word} "
        for length in range(shortest, longest + 1):
            for first in range(max(1, len(padded) - length + 1)):
                yield padded[first : first + length]
            if len(padded) <= length:  # a word that is too short counts once
                break
