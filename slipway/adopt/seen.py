"""Hold the columns of a table against those that a fitted model saw: these are its features, all of them, and in their order."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from slipway.adopt.decide import CODE, GROUP, LEFT_OUT, NUMBER, TARGET, TIME, Decision, decide_columns, name_role
from slipway.adopt.fitted import Fitted, classifies, find_class, find_last
from slipway.adopt.target import Ask
from slipway.doctor.draft import draft_columns
from slipway.doctor.kinds import read_kind
from slipway.say import one_line

ANSWERS = "answers of the model before"
# Why a column is left out although the model saw it: it may not be declared, whoever asks.
KEPT_OUT = ("personal data", "alone tells the target", "it holds", "no row has a value")
SHOWN = 5


def answer_by_model(fitted: Fitted, ask: Ask) -> Ask:
    """Return what answers a question about the target as the model did, and asks a person where that is not known."""

    def choose(question: str, answers: Sequence[str]) -> str:
        kind = classifies(fitted)
        if list(answers) == ["classes", "amount"] and kind is not None:
            return "classes" if kind else "amount"
        if len(fitted.classes) == 2 and str(fitted.classes[1]) in answers:
            return str(fitted.classes[1])
        return ask(question, answers)

    return choose


def match_columns(fitted: Fitted, names: Sequence[str]) -> Fitted:
    """Return a model with its columns as a table calls them: LightGBM writes blanks as `_`."""
    written = {"_".join(name.split(" ")): name for name in names}
    columns = tuple(each if each in names else written.get(each, each) for each in fitted.columns or ())
    return replace(fitted, columns=columns or None)


def decide_seen(rows: pd.DataFrame, target: str, task: str, fitted: Fitted | None, answers: str = "") -> list[Decision]:
    """Decide what each column is: as for a table alone, and then by what the model saw. A column of answers is none of them."""
    found = {each.column: each for each in decide_columns(rows.drop(columns=[answers] if answers else []), target, task)}
    if fitted and fitted.columns:
        found = {name: _hold(each, rows[name], fitted.columns) for name, each in found.items()}
    if answers:
        found[answers] = Decision(answers, LEFT_OUT, ANSWERS)
    return [found[str(name)] for name in rows]


def _hold(decision: Decision, column: "pd.Series[Any]", columns: Sequence[str]) -> Decision:
    if decision.role == TARGET:
        return decision
    if decision.column not in columns:
        return decision.leave_out("the model did not see it") if decision.is_feature else decision
    if decision.reason.startswith(KEPT_OUT) or "known only afterwards" in decision.reason or not decision.draft:
        return decision
    if decision.times and not decision.is_feature:
        return replace(decision, role=TIME, groups=decision.role == GROUP, reason=f"the model saw it; else: {decision.reason}")
    kind = read_kind([column])
    if decision.is_feature and not (decision.role == CODE and kind.name == "number"):
        return decision
    draft = replace(draft_columns([column.to_frame()], [decision.column])[0], left_out="", attribute=decision.draft.attribute)
    role = NUMBER if kind.name == "number" else name_role(decision.column, kind, draft)
    groups = decision.role == GROUP
    return replace(decision, role=role, draft=draft, groups=groups, reason=f"the model saw it; else: {decision.reason}")


def order_features(decisions: Sequence[Decision], fitted: Fitted | None) -> list[Decision]:
    """Return decisions in the order in which the model saw its columns, the others after them."""
    columns = list(fitted.columns or ()) if fitted else []
    return sorted(decisions, key=lambda each: columns.index(each.column) if each.column in columns else len(columns))


def find_misfit(fitted: Fitted, decisions: Sequence[Decision], task: str, target: str) -> str:
    """Say why a model cannot be fitted on the columns of a table; nothing where it can."""
    kind, name = classifies(fitted), f"{one_line(fitted.file, 60)} ({fitted.title})"
    last = find_class(find_last(fitted.estimator))
    if last and not hasattr(last, "predict"):
        what = f"ends with {last.__name__}, which does not predict"
        return f"{name} {what}. Expected: the pipeline with its model. Next: --model with that file"
    if kind is not None and kind == (task == "regression"):
        what = f"answers {'classes' if kind else 'numbers'}, and {target} is the target of a {task} task"
        return f"{name} {what}. Expected: {'some classes' if kind else 'an amount'}. Next: --target with the column that it learnt"
    features = [each.column for each in decisions if each.is_feature]
    if fitted.columns:
        return _find_lacking(name, fitted.columns, decisions, features)
    if fitted.count and fitted.count != len(features):
        what = f"saw {fitted.count} columns without names, and this table has {len(features)} features: {_list(features)}"
        return f"{name} {what}. Expected: {fitted.count}, in their order. Next: adopt a table of these columns and the target alone"
    return ""


def _find_lacking(name: str, columns: Sequence[str], decisions: Sequence[Decision], features: Sequence[str]) -> str:
    reasons = {each.column: each.reason for each in decisions}
    absent = [each for each in columns if each not in reasons]
    if absent:
        there = _list(list(reasons))
        what = f"saw {_list(absent)}, which the table does not have; it has {there}"
        return f"{name} {what}. Expected: all {len(columns)} columns of the model. Next: add them to the table, as they were computed then"
    out = [f"{one_line(each, 40)} ({reasons[each]})" for each in columns if each not in features]
    if out:
        then = "fit the model without them, or declare them by hand from the drafts"
        return f"{name} saw columns that are left out: {'; '.join(out[:SHOWN])}. Expected: features that may be declared. Next: {then}"
    return ""


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(one_line(each, 40) for each in names[:SHOWN]) + more
