"""Columns that give the target away: alone, or a few that add up to it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from slipway.gate.dataset import score_alone

# A feature alone, or at most so many together, that explain this much of the target are its disguise.
DISGUISE, SUM, SUMMANDS = 0.98, 0.99999, 3


def find_disguises(features: dict[str, "pd.Series[Any]"], truth: "pd.Series[Any]", regression: bool) -> Iterator[tuple[str, str]]:
    """Yield each feature that alone tells the target, with the reason to leave it out."""
    for name, values in features.items():
        score = score_alone(values, truth, regression)
        if score > DISGUISE:
            yield name, f"alone tells the target ({score:.3f} of 1): it probably reveals the target, or is known only afterwards"


def find_summands(features: dict[str, "pd.Series[Any]"], truth: "pd.Series[Any]") -> list[str]:
    """Return the two or three numbers of which the target is a sum, by least squares; none where nothing else would be left."""
    complete = {name: values for name, values in features.items() if values.notna().all() and values.nunique() > 1}
    if len(truth) < 2 * len(complete) or truth.nunique() < SUMMANDS:
        return []
    needed = _find_summands(complete, truth.to_numpy(dtype=float))
    return needed if 1 < len(needed) <= SUMMANDS and len(features) > len(needed) else []


def _find_summands(features: dict[str, "pd.Series[Any]"], truth: "np.typing.NDArray[np.float64]") -> list[str]:
    if not features:
        return []
    matrix = np.column_stack([(each - each.mean()) / each.std() for each in features.values()])
    centred = truth - truth.mean()
    weights, *_ = np.linalg.lstsq(matrix, centred, rcond=None)
    if 1 - np.sum((centred - matrix @ weights) ** 2) / np.sum(centred**2) < SUM:
        return []
    return [name for name, weight in zip(features, weights, strict=True) if abs(weight) > 0.01 * centred.std()]
