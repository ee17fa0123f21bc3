"""A row of the data as a caller may send it, written as Python."""

import pandas as pd

from slipway.serving.declared import FEATURES
from slipway.serving.frames import records

TEXT = '''"""How the model must behave, whatever its figures say. The gate asks it these rows and refuses it when a case does not hold.

invariance  the answers to `rows` and to the same rows with `change` differ by at most `within`
direction   with `change` the answers are "higher" or "lower" (`expect`), by at least `by`
minimum     the answers to `rows` are `at_least` and `at_most` so much

Of a classification with more than two classes, `label` says whose probability is meant.
"""

from typing import Any

TYPICAL: dict[str, Any] = {{
{fields}
}}

# Add what the model must know, such as
#     {{"name": "what is known", "kind": "minimum", "rows": [TYPICAL], "at_least": 0.5}},
CASES: list[dict[str, Any]] = []
'''


def format_behaviour(rows: pd.DataFrame) -> str:
    """Return a `model/behaviour.py` that begins with a row of the data."""
    first = records(rows[[each.name for each in FEATURES]].head(1))[0]
    return TEXT.format(fields="\n".join(f"    {name!r}: {value!r}," for name, value in first.items()))
