"""Write `model/estimator.py` for a fitted model: imports, and build() with the same classes and parameters, not fitted."""

import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import Parameter
from typing import Any

from slipway.adopt.expressions import NotTaken, format_imports, format_items, format_plain, is_parameter
from slipway.adopt.fitted import Fitted, find_class, get_class_name
from slipway.adopt.libraries import BUILT_IN, find_public, list_parameters, names_library, names_no_model
from slipway.adopt.pickle_arrays import INDEX, read_number, read_values
from slipway.adopt.pickle_tree import Name, Record
from slipway.adopt.renamed import NAMES, translate_value, was_chosen, was_set
from slipway.doctor.source import quote
from slipway.say import one_line
from slipway.serving.trusted import BOOSTING

# Of a text so long, and made with so much work, nobody reads all.
DEEPEST, MOST_VALUES, MOST_STEPS = 30, 5000, 100_000
# What is written in place of a value that is not taken, where another one has to be.
MISSING = object()
# Parameters that name a place on a disk: nothing is read from or written to where a file says.
PLACES = re.compile(r"memory|snapshot_file|save_snapshot|train_dir|callbacks|.*_(dir|file|filename|path)")
# Without `solver` nothing in them is by chance.
SURE = ("ElasticNet", "Lasso", "LinearRegression", "LinearSVR", "LogisticRegression", "Ridge", "RidgeClassifier")
OUTPUTS = ("default", "pandas", "polars")
WRAPPED = ("FrozenEstimator", "GridSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV", "RandomizedSearchCV")
DOCSTRING = '"""What is fitted: the model of `{file}`, drafted by `./run adopt` from its names and parameters."""'


@dataclass
class Drafted:
    """The text of an estimator, what of it has to be written in `model/steps.py`, and notes for people."""

    text: str
    own: list[str]
    notes: list[str]


