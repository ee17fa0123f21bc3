"""What each column of a table is: the target, a feature and of which kind, what groups or orders the rows, or why it is left out."""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pandas as pd

from slipway.adopt.disguises import find_disguises, find_summands
from slipway.adopt.personal import find_personal
from slipway.adopt.times import Times, read_times
from slipway.doctor.draft import KEY_NAME, Draft, add_alias, choose_limits, draft_columns
from slipway.doctor.kinds import Kind, read_kind
from slipway.gate.dataset import ROWS
from slipway.say import one_line

NUMBER, FLAG, CATEGORY, CODE, TEXT, TIME = "number", "flag", "category", "code", "text", "time"
FEATURES = (NUMBER, FLAG, CATEGORY, CODE, TEXT, TIME)
TARGET, GROUP, LEFT_OUT = "target", "group", "left out"
CODE_NAME = re.compile(r"(?i)(^|[^a-z])(zip|zip_?code|postal_?code|postcode|plz|fips|sic|naics|icd|iso)([^a-z]|$)")
# Names such as order_no and Kundennummer.
NUMBER_NAME = re.compile(r"(?i)(.[^a-z](nr|no|num|number)|nummer)\W*$")
MANY = 100
# A key whose values repeat names what rows belong to, where so many values are there.
BELONGS = "names what the row belongs to"
LEAST_GROUPS, ROWS_A_GROUP = 20, 1.5
# From this share of the rows on, text that differs names its row.
NEARLY = 0.9
# Of so few whole numbers each may be a slice.
FEW_NUMBERS = 6
# Text with so many words on the average is prose, with fewer a code or a name.
WORDS = 3
# What a vectorizer of scikit-learn's takes as a word, and in how many cells the commonest has to be.
WORD, COMMON = re.compile(r"\w\w+"), 10


@dataclass(frozen=True)
class Decision:
    """What a column is, why, and its line in class Row where it is a feature; the times in it where it holds any."""

    column: str
    role: str
    reason: str
    draft: Draft | None = None
    times: Times | None = None
    # Rows with the same value belong together, and the model sees it as well.
    groups: bool = False

    @property
    def is_feature(self) -> bool:
        """Tell whether the model sees it."""
        return self.role in FEATURES

    def leave_out(self, reason: str) -> "Decision":
        """Return that the column is no feature, and why."""
        return replace(self, role=LEFT_OUT, reason=reason)


def decide_columns(rows: pd.DataFrame, target: str, task: str) -> list[Decision]:
    """Decide what each column is; `rows` are all rows as `load` returns them."""
    names = [str(name) for name in rows]
    drafts = {each.column: each for each in draft_columns([rows], [name for name in names if name != target])}
    found = [
        Decision(name, TARGET, f"what the model predicts: {task}") if name == target else _decide(rows[name], drafts[name])
        for name in names
    ]
    found = choose_group(found, rows)
    found = _leave_out_disguises(found, rows, target, task)
    return [_describe_time(each) if each.role == TIME else each for each in found]


def _decide(column: "pd.Series[Any]", draft: Draft) -> Decision:
    name, kind = str(column.name), read_kind([column])
    times = read_times(kind)
    if reason := _find_fault(name, kind, draft, times):
        return Decision(name, LEFT_OUT, reason, draft, times)
    if name_role(name, kind, draft) == CODE and kind.name == "number" and not times:
        return _name_feature(kind, replace(draft, declared=_declare_code(draft, bool(kind.missing))), None, CODE)
    return _name_feature(kind, draft, times, name_role(name, kind, draft))


def _name_feature(kind: Kind, draft: Draft, times: Times | None, role: str) -> Decision:
    missing = f", {_count_missing(kind)} missing" if kind.missing else ""
    if times:
        draft = replace(draft, declared=times.declare(draft, bool(kind.missing)), left_out="")
        return Decision(draft.column, TIME, f"{times.describe()}{missing}", draft, times)
    return Decision(draft.column, role, f"{_DESCRIBE[role](kind)}{missing}", draft)


