"""The text of the baseline: `model/estimator.py`, and `model/steps.py` with the steps that scikit-learn does not have."""

import json
from collections.abc import Sequence

from slipway.adopt.decide import CATEGORY, CODE, FLAG, NUMBER, TEXT, TIME, Decision
from slipway.adopt.expressions import format_imports
from slipway.adopt.target import Target
from slipway.doctor.source import quote

# Up to so many rows a linear model is the sounder one. Cross-validated on parts of ten tables (bench/README.md), it was better in 22 of 23
# of classes with 50 to 2,000 rows, and in one of two with 5,000; of amounts in 5 of 8 with up to 100 rows, and in 2 of 19 with more.
FEW_ROWS = {"regression": 100, "binary": 5000, "multiclass": 5000}
WIDEST = 100
# A linear model of more numbers is held back, so that all of them together weigh what so many may: few rows would be learnt by heart.
FREE_NUMBERS = 10


STEPS = '''"""Steps of the pipeline that scikit-learn does not have. They travel with the release: without pandas its image is a third."""
'''
SPLIT_TIMES = '''

def split_times(times: Mapping[str, Iterable[Any]]) -> NDArray[np.float64]:
    """Return month, day of the week (0 is Monday) and hour of each column of times, shape (n, 3 columns)."""
    return np.column_stack([np.array([split_time(each) for each in times[name]]) for name in times])


def split_time(text: Any) -> tuple[float, float, float]:
    """Return month, day of the week and hour of a time; what is none has none."""
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return nan, nan, nan
    return time.month, time.weekday(), time.hour
'''
FILL_TEXT = '''

def fill_text(text: Iterable[Any]) -> list[str]:
    """Return text in which what is missing is empty."""
    return [each if isinstance(each, str) else "" for each in text]
'''
TIMES_IMPORTS = """
from collections.abc import Iterable, Mapping
from datetime import datetime
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray
"""
TEXT_IMPORTS = """
from collections.abc import Iterable
from typing import Any
"""


def is_linear(decisions: Sequence[Decision], rows: int, task: str) -> bool:
    """Tell whether a linear model is the sounder baseline: where rows are few, or prose has many words."""
    return rows <= FEW_ROWS[task] or any(each.role == TEXT for each in decisions)


def format_estimator(decisions: Sequence[Decision], target: Target, linear: bool) -> str:
    """Return `model/estimator.py`."""
    by_role = {role: [each.column for each in decisions if each.role == role] for role in (NUMBER, FLAG, CATEGORY, CODE, TEXT, TIME)}
    # A yes or no that may be missing is no number.
    gaps = [each.column for each in decisions if each.role == FLAG and each.draft and "None" in each.draft.declared]
    words = [*by_role[CATEGORY], *by_role[CODE], *gaps]
    numbers = [*by_role[NUMBER], *(name for name in by_role[FLAG] if name not in gaps)]
    steps = (_list_linear_steps if linear else _list_tree_steps)(numbers, words, by_role[TIME], by_role[TEXT])
    lists = {"NUMBERS": numbers if linear else [], "CATEGORIES": words, "TIMES": by_role[TIME]}
    constants = "".join(f"{name} = {_format_list(names)}\n" for name, names in lists.items() if names)
    predict = _format_linear(target, len(numbers)) if linear else _format_trees(target, bool(words))
    body = _format_build(steps, predict, rest=not linear and bool(numbers))
    docstring = '"""What is fitted: a baseline, drafted by `./run adopt`. Replace it by your own pipeline."""'
    head = [docstring, "", format_imports(MODULES, body)] + [constants] * bool(constants) + ["", body]
    return "\n".join(head)


def _list_tree_steps(numbers: Sequence[str], words: Sequence[str], times: Sequence[str], texts: Sequence[str]) -> list[str]:
    del numbers, texts  # trees take numbers as they are, and no prose
    encoder = 'OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1, max_categories=200)'
    steps = [f'("categories", {encoder}, CATEGORIES)'] * bool(words)
    return steps + ['("times", FunctionTransformer(split_times), TIMES)'] * bool(times)


def _list_linear_steps(numbers: Sequence[str], words: Sequence[str], times: Sequence[str], texts: Sequence[str]) -> list[str]:
    scale = 'make_pipeline({}SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())'
    steps = [f'("numbers", {scale.format("")}, NUMBERS)'] * bool(numbers)
    steps += ['("categories", OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=3), CATEGORIES)'] * bool(words)
    steps += [f'("times", {scale.format("FunctionTransformer(split_times), ")}, TIMES)'] * bool(times)
    read = "make_pipeline(FunctionTransformer(fill_text), TfidfVectorizer(min_df=2, max_features=5000))"
    return steps + [f"({quote(f'text of {name}')}, {read}, {quote(name)})" for name in texts]


def _format_trees(target: Target, words: bool) -> str:
    kind = "Regressor" if target.task == "regression" else "Classifier"
    arguments = ['loss="poisson"'] * target.is_count + ["categorical_features=list(range(len(CATEGORIES)))"] * words + ["random_state=0"]
    return f"HistGradientBoosting{kind}({', '.join(arguments)})"


def _format_linear(target: Target, numbers: int) -> str:
    times = max(1.0, numbers / FREE_NUMBERS)
    if target.task == "regression":
        return f"Ridge({f'alpha={times:.3g}' * (times > 1)})"
    return f"LogisticRegression({f'C={1 / times:.3g}, ' * (times > 1)}max_iter=2000)"


def _format_build(steps: Sequence[str], predict: str, rest: bool) -> str:
    lines = ["def build() -> Pipeline:", '    """Return the unfitted pipeline."""']
    if not steps:
        return "\n".join([*lines, f'    return Pipeline([("predict", {predict})])', ""])
    lines += ["    encode = ColumnTransformer(", "        [", *(f"            {each}," for each in steps), "        ],"]
    lines += ['        remainder="passthrough",'] * rest + ["    )"]
    return "\n".join([*lines, "    return Pipeline(", f'        [("encode", encode), ("predict", {predict})]', "    )", ""])


def _format_list(names: Sequence[str]) -> str:
    line = json.dumps(list(names), ensure_ascii=False)
    return line if len(line) <= WIDEST else "[\n" + "".join(f"    {quote(name)},\n" for name in names) + "]"


MODULES = {
    "sklearn.compose": {"ColumnTransformer"},
    "sklearn.ensemble": {"HistGradientBoostingClassifier", "HistGradientBoostingRegressor"},
    "sklearn.feature_extraction.text": {"TfidfVectorizer"},
    "sklearn.impute": {"SimpleImputer"},
    "sklearn.linear_model": {"LogisticRegression", "Ridge"},
    "sklearn.pipeline": {"Pipeline", "make_pipeline"},
    "sklearn.preprocessing": {"FunctionTransformer", "OneHotEncoder", "OrdinalEncoder", "StandardScaler"},
    "model.steps": {"fill_text", "split_times"},
}


def format_steps(estimator: str) -> str:
    """Return `model/steps.py` with what an estimator imports of it; empty where that is nothing."""
    found = [text for name, text in (("split_times", SPLIT_TIMES), ("fill_text", FILL_TEXT)) if name in estimator]
    imports = TIMES_IMPORTS if SPLIT_TIMES in found else TEXT_IMPORTS
    return STEPS + imports + "".join(found) if found else ""
