"""Read a suite of Great Expectations, and build each expectation by itself, so that one that cannot be built is named.

`ExpectationSuite` prints a traceback for such an expectation and leaves it out: the rest would then hold for all of them.
"""

import inspect
import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from uuid import UUID

# What an expectation allows, by the names of its arguments: one that is given none of those that it takes would hold for anything.
LIMITS = ("min_value", "max_value", "regex", "type_list", "column_set", "column_list", "threshold")
COLUMNS = ("column", "column_A", "column_B")
# Arguments that are objects.
OBJECTS = ("meta", "result_format", "json_schema", "partition_object", "quantile_ranges", "row_condition")
# Names that Great Expectations gave up with its version 1, and those that it has now.
RENAMED = {"expectation_type": "type", "expectation_suite_name": "name", "evaluation_parameters": "suite_parameters"}


class SuiteError(ValueError):
    """A suite that cannot be read, or whose expectations cannot be built; says which, and why."""

    remedy = "correct it"


class NotEvaluated(SuiteError):
    """Expectations that were built, and cannot be evaluated on the data."""

    remedy = "correct these expectations, or the data"


@dataclass(frozen=True)
class Suite:
    """A suite as declared, and its expectations as built, in their order; `declared` are their dictionaries."""

    settings: dict[str, Any]
    declared: list[Any]
    built: list[Any]


def load_suite(path: Path, extra: Iterable[dict[str, Any]] = ()) -> Suite:
    """Read a suite and build its expectations, and `extra` ones after them. Raises SuiteError that names each that cannot be built."""
    content = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_refuse_repeated)
    settings = _check_settings(content)
    declared = [*settings.pop("expectations"), *extra]
    built: list[Any] = []
    refused: dict[int, str] = {}
    for number, each in enumerate(declared):
        try:
            built.append(_build_expectation(each, number))
        except Exception as error:  # whatever Great Expectations raises
            refused[number] = _explain_refusal(error, each)
    raise_refused(refused, declared, SuiteError)
    return Suite(settings, declared, built)


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON. Raises SuiteError when it has a name twice: only the last would count."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise SuiteError(
            f"{next(name for name in found if names.count(name) > 1)!r} is there twice in one object of {json.dumps(found)[:80]}."
        )
    return found


def _check_settings(content: Any) -> dict[str, Any]:
    """Return a suite's own settings. Raises SuiteError."""
    from great_expectations import ExpectationSuite

    if not isinstance(content, dict):
        raise SuiteError(f"It is a {type(content).__name__}. Expected: an object with a name, and a list of expectations.")
    _refuse_unknown(content, _list_parameters(ExpectationSuite))
    if not isinstance(content.get("name"), str) or not content["name"]:
        raise SuiteError('It has no name. Expected: "name": "rows", or another word.')
    if not isinstance(content.get("expectations"), list):
        raise SuiteError('It has no list of expectations. Expected: "expectations": [{"type": ..., "kwargs": {...}}].')
    return dict(content)


def _build_expectation(declared: Any, number: int) -> Any:
    """Build one expectation, with its number for an id, by which its result is found. Raises whatever Great Expectations raises."""
    from great_expectations.expectations import registry
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    if not isinstance(declared, dict):
        raise SuiteError(f'it is {json.dumps(declared)[:60]}. Expected: {{"type": ..., "kwargs": {{...}}}}')
    _refuse_unknown(declared, _list_parameters(ExpectationConfiguration))
    kind, arguments = declared.get("type"), declared.get("kwargs")
    known = registry.list_registered_expectation_implementations()
    if kind not in known:
        raise SuiteError(f"there is no such expectation{_suggest_name(kind, known)}")
    if not isinstance(arguments, dict):
        raise SuiteError('it has no arguments. Expected: "kwargs": {...}')
    _refuse_unknown(arguments, registry.get_expectation_impl(kind).__fields__)
    built: Any = ExpectationConfiguration(**declared).to_domain_obj()
    _refuse_misread(arguments, built)
    limits = [name for name in LIMITS if name in built.__fields__]
    if limits and all(arguments.get(name) is None for name in limits):
        raise SuiteError(f"it would hold for anything. Expected: {' or '.join(limits)}")
    built.id = str(UUID(int=number))
    return built


def _refuse_misread(arguments: dict[str, Any], built: Any) -> None:
    """Raise SuiteError for an argument that was taken for a suite's parameter, as an empty text, an empty list and any object is."""
    for name, value in arguments.items():
        taken = isinstance(getattr(built, name), dict) and name not in OBJECTS
        if taken and not (isinstance(value, dict) and set(value) == {"$PARAMETER"}):
            raise SuiteError(f"{name} {json.dumps(value)[:40]}: this is no value that it takes")


def _list_parameters(taker: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(taker).parameters)


def _refuse_unknown(names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name in RENAMED and name not in known:
            raise SuiteError(f"{name!r} is from before Great Expectations 1.0, which calls it {RENAMED[name]!r}")
        if name not in known:
            raise SuiteError(f"{name!r} is not known there{_suggest_name(name, known)}")


def _suggest_name(name: Any, known: Collection[str]) -> str:
    found = get_close_matches(name, known, n=1, cutoff=0.5) if isinstance(name, str) else []
    return f"; the nearest is {found[0]}" if found else ""


def _explain_refusal(error: Exception, declared: Any) -> str:
    from great_expectations.compatibility.pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return one_line(error)
    first: dict[str, str] = {}  # a value that may have several types has an error for each
    for each in error.errors():
        first.setdefault(".".join(str(part) for part in each["loc"] if part != "__root__"), each["msg"])
    arguments = declared["kwargs"]
    return "; ".join(
        f"{name} {json.dumps(arguments[name])[:40]}: {why}" if name in arguments else f"{name} {why}".strip() for name, why in first.items()
    )


def one_line(error: object) -> str:
    """Return what an error says, in one line without its end."""
    return " ".join(str(error).split()).rstrip(".")[:300] or type(error).__name__


def raise_refused(refused: dict[int, str], declared: list[Any], kind: type[SuiteError]) -> None:
    """Raise an error that names each refused expectation by its number (from 1), type and column, if there is one."""
    if refused:
        lines = [f"number {number + 1}, {_name_expectation(declared[number])}: {why}." for number, why in refused.items()]
        many = f"{len(refused)} of {len(declared)} expectations cannot be {'evaluated' if kind is NotEvaluated else 'built'}"
        raise kind(f"{many}: " + "\n".join(lines))


def _name_expectation(declared: Any) -> str:
    if not isinstance(declared, dict):
        return "which is no object"
    kind = declared.get("type") or declared.get("expectation_type") or "without a type"
    columns = ", ".join(find_columns(declared.get("kwargs")))
    where = f" ({declared['notes']})" if declared.get("notes") else ""  # an owner's own, or where one that is not in the suite is from
    return (f"{kind} of {columns}" if columns else str(kind)) + where[:80]


def find_columns(arguments: Any) -> list[str]:
    """Return the columns that an expectation looks at, by its arguments."""
    if not isinstance(arguments, dict):
        return []
    several = arguments.get("column_list")
    return [str(arguments[name]) for name in COLUMNS if name in arguments] + list(map(str, several if isinstance(several, list) else []))
