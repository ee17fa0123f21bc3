"""Encoders of categories (ordinal, one-hot, target): a table of what the encoder itself answers to each category it knows."""

import warnings
from typing import Any

import numpy as np

from slipway.serving.compiled.public import bare, dense
from slipway.serving.compiled.table import Matrix, NotCompiled, Step, Table, columns


def lookup(name: str, encoder: Any) -> Step:
    """Return an encoder of categories as numbers. A value that the encoder refuses raises ValueError.

    What is missing is looked up as the missing value that training saw, None or NaN.
    """
    precision = np.dtype(getattr(encoder, "dtype", float))
    if precision.kind not in "iub" and precision != np.float64:
        raise NotCompiled(f"{name} has dtype {precision}, not float64.")
    places = [{key(category): place for place, category in enumerate(known.tolist())} for known in encoder.categories_]
    if any(len(known) != len(found) for known, found in zip(encoder.categories_, places, strict=True)):
        raise NotCompiled(f"{name} tells None from NaN.")
    answers, unknown, owners = ask(name, encoder)
    slices = [np.flatnonzero(owners == place) for place in range(len(places))]
    spans = [slice(own[0], own[-1] + 1) if len(own) else slice(0, 0) for own in slices]
    codes = [np.vstack([answers[: len(found), own], unknown[:, own]]) for found, own in zip(places, slices, strict=True)]

    def encode(table: Table) -> Table:
        given = columns(table)
        encoded = np.empty((len(given[0]), len(owners)))
        for values, find, code, span in zip(given, places, codes, spans, strict=True):
            found = [find.get(value if value == value else None, len(find)) for value in values.tolist()]
            if not len(unknown) and len(find) in found:
                raise ValueError(f"{name} takes no unknown categories.")
            encoded[:, span] = code[found]
        return encoded

    return encode


def key(category: Any) -> Any:
    """Return the key of a category; NaN, which equals nothing, becomes None."""
    return category if category == category else None


def ask(name: str, encoder: Any) -> tuple[Matrix, Matrix, Any]:
    """Return the codes of each column's categories in their order, of unknown values (no row if refused), and whose column each is."""
    plain, count = bare(encoder), len(encoder.categories_)
    asked = np.empty((max(map(len, encoder.categories_)), count), dtype=object)
    for place, known in enumerate(encoder.categories_):
        asked[:, place] = (known.tolist() + [known.tolist()[0]] * len(asked))[: len(asked)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answers = dense(plain.transform(asked))
        try:
            unknown = dense(plain.transform(np.full((1, count), object(), dtype=object)))
        except ValueError:
            unknown = answers[:0]
    names = plain.get_feature_names_out([f"{place}|" for place in range(count)])
    owners = np.array([int(each.split("|")[0]) for each in names])
    if len(owners) != answers.shape[1]:
        raise NotCompiled(f"{name} names {len(owners)} columns, and makes {answers.shape[1]}.")
    return answers, unknown, owners