def keep_column(column: "pd.Series[Any]", decision: Decision) -> Decision:
    """Return a column as the feature that its cells make it, whatever else it may be: who wrote a model wants it."""
    if decision.draft is None:
        return decision
    kind, draft = read_kind([column]), replace(decision.draft, left_out="")
    role = NUMBER if kind.name == "number" else name_role(draft.column, kind, draft)
    if kind.name == "number" and decision.role == CODE:
        [draft] = draft_columns([column.to_frame()], [draft.column])
    return _name_feature(kind, draft, decision.times, role)


def _find_fault(name: str, kind: Kind, draft: Draft, times: Times | None) -> str:
    """Return why a column is no feature, nothing where it may be one."""
    if what := find_personal(name, kind):
        return f"personal data ({what}): a model should not recognise people by it; declare it if the model needs it"
    if draft.left_out and not times:
        return draft.left_out.removeprefix("left out, ")
    if names_its_row(name, kind):
        return f"names its row: {len(kind.counts):,} values in {kind.counts.total():,} rows"
    if _is_key(name, kind):
        return f"{BELONGS}, with {len(kind.counts):,} values: the model would memorise them"
    return ""


def names_its_row(name: str, kind: Kind) -> bool:
    """Tell whether a column numbers the rows, or is text without blanks that differs in nearly each row; postal codes may be such text."""
    if _numbers_rows(kind):
        return True
    rows = kind.counts.total()
    plain = kind.name == "text" and not any(" " in str(cell).strip() for cell in kind.counts)
    return plain and rows >= LEAST_GROUPS and len(kind.counts) > NEARLY * rows and not _is_called_code(name)


def _numbers_rows(kind: Kind) -> bool:
    """Tell whether whole numbers rise by even steps with few gaps, as in a sample of numbered rows."""
    cells = [each for each in kind.counts if isinstance(each, int)]
    rows = kind.missing + kind.counts.total()
    if kind.name != "number" or len(cells) < max(LEAST_GROUPS, rows):
        return False
    steps = [then - first for first, then in pairwise(cells)]
    return min(steps) > 0 and (cells[-1] - cells[0]) // math.gcd(*steps) < 2 * rows


def _is_called_code(name: str) -> bool:
    return bool(CODE_NAME.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)))


def _is_called_key(name: str, kind: Kind) -> bool:
    """Tell whether a column is called a key; a number of something may be an amount, so that needs letters, or many values."""
    numbered = bool(NUMBER_NAME.search(name)) and (kind.name == "text" or len(kind.counts) >= MANY)
    return numbered or bool(KEY_NAME.search(name))


def _is_key(name: str, kind: Kind) -> bool:
    whole = kind.name == "number" and all(float(each).is_integer() for each in kind.counts)
    return _is_called_key(name, kind) and (whole or kind.name == "text") and len(kind.counts) >= LEAST_GROUPS


def name_role(name: str, kind: Kind, draft: Draft) -> str:
    """Return which kind of feature a column is."""
    if kind.name == "bool":
        return FLAG
    if kind.name == "number":
        return CODE if _is_called_code(name) else NUMBER
    if "Literal[" in draft.declared:
        return CATEGORY
    lengths = [len(str(each).split()) for each in kind.counts]
    return TEXT if sum(lengths) >= WORDS * len(lengths) and _repeats_words(kind) else CODE


def _repeats_words(kind: Kind) -> bool:
    """Tell whether some word comes in many cells: of words that come once nothing is learnt."""
    cells = Counter(word for each in kind.counts for word in set(WORD.findall(str(each))))
    return bool(cells) and max(cells.values()) >= COMMON


def _declare_code(draft: Draft, missing: bool) -> str:
    """Return the type of a number that names something: text, as it is written."""
    return add_alias("Annotated[str, Field(max_length=40)]" + " | None" * missing, draft.alias)


def _count_missing(kind: Kind) -> str:
    share = kind.missing / (kind.missing + kind.counts.total())
    return f"{share:.0%}" if share >= 0.01 else f"{kind.missing}"


