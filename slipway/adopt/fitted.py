"""What a model's file tells of the model: its estimator, the columns and classes that it saw, and the versions that made it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sklearn.base import ClassifierMixin, RegressorMixin

from slipway.adopt.boosters import read_booster_columns, read_xgboost_version
from slipway.adopt.libraries import Public, find_public, names_no_model, read_versions
from slipway.adopt.model_file import BY_HAND, read_model
from slipway.adopt.pickle_arrays import read_number, read_values
from slipway.adopt.pickle_tree import Name, Record, find_records
from slipway.adopt.refused import refuse_code, refuse_packages
from slipway.errors import PipelineError
from slipway.say import one_line
from slipway.serving.trusted import BOOSTING

# Attributes that hold an estimator within another one, in the order in which they are asked.
WITHIN = ("best_estimator_", "estimator_", "estimator", "regressor_", "regressor", "base_estimator")
DEEPEST = 12


@dataclass(frozen=True)
class Fitted:
    """A fitted model by its names: nothing of it is loaded."""

    file: str
    form: str
    estimator: Record
    made_with: Mapping[str, str]
    installed: Mapping[str, str]
    columns: tuple[str, ...] | None
    count: int | None
    classes: tuple[Any, ...]
    loaded: bool = False

    @property
    def title(self) -> str:
        """Return the name of its class."""
        return get_class_name(self.estimator)

    def format_versions(self) -> str:
        """Return which versions made it and which are here, as a sentence."""
        return "; ".join(
            (f"made with {name} {made}" if (made := self.made_with.get(name)) else f"the file does not say which {name} made it")
            + f", {here or 'none'} is installed here"
            for name, here in self.installed.items()
        )

    def format_notes(self) -> list[str]:
        """Return what is known of it, a line each."""
        counted = f"{self.count} columns without names" if self.count else "columns that the file does not name"
        saw = f"{len(self.columns)} columns by name" if self.columns else counted
        read = "It was loaded after its check" if self.loaded else "It was not loaded, only read"
        first = [
            f"model: {self.title} of {self.file}, a {self.form}",
            f"It saw {saw}. {read}: build() fits it again, and uses nothing of what it learnt",
        ]
        return [*first, *filter(None, [self.format_versions()])]


def read_fitted(path: Path) -> Fitted:
    """Read what a model's file tells. Raises PipelineError where that is no model that can be drafted."""
    file = read_model(path)
    refuse_code(path.name, file.tree.names)
    refuse_packages(path.name, file.tree.names)
    estimator = _find_estimator(path.name, file.tree.root)
    tops = {each.made_by.top for each in find_records(estimator) if isinstance(each.made_by, Name)}
    return Fitted(
        file=path.name,
        form=file.form,
        estimator=estimator,
        made_with={**_read_made_with(estimator), **file.versions},
        installed=read_versions(tops & {"sklearn", *BOOSTING}),
        columns=_find_columns(estimator),
        count=_find_count(estimator),
        classes=_find_classes(estimator),
        loaded=file.loaded,
    )


# --- the estimator


def _find_estimator(file: str, root: Any) -> Record:
    """Return the model in a file: the outermost value, or the only one in a dict or a list that predicts."""
    if isinstance(root, Record) and _is_object(root):
        return root
    values = root.items() if isinstance(root, dict) else enumerate(root) if isinstance(root, list | tuple) else ()
    found = {key: each for key, each in values if isinstance(each, Record) and isinstance(each.made_by, Name) and _is_object(each)}
    models = {key: each for key, each in found.items() if hasattr(find_class(each), "predict")}
    others = {key: each for key, each in found.items() if key not in models and hasattr(find_class(each), "transform")}
    if len(models) == 1 and not others:
        return next(iter(models.values()))
    listed = ", ".join(f"{one_line(str(key), 30)} ({get_class_name(each)})" for key, each in list((models | others).items())[:5])
    what = f"several parts: {listed}" if listed else _describe(root)
    raise PipelineError(
        f"{file} holds {what}. Expected: one estimator, such as a Pipeline with all steps. Next: save that alone, or {BY_HAND}."
    )