@dataclass
class Writer:
    """Writes values as Python, and keeps what they import."""

    imports: dict[str, set[str]] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    signatures: Mapping[str, Sequence[str]] = field(default_factory=dict)
    left: int = MOST_VALUES
    steps: int = MOST_STEPS

    def format(self, value: Any, depth: int = 0) -> str:
        """Return a value as an expression. Raises NotTaken."""
        self.left, self.steps = self.left - 1, self.steps - 1
        if depth > DEEPEST or self.left < 0 or self.steps < 0:
            raise NotTaken("a value that is too large", needed=self.steps < 0)
        if isinstance(value, Record):
            return self._format_record(value, depth + 1)
        if isinstance(value, Name):
            return self._format_name(value)
        if isinstance(value, dict):
            pairs = [f"{self.format(key, depth + 1)}: {self.format(each, depth + 1)}" for key, each in value.items()]
            return f"{{{', '.join(pairs)}}}"
        if isinstance(value, list | tuple | set | frozenset):
            return format_items(value, [self.format(each, depth + 1) for each in value])
        return format_plain(value)

    def _import(self, module: str, name: str) -> str:
        if any(name in names for other, names in self.imports.items() if other != module):
            raise NotTaken(f"{module}.{name}, which has the name of another part", needed=True)
        self.imports.setdefault(module, set()).add(name)
        return name

    def _format_name(self, name: Name) -> str:
        public = find_public(name)
        if public is None and names_library(name):
            raise NotTaken(f"{name.path}, which is not in the version here, or not loaded by a release", needed=True)
        if public is None:
            return self._import_own(name)
        if name.module in BUILT_IN:
            return public.name
        if name.top == "numpy":
            self.imports.setdefault("numpy", set())
            return f"{public.module.replace('numpy', 'np', 1)}.{public.name}"
        return self._import(public.module, public.name)

    def _import_own(self, name: Name) -> str:
        free = name.name.isidentifier() and not keyword.iskeyword(name.name)
        if not free or self.own.get(name.name, name.path) != name.path:
            raise NotTaken(f"{one_line(name.path, 60)}, which cannot be imported under its name", needed=True)
        self.own[name.name] = name.path
        return self._import("model.steps", name.name)

    def _format_record(self, record: Record, depth: int) -> str:
        if (number := read_number(record)) is not None:
            return format_plain(number)
        if (values := read_values(record)) is not None:
            return self.format(values, depth)
        name = record.made_by
        if record.path in INDEX or not isinstance(name, Name):
            raise NotTaken(f"a value of {one_line(record.path or 'an unknown type', 60)}")
        if name.name in WRAPPED and name.top == "sklearn":
            return self._format_wrapped(record, depth)
        if name.module.startswith("numpy.random"):
            self.notes.append("a generator of random numbers is drafted as 0")
            return "0"
        if call := self._format_call(record, name, depth):
            return call
        if names_no_model(name):
            raise NotTaken(f"a value of {name.path}")
        return self._format_object(record, name, depth)

    def _format_call(self, record: Record, name: Name, depth: int) -> str:
        """Return the call of one of Python's own types, nothing for what is another object."""
        if name.path == "functools.partial" and record.states and isinstance(record.states[-1], tuple) and len(record.states[-1]) > 2:
            function, arguments, keywords = record.states[-1][:3]
            positional = [self.format(each, depth) for each in (function, *(arguments or ()))]
            named = [f"{_check_key(key)}={self.format(each, depth)}" for key, each in (keywords or {}).items()]
            return f"{self._import('functools', 'partial')}({', '.join([*positional, *named])})"
        if name.module in BUILT_IN and name.name in ("slice", "range", "set", "frozenset", "complex"):
            return f"{name.name}({', '.join(self.format(each, depth) for each in record.arguments)})"
        if record.arguments or record.items:
            raise NotTaken(f"what {one_line(name.path, 60)} returns")
        return ""

    def _format_wrapped(self, record: Record, depth: int) -> str:
        """Return what a search chose in its place, or what was frozen."""
        state = record.state
        chosen = state.get("best_estimator_") or state.get("estimator")
        if not isinstance(chosen, Record):
            raise NotTaken(f"a {get_class_name(record)} without an estimator")
        if "best_params_" in state:
            writer = Writer()
            try:
                best = f", with {one_line(writer.format(state['best_params_']), 200)}"
            except NotTaken:
                best = ""
            self.notes.append(f"{get_class_name(record)}: what it chose is drafted, and not the search{best}")
        return self.format(chosen, depth)

    def _format_object(self, record: Record, name: Name, depth: int) -> str:
        kind, written = find_class(record), self._format_name(name)
        arguments = []
        parameters = list_parameters(kind) if kind else {}
        found = dict(self._list_parameters(record, kind, parameters))
        needed = {key for key, each in parameters.items() if each.default is Parameter.empty}
        if not needed <= found.keys():
            raise NotTaken(f"a {name.name} that is not kept with its parameters")
        for key, value in found.items():
            left, parameter = self.left, parameters.get(key)
            try:
                text = self.format(value, depth)
            except NotTaken as error:
                if error.needed or key in needed:
                    raise
                self.left = left
                self.notes.append(f"{name.name}: {key} is {error}; its default is drafted")
                continue
            if parameter is None or text != self._format_default(parameter):
                arguments.append(text if _is_positional(key, parameters) else f"{key}={text}")
        return f"{written}({', '.join([*arguments, *self._list_fixed(record, kind, parameters)])}){_format_output(record)}"

    def _list_parameters(self, record: Record, kind: type | None, parameters: Mapping[str, Parameter]) -> Iterator[tuple[str, Any]]:
        """Yield the parameters that an object was made with, in the order of its class."""
        state, name = record.state, get_class_name(record)
        others = (state.get(each) for each in ("kwargs", "_other_params"))
        extra: dict[Any, Any] = next((each for each in others if isinstance(each, dict)), {})
        known = {key: value for key, value in {**extra, **state}.items() if is_parameter(key)}
        found = {key if key in parameters else NAMES.get(key, key): value for key, value in known.items()}
        names = [*(each for each in parameters if each in found), *(each for each in extra if each in found and each not in parameters)]
        for key in names if kind else [each for each in found if each in self.signatures.get(name, found)]:
            value = found[key]
            if PLACES.fullmatch(key) and value is not None:
                self.notes.append(f"{name}: {key} is left out, since it names a place on a disk")
            elif not kind:
                yield key, value
            elif was_chosen(name, key, value):
                yield key, translate_value(name, key, value)
        gone = [key for key, value in found.items() if kind and key not in {*names, *_list_attributes(kind)} and was_set(key, value)]
        if gone:
            self.notes.append(f"{name}: {', '.join(gone)}: no parameter of the version here, left out")

    def _format_default(self, parameter: Parameter) -> str:
        default = parameter.default
        if isinstance(default, type):
            return f"np.{default.__name__}" if default.__module__ == "numpy" else default.__name__
        try:
            return Writer().format(default)
        except NotTaken:
            return ""

    def _list_fixed(self, record: Record, kind: type | None, parameters: Mapping[str, Parameter]) -> Iterator[str]:
        """Yield what makes the same data give the same model, where nothing was chosen."""
        state, name = record.state, get_class_name(record)
        sure = _top(record) in BOOSTING or (name in SURE and state.get("solver", "lbfgs") in ("lbfgs", "auto"))
        if hasattr(kind, "get_params") and "random_state" in parameters and state.get("random_state", MISSING) is None and not sure:
            self.notes.append(f"{name}: random_state=0 is drafted, so that the same data give the same model")
            yield "random_state=0"
        if _top(record) == "catboost" and "allow_writing_files" in parameters and "allow_writing_files" not in state:
            yield "allow_writing_files=False"


