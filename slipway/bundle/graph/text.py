"""Counts of words and their tf-idf. What cuts a text is `slipway.serving.words`; a graph gets the counts."""

from typing import Any

import numpy as np

from slipway.bundle.graph.bags import take_bag
from slipway.bundle.graph.builder import UNSET, Bag, Graph, NotCompiled, Raw, Table, name_class
from slipway.serving.words import Words

# The words stand in the model's metadata, which is read at start.
MOST_WORDS = 200_000


def add_vectorizer(graph: Graph, name: str, step: Any, table: Table) -> Table:
    """Add a CountVectorizer or TfidfVectorizer of a single column. Raises NotCompiled."""
    if len(table) != 1 or not isinstance(table[0], Raw):
        raise NotCompiled(f"{name} takes no text as it comes in.")
    words = _describe_words(name, step, table[0])
    bag = graph.add_words(words)
    if name_class(step) == "TfidfVectorizer":
        bag = _weigh(graph, bag, step._tfidf)
    return graph.split(graph.add_bag(bag, len(words.vocabulary)))


def add_tfidf(graph: Graph, name: str, step: Any, table: Table) -> Table:
    """Add a TfidfTransformer of counts of words. Raises NotCompiled."""
    bag = take_bag(graph, table)
    if bag is None:
        raise NotCompiled(f"{name} takes other columns than counts of words.")
    return graph.split(graph.add_bag(_weigh(graph, bag, step), len(table)))


def _describe_words(name: str, step: Any, column: Raw) -> Words:
    own = [each for each in ("preprocessor", "tokenizer") if getattr(step, each) is not None]
    own += [each for each in ("analyzer", "strip_accents") if callable(getattr(step, each))]
    if own:
        raise NotCompiled(f"{name} has a function as its {own[0]}.")
    kind = np.dtype(step.dtype)
    if kind.kind not in "iu" and kind != np.float64:
        raise NotCompiled(f"{name} has dtype {kind}, not float64.")
    if step.input != "content":
        raise NotCompiled(f"{name} takes files.")
    if (count := len(step.vocabulary_)) > MOST_WORDS:
        raise NotCompiled(f"{name} knows {count} words, more than the {MOST_WORDS} that a graph may.")
    if column.fill is not UNSET and not isinstance(column.fill, str):
        raise NotCompiled(f"{name} takes {column.feature} filled with {column.fill!r}, which is no text.")
    spoken = step.analyzer == "word"
    return Words(
        feature=column.feature,
        missing=column.fill if isinstance(column.fill, str) else None,
        analyzer=step.analyzer,
        lowercase=bool(step.lowercase),
        accents=step.strip_accents or None,
        pattern=step.token_pattern if spoken else "",
        lengths=(int(step.ngram_range[0]), int(step.ngram_range[1])),
        stop=tuple(sorted(step.get_stop_words() or ())) if spoken else (),
        binary=bool(step.binary),
        vocabulary=tuple(sorted(step.vocabulary_, key=step.vocabulary_.get)),
    )


def _weigh(graph: Graph, bag: Bag, step: Any) -> Bag:
    values = bag.values
    if step.sublinear_tf:
        counted = graph.add("Greater", values, np.array(0.0))
        logarithm = graph.add("Add", graph.add("Log", graph.add("Where", counted, values, np.array(1.0))), np.array(1.0))
        values = graph.add("Where", counted, logarithm, np.array(0.0))
    if step.use_idf:
        values = graph.add("Mul", values, graph.add("Gather", np.asarray(step.idf_, np.float64), bag.places))
    if step.norm is not None:
        norms = graph.add({"l1": "ReduceL1", "l2": "ReduceL2"}[step.norm], values, np.array([1]), keepdims=1)
        values = graph.add("Div", values, graph.add("Where", graph.add("Equal", norms, np.array(0.0)), np.array(1.0), norms))
    return Bag(bag.places, values)
