"""What a notebook learns: the estimator that is fitted last, its columns, its target, and how it was judged."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from slipway.adopt.notebook.cells import Notebook, Place
from slipway.adopt.notebook.predictors import DEEP, is_predictor
from slipway.adopt.notebook.state import Fit, State, name_class
from slipway.adopt.notebook.values import TEXT, Computed, Frame, Made, NotFollowed, Part, Searched, Unknown, Value
from slipway.errors import PipelineError
from slipway.say import one_line

INVERSE = {"log1p": "expm1", "log": "exp", "sqrt": "square", "log2": "exp2"}
SCALERS = ("StandardScaler", "MinMaxScaler", "RobustScaler", "MaxAbsScaler", "PowerTransformer", "QuantileTransformer")
LOSSES = {
    "absolute": ("mean_absolute_error", "median_absolute_error", "mean_absolute_percentage_error"),
    "squared": ("mean_squared_error", "root_mean_squared_error", "r2_score", "r2", "explained_variance_score", "explained_variance"),
    "poisson_deviance": ("mean_poisson_deviance",),
    "log_loss": ("log_loss",),
    "brier": ("brier_score_loss", "brier_score"),
}


@dataclass(frozen=True)
class Target:
    """The column to learn, the function that the notebook applies to it, and which value is the positive one."""

    column: str
    function: ast.expr | None = None
    inverse: ast.expr | None = None
    transformer: ast.expr | None = None
    positive: str | None = None


@dataclass(frozen=True)
class Learnt:
    """A fit as it is to be rebuilt: the estimator, the search that it is from, its rows and target, and sentences for people."""

    place: Place
    model: Made
    searched: Searched | None
    rows: Frame
    target: Target
    notes: list[str]
    loss: str
    ordered: bool


def find_learnt(at: State, notebook: Notebook, path: Path) -> Learnt:
    """Return what is fitted last. Raises PipelineError where nothing is, or where it cannot be followed."""
    fits = [each for each in at.fits if is_predictor(at, each.model)]
    fit = fits[-1] if fits else _find_unfitted(at, notebook)
    if fit is None:
        raise PipelineError(_describe_nothing(at, path))
    model, searched = (fit.model.estimator, fit.model) if isinstance(fit.model, Searched) else (fit.model, None)
    rows, target = _read_rows(at, fit.rows, path, fit), _read_target(at, fit.truth, path, fit)
    notes = [*_describe_fits(at, fits, fit), *_describe_search(searched), *_describe_target(target, fit), *notebook.notes]
    told = dict.fromkeys([*at.notes, *rows.notes, *(fit.truth.notes if isinstance(fit.truth, Frame) else ())])
    notes += [f"{place}: {text}" for place, text in sorted(told, key=lambda each: (each[0].cell, each[0].line))]
    notes += _describe_judging(at)
    return Learnt(fit.place, model, searched, rows, target, notes, _choose_loss(at, model.node), _is_ordered(at))


def _find_unfitted(at: State, notebook: Notebook) -> Fit | None:
    """Return the last estimator that has a name and is never fitted, on all columns."""
    models = [each for each in at.values.values() if isinstance(each, Made | Searched) and is_predictor(at, each, sure=True)]
    if not models or at.missed:
        return None
    rows = Frame(tuple(Part((name,), kind=kind) for name, kind in at.kinds.items() if name != at.target))
    truth = Frame((Part((at.target,)),), alone=True)
    place = Place(notebook.cells[-1].number, 1)
    at.notes.append((place, "no estimator is fitted here; the last one that has a name is taken, on all columns"))
    return Fit(place, models[-1], rows, truth)


def _describe_nothing(at: State, path: Path) -> str:
    expected = "Expected: an estimator with scikit-learn's interface, and a call of its fit with rows and a target"
    if at.missed:
        return f"{path}, {_describe_missed(at.missed[-1])}. {expected}. Next: write its steps out in one cell, or --notebook with another."
    deep = next((each.partition(".")[0] for each in at.imports.values() if each.startswith(DEEP)), "")
    what = f"learns with {deep}, which this cannot follow" if deep else "has no model that is fitted"
    return f"{path} {what}. {expected}. Next: --notebook with another file, or adopt the table without it."


def _describe_missed(error: NotFollowed) -> str:
    where = f"{error.place}: "
    return f"{where}`{error.code}` is not followed: {error.why}" if error.code else f"{where}{error.why}"


def _read_rows(at: State, value: Value, path: Path, fit: Fit) -> Frame:
    if isinstance(value, Frame):
        wrong = {name: part.error for part in value.parts for name in part.names if part.error}
        for name, error in wrong.items():
            what = "taken as the table has it" if name in at.kinds else "left out"
            text = f"column {name!r} is {what}, since `{error.code}` is not followed: {error.why}"
            at.notes.append((error.place or fit.place, text))
        gone = {at.target, *(name for name in wrong if name not in at.kinds)}
        return replace(value, parts=tuple(part for part in value.parts if not gone & {*part.names}))
    why = _describe_missed(value.error) if isinstance(value, Unknown) else f"{fit.place}: its rows are no columns of the table"
    raise PipelineError(f"{path}, {why}. Expected: rows that come from the table. Next: write what they are in one cell, as df[[...]].")


# --- the target


def _read_target(at: State, value: Value, path: Path, fit: Fit) -> Target:
    if isinstance(value, Unknown):
        raise PipelineError(
            f"{path}, {_describe_missed(value.error)}. Expected: a column as the target. Next: write it as df[{at.target!r}]."
        )
    if isinstance(value, Frame) and len(value.inputs) == 1:
        column = value.inputs[0]
        made = [each for each in value.operations if each.column == column]
        computed = made[-1].node if made else None
        at.notes += [(each.place, f"`{ast.unparse(each.node)}` of the target is not kept: compute it in load") for each in made[:-1]]
    elif isinstance(value, Computed) and len(value.reads) == 1:
        column, computed = min(value.reads), value.node
    else:
        raise PipelineError(f"{path}, {fit.place}: the target is no column. Expected: one column. Next: write it as df[{at.target!r}].")
    if column != at.target:
        what = f"{path}, {fit.place}: the notebook learns {column!r}, and --target says {at.target!r}"
        raise PipelineError(f"{what}. Expected: the same. Next: --target {column!r}.")
    learnt = value.steps or value.parts[0].chain if isinstance(value, Frame) else ()
    if learnt and at.kinds[column] != TEXT and name_class(learnt[-1]) in SCALERS:  # of classes, their numbers are learnt
        return Target(column, transformer=learnt[-1])
    if learnt and at.kinds[column] != TEXT:
        at.notes.append((fit.place, f"the target goes through `{ast.unparse(learnt[-1])}`; here it is the column as it is"))
    return _read_function(Target(column), computed, at, fit)


def _read_function(target: Target, node: ast.expr | None, at: State, fit: Fit) -> Target:
    """Return what is done with the target before it is learnt: a function with its inverse, or the choice of a positive value."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("astype", "fillna"):
        node = node.func.value
    if node is None or isinstance(node, ast.Subscript):
        return target
    name = name_class(node)
    plain = isinstance(node, ast.Call) and len(node.args) == 1 and isinstance(node.args[0], ast.Subscript)
    if isinstance(node, ast.Call) and plain and name in INVERSE and isinstance(node.func, ast.Attribute):
        inverse = ast.Attribute(node.func.value, INVERSE[name], ast.Load())
        return Target(target.column, node.func, inverse)
    if (positive := _find_positive(at, node)) is not None:
        return Target(target.column, positive=positive)
    at.notes.append((fit.place, f"the target is computed, `{ast.unparse(node)}`; here it is the column as it is: compute it in load"))
    return target


