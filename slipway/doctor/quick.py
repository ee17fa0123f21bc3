"""A fit on some rows: what `train`, the service and the gate would make of the model, in seconds."""

import inspect
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from model import behaviour, estimator, features
from slipway.bundle import serveable, skops_file
from slipway.bundle import training as train
from slipway.bundle.graph import list_modules
from slipway.bundle.image import FULL, LEAN, find_lacking
from slipway.doctor.finding import Finding, good, mend, note
from slipway.doctor.source import format_behaviour, write_draft
from slipway.errors import PipelineError
from slipway.gate import behaviour as cases
from slipway.gate import dataset
from slipway.gate.losses import Values
from slipway.gate.scoring import choose_trivial, compute_losses, compute_metrics, repeat_constant
from slipway.owner import read_next, run_owner
from slipway.project import Project
from slipway.rules import Rules
from slipway.serving.answers import answer
from slipway.serving.frames import records, to_frame
from slipway.serving.parity import TOLERANCE, distance
from slipway.serving.pipeline import load_model
from slipway.serving.rows import ROWS as REQUESTS
from slipway.serving.rows import read_values, to_columns

ROWS, ANSWERS = 200, 20
# A floor is missed by far when this share of it is lacking on rows that were learnt from.
FAR = 0.5
WEIGHTS = ("class_weight", "class_weights", "scale_pos_weight", "auto_class_weights", "is_unbalance")
BALANCED = (
    "take `from slipway.gate.losses import balanced_log_loss as loss` in model/metrics.py; or leave the weights out of model/estimator.py, "
    "and choose a threshold where the probabilities are used"
)


@dataclass(frozen=True)
class Fit:
    """A fitted model, the rows that it learnt from, their truth and its answers to them."""

    fitted: Any
    rows: pd.DataFrame
    classes: Sequence[Any] | None
    truth: Values
    answers: Values


def _fit(project: Project, rows: pd.DataFrame) -> Fit:
    some = _choose_rows(rows)
    fitted, classes = train.learn(some, project.train_data), dataset.read_classes(some, project.train_data)
    answers = train.predict(fitted, some, classes, "data/train.csv")
    truth = dataset.read_truth(some, classes, project.train_data)
    run_owner("loss", compute_losses, truth, answers)
    run_owner("metrics", compute_metrics, truth, answers)
    return Fit(fitted, some, classes, truth, answers)


def _choose_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return some rows, with some of each class."""
    mixed = rows.sample(frac=1, random_state=0)
    if features.TASK == "regression":
        return mixed.head(ROWS)
    order = mixed.groupby(features.TARGET).cumcount().sort_values(kind="stable")
    first = order[order < ANSWERS // 2].index
    return pd.concat([mixed.loc[first], mixed.drop(index=first)]).head(max(ROWS, len(first)))


def check_fit(project: Project, rows: pd.DataFrame) -> tuple[Finding, Fit | None]:
    """Fit on some rows, and have the stored model answer them one by one and together."""
    what = "model/estimator.py"
    try:
        with threadpool_limits(limits=1):  # as `train` does; more threads than free cores take ten times as long
            found = _fit(project, rows)
            off, apart = _compare_alone(found), _compare_fits(project, found)
            serveable.refuse_unanswered(found.fitted, found.rows)
    except PipelineError as error:
        problem = str(error).partition(" Nothing was changed.")[0].partition(" Next: ")[0].rstrip(".")
        fix = read_next(str(error)).removesuffix("; then ./run train")
        return mend(what, problem, "`train` would end the same way.", f"{fix} (docs/your-model.md)"), None
    except Exception as error:  # whatever scikit-learn raises
        problem = f"{type(error).__name__}: {error}".splitlines()[0]
        fix = "correct it; ./run test tests/test_model.py says more"
        return mend(what, f"on {len(rows)} rows: {problem}", "`train` would end the same way.", fix), None
    if not apart <= TOLERANCE:
        problem = f"a second fit on the same rows answers up to {apart:g} different from the first fit"
        fix = "set random_state in model/estimator.py wherever something is random"
        return mend(what, problem, "The same commit and data would give another model.", fix), found
    if not off <= TOLERANCE:
        problem = f"answers a row alone up to {off:g} other than among others"
        return mend(what, problem, "Callers send rows alone and together.", "find what uses the whole batch, such as its mean"), found
    return good(what, f"fits {len(found.rows)} rows, can be stored, and gives each row the same answer alone and among others"), found


def check_image(project: Project, found: Fit) -> Finding:
    """Tell what a release of a quick fit would be answered by, and why not by a compiled model."""
    compiled, graph = serveable.compile_model(found.fitted, found.rows, found.answers)
    if not graph:
        return good("image", f"all of {FULL}, for the pipeline: {compiled.reason}")
    if lacking := find_lacking(project.root, list_modules(graph)):
        fix = f"leave that import out; or add the package to {LEAN.replace('.txt', '.in')}, then ./run lock"
        return note("image", f"all of {FULL}, though the model can be compiled: {lacking}", "It is larger, and slower to start.", fix)
    return good("image", f"no more than {LEAN}, for the compiled model")


def _compare_alone(found: Fit) -> float:
    """Return how far the stored model's answers to single rows are from those to all."""
    some = found.rows[dataset.list_inputs()].head(ANSWERS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.skops"
        skops_file.save(found.fitted, path)
        skops_file.refuse_unloadable(path)
        loaded = load_model(path)
    alone = [answer(loaded, some.iloc[[number]], features.TASK).tolist()[0] for number in range(len(some))]
    return distance(alone, found.answers[: len(some)])


def _compare_fits(project: Project, found: Fit) -> float:
    again = train.learn(found.rows, project.train_data)
    return distance(train.predict(again, found.rows, found.classes, "data/train.csv"), found.answers)


# --- what judges the model


def check_behaviour(found: Fit | None, rows: pd.DataFrame, build: Path) -> Finding:
    """Tell whether the cases of `model/behaviour.py` can be asked, and how many hold for a quick fit."""
    what, why = "model/behaviour.py", "The gate asks the model these rows, and rejects rows that it cannot ask."
    try:
        read = cases.read_cases(behaviour.CASES)
        rows_to_ask = [row for each in read for row in each.list_rows()]
    except Exception as error:  # whatever stands there: pydantic's errors have many lines
        write_draft(build, "behaviour.py", format_behaviour(records(rows[dataset.list_inputs()].head(1))[0]))
        fix = "correct the rows; or read build/behaviour.py, which has a row of data/train.csv to begin with, and put it into model/"
        return mend(what, f"the cases do not fit class Row: {_shorten(error)}", why, fix)
    classes = list(found.classes or ()) if found else []
    if unknown := [each.name for each in read if found and features.TASK == "multiclass" and each.label not in classes]:
        problem = f"{', '.join(map(repr, unknown))} name no class as their label"
        return mend(what, problem, why, f'"label": one of {", ".join(map(repr, classes))}')
    if not rows_to_ask or found is None:
        return good(what, f"{_count(len(read), 'case')} can be asked")
    values = to_frame(to_columns(read_values(REQUESTS.validate_python(rows_to_ask))))
    judged = cases.judge_cases(read, answer(found.fitted, values, features.TASK), classes)
    holding = sum(each.holds for each in judged)
    return good(what, f"{_count(len(read), 'case')} can be asked; {holding} hold for a fit of {len(found.rows)} rows")


def _shorten(error: Exception) -> str:
    """Return the first of what pydantic finds, on one line."""
    found = getattr(error, "errors", None)
    if not found:
        return f"{type(error).__name__}: {error}".splitlines()[0][:200]
    first, *more = found(include_url=False, include_context=False, include_input=False)
    others = f" ({len(more)} more)" if more else ""
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}{others}"