def _describe(value: Any) -> str:
    if isinstance(value, Record):
        return f"{'what ' * bool(value.arguments)}{value.path or 'a call'}{' returns' * bool(value.arguments)}, and no estimator"
    if isinstance(value, Name):
        return f"the name {value.path}, and no estimator"
    return f"a value of type {type(value).__name__}, and no estimator"


def _is_object(record: Record) -> bool:
    """Tell whether a record is an object with its attributes, and not what a function returns."""
    if not isinstance(record.made_by, Name) or record.arguments or names_no_model(record.made_by):
        return False
    known = find_class(record)
    return hasattr(known, "get_params") if known else True


def find_class(record: Record) -> type | None:
    """Return the class of a record where it is one of a library."""
    public: Public | None = find_public(record.made_by) if isinstance(record.made_by, Name) else None
    return public.found if public and isinstance(public.found, type) else None


def get_class_name(record: Record) -> str:
    """Return the name of a record's class."""
    return record.made_by.name if isinstance(record.made_by, Name) else "an object"


def find_within(record: Record) -> Iterator[Record]:
    """Yield an estimator, and the one that sees its columns first: the first step, what a search chose, and so on."""
    for _ in range(DEEPEST):
        yield record
        state = record.state
        found = [state.get(each) for each in WITHIN]
        found += [each[1] for each in _list_steps(state)[:1]]
        found += state["estimators_"][:1] if isinstance(state.get("estimators_"), list) else []
        inner = next((each for each in found if isinstance(each, Record) and each.states), None)
        if inner is None:
            return
        record = inner


def _list_steps(state: Mapping[Any, Any]) -> list[Any]:
    steps = state.get("steps")
    return [each for each in steps if isinstance(each, tuple) and len(each) == 2] if isinstance(steps, list) else []


def find_last(record: Record) -> Record:
    """Return the estimator that answers: what a search chose, the last step of a pipeline."""
    for _ in range(DEEPEST):
        state = record.state
        inner = state.get("best_estimator_") or next((each[1] for each in _list_steps(state)[-1:]), None)
        if not isinstance(inner, Record):
            return record
        record = inner
    return record


def classifies(fitted: Fitted) -> bool | None:
    """Tell whether a model answers classes, None where that is not known."""
    kind = find_class(find_last(fitted.estimator))
    written = getattr(kind, "_estimator_type", "")
    if kind and (issubclass(kind, ClassifierMixin) or written == "classifier"):
        return True
    return False if kind and (issubclass(kind, RegressorMixin) or written == "regressor") else None


# --- what it saw


def _find_columns(estimator: Record) -> tuple[str, ...] | None:
    for each in find_within(estimator):
        written = each.state.get("feature_names_in_")
        values = read_values(written) if isinstance(written, Record) else written
        if isinstance(values, list) and values and all(isinstance(name, str) for name in values):
            return tuple(values)
        if names := read_booster_columns(each.state):
            return tuple(names)
    return None


def _find_count(estimator: Record) -> int | None:
    counts = (each.state.get(name) for each in find_within(estimator) for name in ("n_features_in_", "_n_features_in", "_n_features"))
    numbers = (read_number(each) if isinstance(each, Record) else each for each in counts)
    return next((each for each in numbers if isinstance(each, int) and each > 0), None)


def _find_classes(estimator: Record) -> tuple[Any, ...]:
    state = find_last(estimator).state
    values = next((state[each] for each in ("classes_", "_classes") if each in state), None)
    return tuple((read_values(values) or ()) if isinstance(values, Record) else ())


def _read_made_with(estimator: Record) -> dict[str, str]:
    found: dict[str, str] = {}
    for record in find_records(estimator):
        state = record.state
        if isinstance(written := state.get("_sklearn_version"), str):
            found.setdefault("scikit-learn", one_line(written, 20))
        if record.path == "xgboost.core.Booster" and (version := read_xgboost_version(record)):
            found["xgboost"] = version
    return found