def _find_positive(at: State, node: ast.expr) -> str | None:
    """Return the value that becomes 1, as text."""
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq) and isinstance(node.comparators[0], ast.Constant):
        return str(node.comparators[0].value)
    if not isinstance(node, ast.Call):
        return None
    first = node.args[0] if node.args else None
    if name_class(node) == "where" and first and [ast.unparse(each) for each in node.args[1:]] == ["1", "0"]:
        return _find_positive(at, first)
    if name_class(node) in ("apply", "map") and isinstance(first, ast.Name) and first.id in at.definitions:
        returned = at.definitions[first.id].node.body[-1]
        chosen = returned.value if isinstance(returned, ast.Return) else None
        return _find_positive(at, chosen.test) if isinstance(chosen, ast.IfExp) and ast.unparse(chosen.body) == "1" else None
    if name_class(node) in ("map", "replace") and isinstance(first, ast.Dict):
        pairs = {ast.unparse(value): key for key, value in zip(first.keys, first.values, strict=True)}
        positive = pairs.get("1")
        return str(positive.value) if isinstance(positive, ast.Constant) and set(pairs) <= {"0", "1"} else None
    return None


# --- sentences


def _describe_fits(at: State, fits: list[Fit], fit: Fit) -> Iterator[str]:
    others = sorted({each.place for each in fits if each.place != fit.place}, key=lambda each: (each.cell, each.line))
    more = f"; others are at {one_line('; '.join(map(str, others)), 100)}" if others else ""
    yield f"{fit.place}: this estimator is taken, the last that is fitted{more}"
    if len([each for each in fits if each.place == fit.place]) > 1:
        yield f"{fit.place}: several estimators are fitted here in turn; the last one is taken"
    for each in at.missed:
        if each.place and (each.place.cell, each.place.line) > (fit.place.cell, fit.place.line):
            yield f"{_describe_missed(each)}; it is fitted later than the one that is taken"
    if fit.others:
        yield f"{fit.place}: fit gets {', '.join(fit.others)}, too; build() does not: that goes into pipeline/train.py"