def check_floors(found: Fit | None, rules: Rules) -> Finding:
    """Tell whether the floors name metrics that there are, and whether a quick fit misses them by far."""
    what, floors = "validation/thresholds.toml", rules.thresholds.floors
    if found is None:
        return good(what, _count(len(floors), "floor"))
    values = compute_metrics(found.truth, found.answers)
    if unknown := [name for name in floors if name not in values]:
        problem = f"floors.{', floors.'.join(unknown)} name no metric; model/metrics.py returns {', '.join(values)}"
        free = [f"    [floors.{name}]" for name in values if name not in floors]
        fix = "\n".join(["remove these, or replace them by (correct the numbers):", *free])
        return mend(what, problem, "The gate cannot check a floor without its metric.", fix)
    if missed := [f"{name} is {values[name]:.4g}" for name, floor in floors.items() if _lacks(values[name], floor.min, floor.max)]:
        problem = f"floors that a fit of {len(found.rows)} rows misses by far, on rows that it was trained on: {', '.join(missed)}"
        why = "With the floors of another model, the gate says FAIL whatever this model does."
        return note(what, problem, why, "set [floors] to what is good for this model")
    return good(what, f"{_count(len(floors), 'floor')}, of metrics that there are")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _lacks(value: float, low: float | None, high: float | None) -> bool:
    below = low is not None and value < low - FAR * abs(low)
    return below or (high is not None and value > high + FAR * abs(high))


def check_weights(found: Fit) -> Iterator[Finding]:
    """Say what follows where the estimator weighs classes and the loss does not."""
    weights = list(_find_weights())
    if features.TASK == "regression" or not weights or _weighs_classes(found):
        return
    what, problem = "class weights", f"model/estimator.py weighs classes ({', '.join(weights)}), and loss in model/metrics.py does not"
    why = "The model answers as if all classes were equally frequent. An unweighted loss judges that as worse than a trivial answer."
    ours, constant = float(compute_losses(found.truth, found.answers).mean()), choose_trivial(found.truth, found.classes)
    trivial = float(compute_losses(found.truth, repeat_constant(constant, len(found.truth))).mean())
    if ours > trivial:
        yield mend(what, f"{problem}: on a quick fit it loses {ours:.4g}, and a constant answer {trivial:.4g}", why, BALANCED)
    else:
        yield note(what, problem, why, BALANCED)


def _find_weights() -> Iterator[str]:
    """Yield the parameters of the estimator that weigh classes, and `sample_weight` where model/estimator.py has it."""
    parameters: dict[str, Any] = getattr(estimator.build(), "get_params", dict)()
    for name, value in parameters.items():
        if name.rpartition("__")[2] in WEIGHTS and not (value is None or value is False or value == 1):
            yield f"{name}={value!r}"[:80]
    if "sample_weight" in inspect.getsource(estimator):
        yield "sample_weight"


def _weighs_classes(found: Fit) -> bool:
    """Tell whether the loss weighs a rare class more: rows that are answered alike then lose differently."""
    number = len(found.classes or ())
    truth = np.array([0] * 9 + list(range(1, number)))
    losses = compute_losses(truth, repeat_constant([1 / number] * number, len(truth)))
    return bool(np.ptp(losses) > 1e-9)