def _describe_number(kind: Kind) -> str:
    if is_grade(kind):
        return f"whole numbers {', '.join(map(str, sorted(kind.counts)))}: amounts or grades; a category if they only name something"
    whole = "whole numbers" if all(float(each).is_integer() for each in kind.counts) else "numbers"
    low, high = choose_limits(kind.counts)
    return f"{whole} from {min(kind.counts):g} to {max(kind.counts):g}; allowed from {low:g} to {high:g}"


def is_grade(kind: Kind) -> bool:
    """Tell whether numbers are so few whole ones that they may as well name something."""
    return kind.name == "number" and len(kind.counts) <= FEW_NUMBERS and all(isinstance(each, int) for each in kind.counts)


def _list_words(kind: Kind) -> str:
    return one_line(", ".join(str(word) for word, _ in kind.counts.most_common(4)), 60)


_DESCRIBE: dict[str, Callable[[Kind], str]] = {
    NUMBER: _describe_number,
    FLAG: lambda _: "yes or no",
    CATEGORY: lambda kind: f"categories, {len(kind.counts)} in all ({_list_words(kind)}); others are answered too",
    CODE: lambda kind: f"{len(kind.counts):,} codes or names ({_list_words(kind)}): text, not a number",
    TEXT: lambda kind: f"prose, such as {one_line(str(next(iter(kind.counts))), 40)!r}",
}


def _describe_time(decision: Decision) -> Decision:
    parts = "month and weekday" if decision.times and decision.times.daily else "month, weekday and hour"
    return replace(decision, reason=f"{decision.reason}; the model sees its {parts}")


# --- what rows belong to


def choose_group(decisions: Sequence[Decision], rows: pd.DataFrame) -> list[Decision]:
    """Return the decisions with the group among them: a key whose values repeat, or else a day with several rows."""
    keys = [each for each in decisions if each.role == LEFT_OUT and each.reason.startswith(BELONGS) and _repeats(each, rows)]
    days = [each for each in decisions if each.role == TIME and each.times and each.times.daily and _repeats(each, rows)]
    chosen = next(iter([*keys, *days]), None)
    return [_make_group(each, rows) if each is chosen else each for each in decisions]


def _repeats(decision: Decision, rows: pd.DataFrame) -> bool:
    column = rows[decision.column]
    values = column[column.notna() & (column != "")]
    different = values.nunique()
    return len(values) == len(rows) and different >= LEAST_GROUPS and len(values) >= ROWS_A_GROUP * different


def _make_group(decision: Decision, rows: pd.DataFrame) -> Decision:
    number = rows[decision.column].nunique()
    what = f"{number:,} values in {len(rows):,} rows: those with the same value belong together, on one side, and are judged together"
    return replace(decision, role=GROUP, reason=what)


# --- columns that give the target away


def _leave_out_disguises(decisions: list[Decision], rows: pd.DataFrame, target: str, task: str) -> list[Decision]:
    sample = rows.sample(min(len(rows), ROWS), random_state=0)
    candidates = [each for each in decisions if each.is_feature and each.role not in (TEXT, TIME)]
    features = {each.column: read_values(sample[each.column], each) for each in candidates}
    truth = pd.to_numeric(sample[target]) if task == "regression" else pd.Series(pd.factorize(sample[target])[0], index=sample.index)
    alone = dict(find_disguises(features, truth, task == "regression"))
    rest = {name: values for name, values in features.items() if name not in alone}
    summands = find_summands(rest, truth) if task == "regression" else []
    together = f"{' and '.join(summands)} add up to {target}: known only afterwards"
    why = {**alone, **dict.fromkeys(summands, together)}
    return [each.leave_out(why[each.column]) if each.column in why else each for each in decisions]


def read_values(column: "pd.Series[Any]", decision: Decision) -> "pd.Series[Any]":
    """Return a column as numbers: what a number is worth, else a number for each value."""
    if decision.role == NUMBER:
        return pd.to_numeric(column.map(lambda cell: cell.strip() or None if isinstance(cell, str) else cell), errors="coerce")
    return pd.Series(pd.factorize(column)[0], index=column.index)
