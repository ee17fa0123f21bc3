"""When two sets of answers are the same."""

import math
from typing import Any

import numpy as np
import pytest

from slipway.serving.parity import distance


@pytest.mark.parametrize(
    ("answers", "recorded", "apart"),
    [
        ([1.0, 0.2], [1.0, 0.7], 0.5),
        ([1.0, 3e6], [1.0, 2e6], 0.5),
        ([3e-6], [2e-6], 1e-6),
        (np.array([1.0, 2.0]), [1, 2], 0.0),
        (np.array([[0.2, 0.8]]), [[0.3, 0.8]], 0.1),
        ([1.0], [1.0, 1.0], math.inf),
        ([1.0], [[1.0]], math.inf),
        ([[0.5, 0.5]], [[1.0]], math.inf),
        ([], [], math.inf),
        ([1.0, math.nan], [1.0, math.nan], math.nan),
        ([2.0, None], [1.0, 1.0], math.nan),
        ([math.inf], [1.0], math.inf),
    ],
)
def test_the_largest_difference_is_told(answers: Any, recorded: Any, apart: float) -> None:
    assert distance(answers, recorded) == pytest.approx(apart, nan_ok=True)