def _describe_search(searched: Searched | None) -> Iterator[str]:
    if searched:
        unknown = "its parameters from before the search: the notebook does not print best_params_"
        yield f"{searched.place}: build() has {'the best parameters of the search, as printed' if searched.best else unknown}"
        yield f"{searched.place}: the search is in pipeline/search.py; with SEARCH_FIRST = True in pipeline/train.py it runs anew"


def _describe_target(target: Target, fit: Fit) -> Iterator[str]:
    if target.transformer:
        yield f"{fit.place}: {ast.unparse(target.transformer)} of the target is that of a TransformedTargetRegressor"
    if target.function:
        yield f"{fit.place}: {ast.unparse(target.function)} of the target and its inverse are a TransformedTargetRegressor"


def _describe_judging(at: State) -> Iterator[str]:
    for text, place in {text: place for place, text in at.splits}.items():
        if not text.startswith("train_test_split"):
            yield f"{place}: rows were split by {text}; adopt holds rows back in its own way, see below"
    names = {re.sub("^neg_", "", text): place for place, text in at.scores}
    if names:
        known = any(name in scores for name in names for scores in LOSSES.values())
        none = "" if known else "; none is a loss of each row, which the gate compares: see model/metrics.py"
        yield "scores that were looked at: " + ", ".join(f"{name} ({place})" for name, place in names.items()) + none


def _choose_loss(at: State, model: ast.expr) -> str:
    if any(
        isinstance(each, ast.keyword) and each.arg == "class_weight" and "balanced" in ast.unparse(each.value) for each in ast.walk(model)
    ):
        return "balanced_log_loss"
    names = [re.sub("^neg_", "", text) for _, text in at.scores]
    found = [loss for name in names for loss, scores in LOSSES.items() if name in scores]
    return found[-1] if found else ""


def _is_ordered(at: State) -> bool:
    return any("TimeSeriesSplit" in text or "shuffle=False" in text for _, text in at.splits)