def _list_attributes(kind: type) -> set[str]:
    """Return what an object has before it is fitted, whatever it was made with."""
    try:
        return {*vars(kind()), "kwargs"}
    except TypeError:  # it has to be made with something
        return {"kwargs"}


def _format_output(record: Record) -> str:
    """Return the call by which a step was told to return a table, nothing where it was not."""
    config = record.state.get("_sklearn_output_config")
    form = config.get("transform") if isinstance(config, dict) else None
    return f".set_output(transform={quote(form)})" if form in OUTPUTS else ""


def _top(record: Record) -> str:
    return record.made_by.top if isinstance(record.made_by, Name) else ""


def _check_key(key: Any) -> str:
    if not is_parameter(key):
        raise NotTaken("a call with names that are none")
    return str(key)


def _is_positional(key: str, parameters: Mapping[str, Parameter]) -> bool:
    """Tell whether a parameter is the first one, and has to be there."""
    first = next(iter(parameters.values()), None)
    return bool(first and first.name == key and first.default is Parameter.empty and first.kind is Parameter.POSITIONAL_OR_KEYWORD)


def draft_estimator(fitted: Fitted, signatures: Mapping[str, Sequence[str]] | None = None) -> Drafted:
    """Return `model/estimator.py` for a fitted model. Raises NotTaken where a class is not there.

    `signatures` are the parameters of the owner's classes, as far as they are known.
    """
    writer = Writer(signatures=signatures or {})
    body = writer.format(fitted.estimator)
    kind = re.match(r"\w+", body)
    assert kind
    docstring = DOCSTRING.format(file=one_line(re.sub(r'[\\"`]', "'", fitted.file), 60))
    build = f'def build() -> {kind[0]}:\n    """Return the unfitted pipeline."""\n    return {body}\n'
    text = f"{docstring}\n\n{format_imports(writer.imports, body)}\n\n{build}"
    return Drafted(text, list(writer.own.values()), list(dict.fromkeys(writer.notes)))
