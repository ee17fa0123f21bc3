"""Rules of your own, beside `thresholds.toml`: the gate calls `check` with the answers of both sides. Without this file nothing changes."""

import pandas as pd

from slipway.gate.losses import Values


def check(rows: pd.DataFrame, truth: Values, candidate: Values, champion: Values | None) -> list[str]:
    """Return a sentence for each reason to refuse the candidate; [] refuses nothing.

    `rows` is the reference dataset; truth and answers are as `loss` in `model/metrics.py` gets them; `champion` is None for a first
    release. An example, for rain:

        wet = (rows["weathersit"] >= 3).to_numpy()
        short = float((candidate[wet] < truth[wet] / 2).mean())
        return [f"Of the hours with rain {short:.0%} are answered with less than half of the bikes; 20% may be."] if short > 0.2 else []
    """
    return []
