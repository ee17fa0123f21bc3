"""What differs between the training data of before and those of now."""

from typing import Any

import pandas as pd

from model import features
from slipway.gate import leak
from slipway.say import table


def told(before: pd.DataFrame, after: pd.DataFrame, hashes: tuple[str, str]) -> str:
    """Return a short table; `hashes` are those of both files."""
    sides = (before, after)
    rows = [["sha256", *(each[:12] for each in hashes)], ["rows", *(str(len(each)) for each in sides)], ["rows only here", *new(*sides)]]
    if features.GROUP in before and features.GROUP in after:
        rows.append([f"{features.GROUP}, from and to", *(span(each[features.GROUP].astype(str)) for each in sides)])
    if features.TARGET in before:
        rows.append([features.TARGET, *(summed_up(each[features.TARGET]) for each in sides)])
    if set(before) != set(after):
        rows.append(["columns only here", listed(before, after), listed(after, before)])
    return table(["", "before", "now"], rows)


def new(before: pd.DataFrame, after: pd.DataFrame) -> tuple[str, str]:
    """Return how many rows are only in the one, and only in the other, by what is declared of them."""
    known = [name for name in leak.declared() if name in before and name in after]
    left, right = leak.hashes(before[known]), leak.hashes(after[known])
    return str(int((~left.isin(right)).sum())), str(int((~right.isin(left)).sum()))


def span(groups: "pd.Series[str]") -> str:
    """Return the first and the last group."""
    return f"{groups.min()}, {groups.max()}"


def summed_up(target: "pd.Series[Any]") -> str:
    """Return the mean of a target, or the share of each class."""
    if features.TASK == "regression":
        return f"mean {target.mean():.4g}"
    return ", ".join(f"{label}: {share:.1%}" for label, share in target.value_counts(normalize=True).sort_index().items())


def listed(rows: pd.DataFrame, others: pd.DataFrame) -> str:
    """Return the columns that others do not have."""
    return ", ".join(str(name) for name in rows if name not in others)
