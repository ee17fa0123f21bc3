"""The text of the owner's files for a table: a declaration, a baseline, its metrics. All are drafts to be read and replaced."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slipway.adopt.decide import CATEGORY, CODE, FLAG, GROUP, NUMBER, TARGET, TEXT, TIME, Decision
from slipway.doctor import source
from slipway.doctor.draft import choose_limits, format_limit
from slipway.doctor.kinds import Kind
from slipway.doctor.reading import Format
from slipway.doctor.source import DEFAULT_LOAD, NEW_FEATURES, quote
from slipway.gate.scoring import Label

# With fewer rows to learn from a linear model is the sounder one.
FEW_ROWS = 500
WIDEST = 100

STEPS = '''"""Steps of the pipeline that scikit-learn does not have. They travel with the release."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
'''
SPLIT_TIMES = '''

def split_times(times: pd.DataFrame) -> NDArray[np.float64]:
    """Return month, day of the week (0 is Monday) and hour of each column of times, shape (n, 3 columns)."""
    parts = [pd.to_datetime(times[name], format="ISO8601", errors="coerce").dt for name in times]
    return np.column_stack([column for each in parts for column in (each.month, each.day_of_week, each.hour)]).astype(float)
'''
FILL_TEXT = '''

def fill_text(text: "pd.Series[str]") -> "pd.Series[str]":
    """Return text in which what is missing is empty."""
    return text.fillna("")
'''
METRICS = '''"""How an answer is judged: by the loss of each row, lower is better, in the gate; by figures for people."""

import numpy as np
{imports}
from slipway.gate import losses
from slipway.gate.losses import Values

# {why}
loss = losses.{loss}


def metrics(truth: Values, answers: Values) -> dict[str, float]:
    """Figures for people and for the floors in `validation/thresholds.toml`."""
{body}
'''
REGRESSION = """    error = truth - answers
    return {
        "mean_absolute_error": float(np.mean(np.abs(error))),
        "root_mean_squared_error": float(np.sqrt(np.mean(error**2))),
        "r2": float(1 - np.sum(error**2) / np.sum((truth - truth.mean()) ** 2)),
    }"""
BINARY = """    return {
        "log_loss": float(np.mean(losses.log_loss(truth, answers))),
        "roc_auc": float(roc_auc_score(truth, answers)),
        "accuracy": float(np.mean((answers > 0.5) == (truth == 1))),
    }"""
MULTICLASS = """    return {
        "log_loss": float(np.mean(losses.log_loss(truth, answers))),
        "accuracy": float(np.mean(answers.argmax(axis=1) == truth)),
    }"""
# Which figure is better when it is lower.
LOWER = ("mean_absolute_error", "root_mean_squared_error", "log_loss")


@dataclass(frozen=True)
class Target:
    """The column to learn: its task, the positive label of a binary one, and its values with how often each is there."""

    column: str
    task: str
    positive: Label | None
    kind: Kind

    @property
    def is_count(self) -> bool:
        """Tell whether it counts something: whole numbers from 0 on."""
        whole = self.task == "regression" and all(float(each).is_integer() for each in self.kind.counts)
        return whole and min(self.kind.counts) >= 0 and max(self.kind.counts) > 0


def format_features(decisions: Sequence[Decision], target: Target) -> str:
    """Return `model/features.py`."""
    features = [each for each in decisions if each.is_feature and each.draft]
    left_out = [each for each in decisions if not each.is_feature and each.role != TARGET]
    comments = "".join(f"\n    # {' '.join(each.column.split())}: {each.role}, {each.reason}" for each in left_out)
    group = next((quote(each.column) for each in decisions if each.role == GROUP or each.groups), "None")
    constants = {
        "TASK": f"TASK = {quote(target.task)}",
        "TARGET": f"TARGET = {quote(target.column)}",
        "POSITIVE": f"POSITIVE: str | int | bool | None = {_format_label(target.positive)}",
        "GROUP": f"GROUP: str | None = {group}",
        "TARGET_RANGE": f"TARGET_RANGE: tuple[float, float] | None = {_format_range(target)}",
    }
    fields = {each.draft.attribute: each.draft.format() for each in features if each.draft}
    return str(source.edit_features(NEW_FEATURES.rstrip() + "\n" + comments, fields, [], constants))


def _format_label(label: Label | None) -> str:
    return quote(label) if isinstance(label, str) else repr(label)


def _format_range(target: Target) -> str:
    if target.task != "regression":
        return "None"
    low, high = choose_limits(target.kind.counts)
    return f"({format_limit(low)}, {format_limit(high)})"


def format_load(form: Format, decisions: Sequence[Decision], steps: Sequence[str]) -> str:
    """Return `model/data.py`: how the file is read, and what is done with it then."""
    kept = [each for each in decisions if each.times and (each.is_feature or each.role == GROUP)]
    times = [line for each in kept if each.times for line in each.times.format_step(each.column)]
    lines = source.format_end(DEFAULT_LOAD, form.format_call(), [*form.format_steps(), *steps, *times])
    return source.replace_end(DEFAULT_LOAD, lines)


# --- the baseline


def is_linear(decisions: Sequence[Decision], rows: int) -> bool:
    """Tell whether a linear model is the sounder baseline: where rows are few, or prose has many words."""
    return rows < FEW_ROWS or any(each.role == TEXT for each in decisions)


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
    predict = _format_linear(target) if linear else _format_trees(target, bool(words))
    body = _format_build(steps, predict, rest=not linear and bool(numbers))
    docstring = '"""What is fitted: a baseline, drafted by `./run adopt`. Replace it by your own pipeline."""'
    head = [docstring, "", _format_imports(body)] + [constants] * bool(constants) + ["", body]
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


def _format_linear(target: Target) -> str:
    return "Ridge()" if target.task == "regression" else "LogisticRegression(max_iter=2000)"


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
    "sklearn.compose": ("ColumnTransformer",),
    "sklearn.ensemble": ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"),
    "sklearn.feature_extraction.text": ("TfidfVectorizer",),
    "sklearn.impute": ("SimpleImputer",),
    "sklearn.linear_model": ("LogisticRegression", "Ridge"),
    "sklearn.pipeline": ("Pipeline", "make_pipeline"),
    "sklearn.preprocessing": ("FunctionTransformer", "OneHotEncoder", "OrdinalEncoder", "StandardScaler"),
    "model.steps": ("fill_text", "split_times"),
}


def _format_imports(body: str) -> str:
    used = set(re.findall(r"\w+", re.sub(r'"(\\.|[^"\\])*"', "", body)))
    lines = {module: [name for name in names if name in used] for module, names in MODULES.items()}
    text = "".join(f"from {module} import {', '.join(names)}\n" for module, names in lines.items() if names)
    return text.replace("from model.steps", "\nfrom model.steps")


def format_steps(estimator: str) -> str:
    """Return `model/steps.py` with what an estimator imports of it; empty where that is nothing."""
    found = [text for name, text in (("split_times", SPLIT_TIMES), ("fill_text", FILL_TEXT)) if name in estimator]
    head = STEPS if SPLIT_TIMES in found else STEPS.replace("import numpy as np\n", "").replace("from numpy.typing import NDArray\n", "")
    return head + "".join(found) if found else ""


# Losses by name, and what to say of them; those of a regression first.
LOSSES = {
    "absolute": "The absolute error, which the notebook looked at.",
    "squared": "Squared, as the notebook judged; `losses.absolute` where large errors should not count more.",
    "poisson_deviance": "Counts: their spread grows with their mean.",
    "log_loss": "Probabilities: minus the logarithm of what was given to the true class.",
    "brier": "The squared error of a probability, which the notebook looked at.",
    "balanced_log_loss": "Probabilities, each class with the same weight in all: the estimator weighs them so.",
}
OF_REGRESSION = ("absolute", "squared", "poisson_deviance")


def format_metrics(target: Target, linear: bool, loss: str = "") -> str:
    """Return `model/metrics.py`, with the loss of a name where that fits the task."""
    if loss and (loss in OF_REGRESSION) == (target.task == "regression"):
        binary = target.task == "binary"
        body = REGRESSION if loss in OF_REGRESSION else BINARY if binary else MULTICLASS
        return METRICS.format(
            imports="from sklearn.metrics import roc_auc_score\n" if binary else "", why=LOSSES[loss], loss=loss, body=body
        )
    if target.task != "regression":
        why = LOSSES["log_loss"]
        imports = "from sklearn.metrics import roc_auc_score\n" if target.task == "binary" else ""
        body = BINARY if target.task == "binary" else MULTICLASS
        return METRICS.format(imports=imports, why=why, loss="log_loss", body=body)
    if target.is_count and not linear:
        return METRICS.format(imports="", why=LOSSES["poisson_deviance"], loss="poisson_deviance", body=REGRESSION)
    why = "Squared, so that the mean is the best answer; `losses.absolute` where large errors should not count more."
    return METRICS.format(imports="", why=why, loss="squared", body=REGRESSION)


# --- what may pass


def format_thresholds(text: str, floors: Mapping[str, float], order: str = "") -> str:
    """Return `validation/thresholds.toml` with other floors, and the column of times in the example for the age of data."""
    text = re.sub(r'^# column = ".*"$', lambda _: f"# column = {quote(order or 'day')}", text, flags=re.MULTILINE)
    blocks = "".join(f"[floors.{name}]\n{'max' if name in LOWER else 'min'} = {value:g}\n" for name, value in floors.items())
    blocks = blocks or "[floors]\n"  # no figure of the baseline is better than a trivial model's
    without = re.sub(r"^\[floors[^\n]*\n(?:[^\[#\n][^\n]*\n)*", "", text, flags=re.MULTILINE)
    heading = re.compile(r"^# Limits on the metrics[^\n]*\n(?:# drafted[^\n]*\n)?", re.MULTILINE)
    note = "# drafted by ./run adopt: the baseline, with room; make them what the business needs\n"
    found = heading.search(without)
    head = without[: found.start()] + found[0].partition("\n")[0] + "\n" if found else without.rstrip("\n") + "\n\n"
    return head + note + blocks + (without[found.end() :] if found else "")
